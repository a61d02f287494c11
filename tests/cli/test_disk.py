"""Errors of the disk are reported in one line, without a traceback."""

from __future__ import annotations

import errno
import os

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dialtone_nb import __main__ as command
from dialtone_nb.display.outputs import show_ours


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("name", ["reports/a\x1b[31m.html", None])
def test_a_disk_that_refuses_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, name: str | None
) -> None:
    """The line names the file if it is known; the exit code is that of bad input."""

    def write(parsed: object) -> int:
        raise OSError(number, os.strerror(number), name)

    monkeypatch.setattr(command, "run_command", write)
    assert command.main(["find-secrets"]) == 5
    told = capsys.readouterr().err
    assert os.strerror(number) in told
    assert told.removesuffix("\n").isprintable()


def test_a_disk_that_refuses_is_told_in_a_line_in_a_notebook_too(capsys: pytest.CaptureFixture[str]) -> None:
    """The cell fails with bad input; our own defects keep their traceback."""
    shell = InteractiveShell()
    show_ours(shell)
    shell.run_cell(f"raise OSError({errno.ENOSPC}, 'full', 'reports/a.html')")
    told = capsys.readouterr().out
    assert told.startswith(f"InputError: reports/a.html: {os.strerror(errno.ENOSPC)}; make room")
    assert "Traceback" not in told
    shell.run_cell("raise ConnectionResetError(104, 'reset')")
    assert "Traceback" in capsys.readouterr().out


def test_another_error_of_the_system_is_no_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other system errors keep their traceback."""

    def ask(parsed: object) -> int:
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    monkeypatch.setattr(command, "run_command", ask)
    with pytest.raises(ConnectionResetError):
        command.main(["find-secrets"])
