"""What phones told of their registrations, kept as the server keeps its events: JSON lines, in a file a UTC day."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from dialtone_nb.parameters import Network
from dialtone_nb.phones.registrations.lines import RegistrationState
from dialtone_nb.server.day_files import day_file, day_files, last_lines
from dialtone_nb.server.event_log import EventWriter

FOLDER: Final = "registrations"
EVENT: Final = "registration"


@dataclass(frozen=True, slots=True)
class Registration:
    """What a phone told, and when that came, by this machine's clock: a phone's own may say 1970, and has no zone."""

    at: datetime
    client: str
    state: RegistrationState
    reason: str = ""
    expires_s: int = 0
    source: str = ""  # the address that it came from


@contextlib.contextmanager
def keep_registrations(
    folder: Path, count: Callable[[str, int], None] = lambda result, number: None
) -> Iterator[Callable[[Registration], None]]:
    """What keeps registrations in the folder until the block ends; `count` is told of those "written" and "lost".

    Disks that are full, processes that are killed: as with the events of calls (server/event_log.py).
    """
    log = EventWriter(folder, count)
    try:
        yield lambda one: log.note(_event(one))
    finally:
        log.close()


def load_registrations(folder: Path, since: datetime, until: datetime) -> list[Registration]:
    """What was told between two moments, oldest first; damaged lines are left out."""
    first, last = (day_file(folder, moment.astimezone(UTC)).name for moment in (since, until))
    found = [
        registration
        for path in day_files(folder)
        if first <= path.name <= last
        for line in path.read_bytes().splitlines()
        if (registration := _read(line)) and since <= registration.at <= until
    ]
    return sorted(found, key=lambda one: one.at)


def load_told(project: Path, network: Network, since: datetime, until: datetime) -> list[Registration]:
    """What was told between two moments to `listen` in the project, and to `serve` in its server's folder."""
    folders = [project, *([project / network.server.folder] if network.server else ())]
    return [one for folder in folders for one in load_registrations(folder / FOLDER, since, until)]


def load_last(folder: Path, size: int) -> list[Registration]:
    """The last entries, oldest first, from this many bytes of the last two days."""
    return [registration for line in last_lines(folder, size) if (registration := _read(line))]


def _event(one: Registration) -> dict[str, Any]:
    said = {"client": one.client, "state": one.state.value, "reason": one.reason, "source": one.source}
    return {"event": EVENT, **said, "expires_s": one.expires_s}


def _read(line: bytes) -> Registration | None:
    try:
        event = orjson.loads(line)
        if event["event"] != EVENT:
            return None
        at, state = datetime.fromisoformat(event["timestamp"]), RegistrationState(event["state"])
        texts = (str(event[name]) for name in ("client", "reason", "source"))
        client, reason, source = texts
        return Registration(at.astimezone(UTC), client, state, reason, int(event["expires_s"]), source)
    except (ValueError, KeyError, TypeError):
        return None
