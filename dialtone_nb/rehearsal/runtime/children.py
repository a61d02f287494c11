"""The Node processes of a rehearsal: one for each build that was asked, started when it is."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dialtone_nb.rehearsal.runtime.child import Child


@dataclass(frozen=True, slots=True)
class Source:
    """One function of a build: its path in URLs, its version's SID, and what was uploaded."""

    path: str
    version_sid: str
    content: bytes


class Children:
    """Gives a build its process; starts another where the last one has ended."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="rehearsal-")
        self._children: dict[str, Child] = {}

    def child(self, build_sid: str, sources: Callable[[], list[Source]]) -> Child:
        """The build's process."""
        with self._lock:
            child = self._children.get(build_sid)
            if child and not child.is_alive:
                child.close()
                child = None
            if child is None:
                child = self._children[build_sid] = self._start(build_sid, sources())
            return child

    def drop(self, build_sid: str) -> None:
        """End a build's process; the next one to ask gets a new one."""
        with self._lock:
            if child := self._children.pop(build_sid, None):
                child.close()

    def close(self) -> None:
        """End all processes, and delete what they ran."""
        with self._lock:
            for child in self._children.values():
                child.close()
            self._children.clear()
        self._folder.cleanup()

    def file(self, build_sid: str, version_sid: str) -> Path:
        """Where a function lies; named for its version, as on Twilio, so that no relative `require` finds another."""
        return Path(self._folder.name) / build_sid / "handlers" / f"{version_sid}.js"

    def _start(self, build_sid: str, sources: list[Source]) -> Child:
        functions = {}
        for source in sources:
            file = self.file(build_sid, source.version_sid)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(source.content)
            functions[source.path.removeprefix("/")] = file
        return Child(Path(self._folder.name) / build_sid, functions, self._base)
