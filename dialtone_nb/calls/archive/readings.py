"""When each day of an archive was last read from the account: what a sync need not ask for again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import orjson
from pyarrow import fs

from dialtone_nb.calls.archive.storage import open_archive, replace_file
from dialtone_nb.errors import Fault, InputError

FILE: Final = "readings.json"
# A call lasts up to 24 hours where an account allows it, and its price comes hours after its end.
SETTLING: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Readings:
    """Whose calls an archive holds, and when each UTC day of it was last read."""

    account: str
    days: Mapping[date, datetime]

    def is_settled(self, day: date) -> bool:
        """Whether the day was read so long after its end that nothing of it can have changed since."""
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
        return day in self.days and self.days[day] >= end + SETTLING

    def with_days(self, first: date, last: date, at: datetime) -> Readings:
        """The same, with the days from `first` to `last`, both included, read at this time."""
        read = {first + timedelta(days=n): at for n in range((last - first).days + 1)}
        return replace(self, days={**self.days, **read})


def load_readings(archive: str, account: str) -> Readings:
    """The readings of an archive, none where it is new; an `InputError` where it holds another account's calls."""
    system, root = open_archive(archive)
    path = f"{root}/{FILE}"
    if system.get_file_info(path).type == fs.FileType.NotFound:
        return Readings(account, {})
    with system.open_input_stream(path) as stream:
        content = stream.read()
    try:
        read = orjson.loads(content)
        days = {date.fromisoformat(day): datetime.fromisoformat(at) for day, at in read["days"].items()}
        owner = str(read["account"])
    except (ValueError, KeyError, TypeError, AttributeError):
        fault = Fault(f"archive {path}", "can't be read", "remove it; the next run reads the last days again")
        raise InputError(fault) from None
    if owner != account:
        problem = f"holds the calls of another account, {owner[:6]}…"
        raise InputError(Fault(f"archive {archive}", problem, "name a folder of this account's own"))
    return Readings(owner, days)


def save_readings(archive: str, readings: Readings) -> None:
    """Save what was read, in one step: a crash leaves the earlier readings whole."""
    system, root = open_archive(archive)
    system.create_dir(root)
    days = {str(day): at.isoformat() for day, at in sorted(readings.days.items())}
    content = orjson.dumps({"account": readings.account, "days": days}, option=orjson.OPT_INDENT_2)
    replace_file(system, f"{root}/{FILE}", lambda stream: stream.write(content))
