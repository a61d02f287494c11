"""Files are replaced atomically: readers, crashes and other writers find the old content or the new one."""

from __future__ import annotations

import os
import re
import stat
import threading
from pathlib import Path

import pytest

import dialtone_nb
from dialtone_nb.files.atomic_file import write_together, write_whole

PACKAGE = Path(dialtone_nb.__file__).parent


def test_content_is_replaced_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    """Written twice, the file has the second content, and no temporary file is left."""
    file = tmp_path / "page.html"
    write_whole(file, "old\n")
    write_whole(file, "nëw\n")
    assert file.read_bytes() == "nëw\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_where_one_of_several_can_not_be_written_all_stay_as_they_were(tmp_path: Path) -> None:
    """The second file's folder does not exist."""
    first, second = tmp_path / "phone.txt", tmp_path / "gone" / "phone.xml"
    first.write_text("old")
    with pytest.raises(FileNotFoundError):
        write_together({first: "new", second: "new"})
    assert first.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["phone.txt"]


def test_a_failure_while_writing_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at the flush."""
    file = tmp_path / "page.html"
    file.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("page.html", "old")]


@pytest.mark.parametrize(("owner_only", "mode"), [(True, 0o600), (False, 0o644)])
def test_who_may_read(tmp_path: Path, owner_only: bool, mode: int) -> None:
    """Only the owner if requested, else as umask allows."""
    before = os.umask(0o022)
    try:
        write_together({tmp_path / "file": "x"}, owner_only=owner_only)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_two_that_write_at_once_leave_one_of_the_two_whole(tmp_path: Path) -> None:
    """Neither writes into the other's temporary file."""
    file, contents = tmp_path / "page.html", ("a" * 200_000, "b" * 300_000)

    def write_often(text: str) -> None:
        for _ in range(20):
            write_whole(file, text)

    writers = [threading.Thread(target=write_often, args=(text,)) for text in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert file.read_text() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_no_module_replaces_files_by_itself() -> None:
    """All use this module, except the archive, which may be on another machine."""
    by_hand = re.compile(r"os\.replace|NamedTemporaryFile|\.tmp\b|beside\.replace|written\.replace")
    modules = [path for path in PACKAGE.rglob("*.py") if "node_modules" not in path.parts]
    found = [path.relative_to(PACKAGE).as_posix() for path in modules if by_hand.search(path.read_text("utf-8"))]
    assert found == ["files/atomic_file.py"]
