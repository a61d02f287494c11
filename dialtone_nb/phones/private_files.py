"""A phone's private folder: its password and ready configuration, for the owner's eyes and never for git."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.files.atomic_file import write_together
from dialtone_nb.files.owner_only import close_file, close_folder, make_folder

PRIVATE = Path("private")  # under the project's root; .gitignore names it
PASSWORD_FILE = "phone.txt"  # noqa: S105 - a file's name


def private_folder(environment: str, client: str, *, root: Path = PRIVATE) -> Path:
    """Where a phone's private files lie: private/<environment>/<client>."""
    return root / environment / client


def save_private_files(folder: Path, files: Mapping[str, str]) -> tuple[Path, ...]:
    """The paths of the files, written for the owner alone (folder 0700, files 0600), each whole or not at all.

    An `InputError` where git would take one of them in. Files of other names that were there stay.
    """
    paths = tuple(folder / _plain_name(name) for name in files)
    _refuse_where_git_sees(paths)
    _make_private_folder(folder)
    write_together(dict(zip(paths, files.values(), strict=True)), owner_only=True)
    return paths


def load_private_files(folder: Path) -> dict[str, str]:
    """The contents of a phone's private files by name; empty where there are none."""
    if not folder.is_dir():
        return {}
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()) if _is_ours(path)}


def delete_private_files(folder: Path) -> tuple[str, ...]:
    """The names of the files that were there and are gone, with their folder; nothing where there was none."""
    if not folder.is_dir():
        return ()
    names = []
    for path in sorted(folder.iterdir()):
        path.unlink()
        names.append(path.name)
    folder.rmdir()
    with contextlib.suppress(OSError):  # the environment's folder still holds other phones
        folder.parent.rmdir()
    return tuple(name for name in names if not name.startswith("."))


def _plain_name(name: str) -> str:
    if not name or name != Path(name).name or name.startswith("."):
        raise ValueError(f"{name!r} is not a plain file name")
    return name


def _is_ours(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not path.name.startswith(".")


def _make_private_folder(folder: Path) -> None:
    """Make the folder and its absent parents for the owner alone, and close what was open: it, its files, private/."""
    make_folder(folder)
    for one in (folder, *folder.parents[:2]):
        if one == folder or PRIVATE.name in {one.name, one.parent.name}:
            close_folder(one)
    for path in folder.iterdir():
        if not path.is_symlink():
            close_file(path)


def _refuse_where_git_sees(paths: Iterable[Path]) -> None:
    seen = [path for path in paths if _git_sees(path)]
    if seen:
        raise InputError(
            Fault(
                str(seen[0].parent),
                f"git would take in {seen[0].name}, which holds a password",
                "add private/ to .gitignore, or choose a folder outside the repository",
            )
        )


def _git_sees(path: Path) -> bool:
    """Whether the path lies in a git work tree and is tracked already or not ignored."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link out of the repository
    above = next(parent for parent in path.parents if parent.exists())
    if not any((parent / ".git").exists() for parent in (above, *above.parents)):
        return False
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        # The index is asked too: a tracked file is not ignored, whatever .gitignore says.
        asked = subprocess.run(
            ["git", "-C", str(above), "check-ignore", "--quiet", "--", str(path)],
            env=plain, capture_output=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return True  # a repository, and nobody to ask whether it ignores the path
    return asked.returncode != 0
