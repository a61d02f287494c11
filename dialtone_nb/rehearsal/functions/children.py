"""The Node processes of a rehearsal: one for each build in an environment that was asked, started when it is."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from dialtone_nb.rehearsal.functions.child import Child
from dialtone_nb.rehearsal.functions.packages import Packages


@dataclass(frozen=True, slots=True)
class Source:
    """One function or private asset of a build: its path in URLs, its version's SID, and what was uploaded."""

    path: str
    version_sid: str
    content: bytes
    is_asset: bool = False


class Children:
    """Gives a build its process at a place; starts another where the last one has ended."""

    def __init__(self, base: str, packages: Packages) -> None:
        self._base = base
        self._packages = packages
        self._lock = threading.Lock()
        self._left = ExitStack()
        self._children: dict[str, Child] = {}

    def child(self, place: str, sources: Callable[[], list[Source]], wanted: Mapping[str, str]) -> Child:
        """The build's process, with packages of the versions that are wanted, where this machine has them."""
        with self._lock:
            child = self._children.get(place)
            if child and not child.is_alive:
                child.close()
                child = None
            if child is None:
                child = self._children[place] = self._start(place, sources(), wanted)
            return child

    def drop(self, place: str) -> None:
        """End a build's process; the next one to ask gets a new one."""
        with self._lock:
            if child := self._children.pop(place, None):
                child.close()

    def close(self) -> None:
        """End all processes, and delete what they ran."""
        with self._lock:
            for child in self._children.values():
                child.close()
            self._children.clear()
        self._left.close()

    def file(self, place: str, version_sid: str) -> Path:
        """Where a function lies; named for its version, as on Twilio, so that no relative `require` finds another."""
        return self._folder / place / "handlers" / f"{version_sid}.js"

    @cached_property
    def _folder(self) -> Path:
        # Made by the first build that runs: most rehearsals that are killed, and can't delete it, never ran one.
        # Without links in its path, for Node's permissions name it as it is.
        return Path(self._left.enter_context(tempfile.TemporaryDirectory(prefix="rehearsal-"))).resolve()

    def _start(self, place: str, sources: list[Source], wanted: Mapping[str, str]) -> Child:
        folder = self._folder / place
        functions, assets = {}, {}
        for source in sources:
            if source.is_asset:
                # The ending is kept, so that a function can `require` an asset that is JavaScript or JSON.
                file = folder / "assets" / f"{source.version_sid}{PurePosixPath(source.path).suffix}"
                assets[source.path] = file
            else:
                file = self.file(place, source.version_sid)
                functions[source.path.removeprefix("/")] = file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(source.content)
        return Child(folder, functions, assets, self._base, self._packages.serving(wanted))
