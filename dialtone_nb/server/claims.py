"""Claims on an environment of our own server: a file each, as everybody sees it who deploys to this folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dialtone_nb.errors import AbsentError, Fault, InputError
from dialtone_nb.files.atomic_file import sync_folder, write_whole
from dialtone_nb.server.folder import writing

CLAIMS: Final = "claims"


@dataclass(eq=False)
class ClaimFile:
    """A claim as it was read or written; whoever changed it meanwhile is not written over."""

    key: str
    value: str
    path: Path = field(repr=False)

    def fetch(self) -> None:
        """Look whether it is still there; an `AbsentError` where it is no longer as it was."""
        self._refuse_changed()

    def update(self, *, value: str) -> None:
        """Give it another value; an `AbsentError` where it is not there any more as it was."""
        with writing(_folder_of(self.path)):
            self._refuse_changed()
            write_whole(self.path, value)
        self.value = value

    def delete(self) -> None:
        """Take it out; an `AbsentError` where it is not there any more as it was."""
        with writing(_folder_of(self.path)):
            self._refuse_changed()
            self.path.unlink()
            sync_folder(self.path.parent)

    def _refuse_changed(self) -> None:
        if not self.path.exists() or self.path.read_text(encoding="utf-8") != self.value:
            raise AbsentError("another claim is there", status=404, code=None, method="GET", path=str(self.path))


@dataclass(frozen=True)
class ClaimFolder:
    """The claims on one environment, as a keeper of claims."""

    folder: Path
    environment: str

    def list(self) -> list[ClaimFile]:
        """Every claim that is there."""
        found = []
        for path in sorted((self.folder / CLAIMS).glob(f"{self.environment}.*")):
            with suppress(FileNotFoundError):  # released a moment ago
                found.append(ClaimFile(path.suffix[1:], path.read_text(encoding="utf-8"), path))
        return found

    def create(self, *, key: str, value: str) -> ClaimFile:
        """The new claim; an `InputError` where there is one."""
        path = self.folder / CLAIMS / f"{self.environment}.{key}"
        with writing(self.folder):
            path.parent.mkdir(exist_ok=True)
            if path.exists():
                raise InputError(Fault(str(path), "is there already", "wait, or break the claim"))
            write_whole(path, value)
        return ClaimFile(key, value, path)


def _folder_of(path: Path) -> Path:
    return path.parent.parent
