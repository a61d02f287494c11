"""Events on their way to the disk: taken at once, written together by a thread, and never in the way of a call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from dialtone_nb.server.day_files import append_lines, day_file
from dialtone_nb.server.spool import Spool, save_left_lines

MOST_WAITING: Final = 10_000
# How long the answer to a status callback waits for its event to be on the disk. Nobody talks then, and it is usually
# there in a millisecond; a disk that takes longer must not keep the caller.
WITHIN_S: Final = 0.25
RETRY_AFTER_S: Final = 1.0
_CLOSING_S: Final = 5.0
# Events that nobody waits for are written together: waking a thread for each call would slow the calls.
_TOGETHER_S: Final = 0.02
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting:
    """One line, and the request that waits for it to be on the disk."""

    line: bytes
    saved: asyncio.Future[bool] | None = None


def event_line(event: Mapping[str, Any], moment: datetime) -> bytes:
    """One JSON line as the deployed functions log it, with the moment in UTC to the millisecond."""
    timestamp = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"timestamp": timestamp, **event})


class EventWriter:
    """The events of one environment, in one file a day; `count` is told how many were "written" or "lost"."""

    def __init__(
        self, folder: Path, count: Callable[[str, int], None] = lambda result, number: None, most: int = MOST_WAITING
    ) -> None:
        self._folder = folder
        self._count = count
        self._most = most
        self._waiting: deque[_Waiting] = deque()
        self._spool = Spool(folder)
        self._changed = threading.Condition()
        self._is_closing = False
        self._is_urgent = False
        self._is_failing = False
        self._failure = ""
        self._is_losing = False
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def note(self, event: Mapping[str, Any]) -> None:
        """Take an event, which is on the disk a moment later even if this process is killed."""
        self._take(_Waiting(event_line(event, datetime.now(UTC))))

    async def keep(self, event: Mapping[str, Any], within_s: float = WITHIN_S) -> bool:
        """Whether the event is on the disk for good; false where that took too long or failed: it is tried again."""
        saved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        is_taken = self._take(_Waiting(event_line(event, datetime.now(UTC)), saved))
        # No call waits for a disk that is known to fail.
        if not is_taken or self._is_failing:
            return False
        await asyncio.wait([saved], timeout=within_s)
        return saved.done() and saved.result()

    def problem(self) -> str:
        """Why events can't be kept, by the last try and by a look at the folder; empty where they can."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return error.strerror or str(error)
        return self._failure or ("" if os.access(self._folder, os.W_OK | os.X_OK) else "Permission denied")

    def close(self) -> None:
        """Write what is waiting, and stop; what can't be written is lost, and counted."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(_CLOSING_S)
        # A thread that still hangs on the disk has the spool until the process ends.
        if not self._thread.is_alive():
            self._spool.close(keep=bool(self._waiting))
        if self._waiting:
            self._lose(len(self._waiting), "they could not be written until the end; the next server here tries again")

    def _take(self, waiting: _Waiting) -> bool:
        with self._changed:
            is_taken = len(self._waiting) < self._most
            if is_taken:
                self._waiting.append(waiting)
                self._spool.add(waiting.line)
                self._is_urgent |= waiting.saved is not None
                if self._is_urgent or len(self._waiting) == 1:
                    self._changed.notify()
        if not is_taken:
            self._lose(1, f"{self._most} wait for the disk already, and more will not be kept")
        return is_taken

    def _run(self) -> None:
        has_looked = self._save_left_lines()
        while batch := self._next_batch():
            is_written = self._write(batch)
            _tell(batch, is_written)
            if is_written:
                with self._changed:
                    for _ in batch:
                        self._waiting.popleft()
                self._spool.end_saving()
                self._count("written", len(batch))
                has_looked = has_looked or self._save_left_lines()
            elif self._pause():
                return

    def _next_batch(self) -> list[_Waiting]:
        """All that waits, soon after something does, at once where somebody waits for it; empty once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            self._changed.wait_for(lambda: self._is_urgent or self._is_closing, _TOGETHER_S)
            self._is_urgent = False
            self._spool.begin_saving()
            return list(self._waiting)

    def _save_left_lines(self) -> bool:
        """Whether the events of a killed process are on the disk, if there were any; otherwise they are tried again."""
        try:
            saved = save_left_lines(self._folder)
        except OSError:
            return False
        if saved:
            self._count("written", saved)
        return True

    def _pause(self) -> bool:
        """Whether the log was closed while the disk was given a moment."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_closing, RETRY_AFTER_S)

    def _write(self, batch: list[_Waiting]) -> bool:
        try:
            append_lines(day_file(self._folder, datetime.now(UTC)), [one.line for one in batch])
        except OSError as error:
            if not self._is_failing:
                _log.error("%s: events can't be written: %s; they wait, calls go on", self._folder, error.strerror)
            self._is_failing, self._failure = True, error.strerror or str(error)
            return False
        if self._is_failing:
            _log.info("%s: events are written again", self._folder)
        self._is_failing = self._is_losing = False
        self._failure = ""
        return True

    def _lose(self, number: int, why: str) -> None:
        self._count("lost", number)
        if not self._is_losing:
            _log.error("%s: events are lost: %s", self._folder, why)
        self._is_losing = True


def _tell(batch: list[_Waiting], is_saved: bool) -> None:
    """Wake the waiting requests, each once, in their own loop."""
    waited_for = [one.saved for one in batch if one.saved]
    for one in batch:
        one.saved = None
    if waited_for:
        # In a closed loop nothing waits.
        with contextlib.suppress(RuntimeError):
            waited_for[0].get_loop().call_soon_threadsafe(_resolve, waited_for, is_saved)


def _resolve(futures: list[asyncio.Future[bool]], is_saved: bool) -> None:
    for future in futures:
        if not future.done():
            future.set_result(is_saved)
