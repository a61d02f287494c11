"""What the disk refuses is told in a line, without a traceback."""

from __future__ import annotations

import errno
import os

import pytest

from dialtone_nb import __main__ as command


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("name", ["reports/a\x1b[31m.html", None])
def test_a_disk_that_refuses_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, name: str | None
) -> None:
    """It names the file, where one is known, and ends as bad input does: another folder may do."""

    def write(parsed: object) -> int:
        raise OSError(number, os.strerror(number), name)

    monkeypatch.setattr(command, "run_command", write)
    assert command.main(["find-secrets"]) == 5
    told = capsys.readouterr().err
    assert os.strerror(number) in told
    assert told.removesuffix("\n").isprintable()


def test_another_error_of_the_system_is_no_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours is shown as what it is."""

    def ask(parsed: object) -> int:
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    monkeypatch.setattr(command, "run_command", ask)
    with pytest.raises(ConnectionResetError):
        command.main(["find-secrets"])
