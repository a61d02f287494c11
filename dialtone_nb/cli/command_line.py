"""What every command has: a parser whose complaint is bad input, and errors that are told in a line each."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from dialtone_nb.errors import DialtoneError, Fault, InputError, disk_error


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is bad input: argparse's own exit code, 2, means differences without consent here."""

    # The end of the help, where it takes reading files: made when somebody asks for it.
    ending: Callable[[], str] = staticmethod(lambda: "")
    # The module whose add_options says what the command takes: imported only for whom this command is.
    options_of: str = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """What argparse makes of the arguments, once the options are there."""
        module, self.options_of = self.options_of, ""
        if module:
            import_module(module).add_options(self)
        return super().parse_known_args(args, namespace)

    def format_help(self) -> str:
        """The help, with its ending."""
        return super().format_help() + self.ending()

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise InputError(Fault(self.prog, message, f"try {self.prog} --help"))


def is_ours(error: ImportError) -> bool:
    """Whether a module of ours could not be imported: a defect, and no package that was left out."""
    return (error.name or "").partition(".")[0] == "dialtone_nb"


def exit_code_of(command: Callable[[], int], lacks: Callable[[str], str]) -> int:
    """The exit code of a command; an error of ours is told in its own lines, without a traceback.

    `lacks` says what to do where something is missing that is installed with a part of the package.
    """
    try:
        exit_code = command()
        # Now, as a reader who has gone is told of here, and at the end of Python in a traceback.
        sys.stdout.flush()
        return exit_code
    except DialtoneError as error:
        for line in error.lines():
            print(line, file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if is_ours(error):
            raise
        print(lacks(f"the package {error.name}"), file=sys.stderr)
        return InputError.exit_code
    except BrokenPipeError:
        # Whoever reads has had enough, as head has; what is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        told = disk_error(error)
        if told is None:
            raise
        print(told, file=sys.stderr)
        return told.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 1
