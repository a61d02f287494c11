"""The npm packages that deployed functions may load: those of this machine, since nothing is fetched from anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from dialtone_nb.errors import Fault, InputError

SERVICE = Path(__file__).parents[2] / "service" / "node_modules"
# Part of Node, or of the runtime that the rehearsal stands in for.
BUILT_IN = frozenset({"fs", "util", "@twilio/runtime-handler"})


class Packages:
    """Folders of npm packages: the one that the service brings, and those of other projects that are deployed here."""

    def __init__(self, others: Sequence[Path] = ()) -> None:
        for folder in others:
            if not folder.is_dir():
                raise InputError(Fault(str(folder), "is no folder of npm packages", "run npm install where it belongs"))
        self._folders = tuple(folder.resolve() for folder in (SERVICE, *others))

    @property
    def twilio(self) -> Path:
        """Twilio's own package."""
        return self._folders[0] / "twilio"

    @property
    def node_path(self) -> str:
        """The folders as Node's NODE_PATH."""
        return os.pathsep.join(map(str, self._folders))

    @cached_property
    def readable(self) -> list[Path]:
        """The folders, and what `npm link` and workspaces put into them from elsewhere."""
        entries = [entry for at in self._folders for found in (at.glob("*"), at.glob("@*/*")) for entry in found]
        return [*self._folders, *(entry.resolve() for entry in entries if entry.is_symlink() and entry.exists())]

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of the packages that are in none of the folders."""
        return [
            name for name in names if name not in BUILT_IN and not any((at / name).is_dir() for at in self._folders)
        ]
