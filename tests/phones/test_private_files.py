"""A phone's private files: readable by the owner only, written atomically, and ignored by git."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from dialtone_nb.errors import InputError
from dialtone_nb.files import atomic_file
from dialtone_nb.phones import private_files
from dialtone_nb.phones.private_files import (
    delete_private_files,
    load_private_files,
    private_folder,
    save_private_files,
)

FILES = {"phone.txt": "password: Xk7…\n", "linphone.xml": "<config/>\n"}


def mode(path: Path) -> int:
    """The permission bits of a path."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A phone's folder, not created yet, outside any repository."""
    return private_folder("stage", "lobby", root=tmp_path / "private")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository that ignores private/."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet")
    (root / ".gitignore").write_text("private/\n")
    return root


def git(root: Path, *arguments: str) -> None:
    """Run git in a repository."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", "-C", str(root), *arguments], check=True, env=plain)


def test_folder_is_named_after_environment_and_client() -> None:
    """The folder of a phone is private/<environment>/<client>."""
    assert private_folder("prod", "clinic") == Path("private/prod/clinic")


def test_what_was_saved_is_loaded(folder: Path) -> None:
    """Loading gives back what was saved, by name."""
    paths = save_private_files(folder, FILES)
    assert [path.name for path in paths] == list(FILES)
    assert load_private_files(folder) == FILES


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_nobody_else_can_read_whatever_the_umask(folder: Path, umask: int) -> None:
    """Folders are 0700 and files 0600 under both the most open and the most closed umask."""
    folder.parent.mkdir(parents=True, mode=0o700)
    before = os.umask(umask)
    try:
        paths = save_private_files(folder, FILES)
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert {mode(path) for path in paths} == {0o600}


def test_new_folders_above_are_closed_too(folder: Path) -> None:
    """A new private/ folder is for the owner only."""
    save_private_files(folder, FILES)
    assert {mode(folder), mode(folder.parent), mode(folder.parent.parent)} == {0o700}


def test_file_is_closed_before_it_has_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is created with mode 0600, so that others can never open it."""
    modes = []
    real_open = os.open

    def noting_open(path: str | Path, flags: int, given: int = 0o777) -> int:
        if flags & os.O_CREAT:
            modes.append(given)
        return real_open(path, flags, given)

    monkeypatch.setattr(os, "open", noting_open)
    save_private_files(folder, FILES)
    assert modes == [0o600, 0o600]


def test_open_folder_and_file_are_closed_when_saved_again(folder: Path) -> None:
    """Saving again restores their modes."""
    (path, _) = save_private_files(folder, FILES)
    folder.chmod(0o755)
    path.chmod(0o644)
    save_private_files(folder, FILES)
    assert (mode(folder), mode(path)) == (0o700, 0o600)


def test_failure_leaves_all_the_old_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the second file can't be written, both are unchanged, without temporary files."""
    save_private_files(folder, FILES)
    real_write = atomic_file._write_beside

    def failing_write(path: Path, content: str, *, owner_only: bool) -> Path:
        if path.name == "linphone.xml":
            raise OSError("the disk is full")
        return real_write(path, content, owner_only=owner_only)

    monkeypatch.setattr(atomic_file, "_write_beside", failing_write)
    with pytest.raises(OSError, match="the disk is full"):
        save_private_files(folder, dict.fromkeys(FILES, "new"))
    assert load_private_files(folder) == FILES
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


def test_file_in_place_of_a_link_does_not_follow_it(folder: Path, tmp_path: Path) -> None:
    """A symbolic link is replaced, and its target is left alone."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    folder.mkdir(parents=True)
    (folder / "phone.txt").symlink_to(elsewhere)
    save_private_files(folder, FILES)
    assert elsewhere.read_text() == "untouched"
    assert not (folder / "phone.txt").is_symlink()


@pytest.mark.parametrize("name", ["../phone.txt", "a/b", ".hidden", ""])
def test_names_stay_in_the_folder(folder: Path, name: str) -> None:
    """A name with a path out of the folder is rejected before any write."""
    with pytest.raises(ValueError, match="plain file name"):
        save_private_files(folder, {name: "x"})
    assert not folder.exists()


def test_deleting_takes_the_folder_too_and_says_what_went(folder: Path) -> None:
    """It returns the deleted files; a second time there are none."""
    save_private_files(folder, FILES)
    assert delete_private_files(folder) == ("linphone.xml", "phone.txt")
    assert not folder.exists()
    assert delete_private_files(folder) == ()
    assert load_private_files(folder) == {}


def test_deleting_one_phone_leaves_the_others(folder: Path) -> None:
    """The folders of the environment's other phones stay."""
    other = folder.with_name("library")
    save_private_files(folder, FILES)
    save_private_files(other, FILES)
    delete_private_files(folder)
    assert load_private_files(other) == FILES


def test_ignored_folder_in_a_repository_is_taken(repository: Path) -> None:
    """If .gitignore has private/, the files are written."""
    folder = private_folder("stage", "lobby", root=repository / "private")
    save_private_files(folder, FILES)
    assert load_private_files(folder) == FILES


def test_folder_that_git_sees_is_refused(repository: Path) -> None:
    """In a repository that does not ignore it no file is written, and one line says what to do."""
    folder = private_folder("stage", "lobby", root=repository / "secret")
    with pytest.raises(InputError, match=r"git would take in phone\.txt.*add private/ to \.gitignore") as refused:
        save_private_files(folder, FILES)
    assert len(refused.value.lines()) == 1
    assert not folder.exists()


def test_file_that_git_tracks_already_is_refused(repository: Path) -> None:
    """A committed file is an error, though its folder is ignored."""
    folder = private_folder("stage", "lobby", root=repository / "private")
    folder.mkdir(parents=True)
    (folder / "linphone.xml").write_text("old")
    git(repository, "add", "--force", "private/stage/lobby/linphone.xml")
    with pytest.raises(InputError, match=r"linphone\.xml"):
        save_private_files(folder, FILES)


def test_git_environment_of_a_hook_changes_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIT_DIR and similar variables, which hooks have, do not hide the repository."""
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_WORK_TREE", "/nowhere")
    with pytest.raises(InputError):
        save_private_files(private_folder("stage", "lobby", root=repository / "secret"), FILES)


def test_repository_without_git_is_refused(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a repository without an installed git no file is written."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError):
        save_private_files(private_folder("stage", "lobby", root=repository / "private"), FILES)


def test_the_project_ignores_its_private_folder() -> None:
    """Its private/ folder may hold passwords."""
    project = Path(__file__).parents[2]
    assert not private_files._git_sees(project / "private" / "stage" / "lobby" / "phone.txt")
    assert private_files._git_sees(project / "parameters" / "phone.txt")
