"""Untrusted text is printed without terminal control characters."""

from __future__ import annotations

import logging

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from dialtone_nb.display.outputs import show_ours
from dialtone_nb.errors import Fault, HeldError, InputError, TwilioError
from dialtone_nb.server.running import log_to_terminal
from dialtone_nb.values.printable import printable, printable_lines

ESCAPES = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;title\x07",
    "C1": "\x9b2J",
    "writing direction": "abc\u202edef",
    "isolate": "\u2066a\u2069",
    "zero width": "a\u200bb",
    "another line": "one\u2028two",
    "return": "good\rbad",
    "backspace": "a\bb",
    "null": "\0",
    "delete": "\x7f",
    "half a pair": "\ud800",
}


@pytest.mark.parametrize("text", ESCAPES.values(), ids=ESCAPES)
def test_escapes_are_spelled_out(text: str) -> None:
    """No invisible character is left, and the original can be recognised."""
    spelled = printable(f"{text}\n")
    assert spelled.isprintable()
    assert "\\x" in spelled or "\\u" in spelled


@pytest.mark.parametrize("text", ["", "ada@switchroom", "Zoë 電話 ✓ …", "٠١٢"])
def test_words_stay(text: str) -> None:
    """Any language's letters are printed as they are."""
    assert printable(text) == text
    assert printable_lines(f"{text}\n\t{text}") == f"{text}\n\t{text}"


@pytest.mark.parametrize("text", ESCAPES.values(), ids=ESCAPES)
def test_no_error_has_escapes(text: str) -> None:
    """Whatever untrusted text they contain: a holder's name, a file's, a server's."""
    errors = (
        InputError([Fault(text, "is wrong", text)] * 2),
        HeldError(f"{text} is applying", holder=text, until=""),
        TwilioError(text, status=400, code=1, method="GET", path="/", request_id=text),
    )
    for error in errors:
        assert all(line.isprintable() for line in str(error).split("\n"))
        assert all(line.isprintable() for line in error._render_traceback_())


@pytest.mark.parametrize("text", ESCAPES.values(), ids=ESCAPES)
def test_no_output_of_a_cell_has_escapes_in_its_text(text: str) -> None:
    """A pandas table, plain text, one of our displays."""
    shell = InteractiveShell()
    show_ours(shell)
    assert shell.display_formatter
    for thing in (
        pd.DataFrame({"caller": [text]}, dtype=object),
        pd.Series([text], dtype=object),
        [text],
        type("Told", (), {"__repr__": lambda _: text})(),
    ):
        assert shell.display_formatter is not None
        bundle, _ = shell.display_formatter.format(thing)
        assert all(line.isprintable() for line in bundle["text/plain"].replace("\t", "").split("\n"))


def test_no_line_of_the_servers_log_has_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    """A request's path, which may be logged, is untrusted."""
    root = logging.getLogger()
    handlers, root.handlers, level = root.handlers, [], root.level
    try:
        log_to_terminal()
        logging.getLogger("test").warning("asked for %s", "".join(ESCAPES.values()))
    finally:
        root.handlers = handlers
        root.setLevel(level)
    told = capsys.readouterr().err
    assert told.startswith("WARNING asked for \\x1b[31mred")
    assert told.removesuffix("\n").isprintable()
