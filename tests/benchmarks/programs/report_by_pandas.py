"""The report's counts in plain pandas, over the same files: SOURCE; prints the attempts by outcome.

It is what an experienced user of pandas would write in an afternoon: a frame a file, concatenated, times parsed
together, errors joined by `merge_asof`, and a groupby for each table.
"""

from __future__ import annotations

import json
import resource
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil

OUTCOMES = {"completed": "answered", "no-answer": "no_answer"}
LOST = {"32009": "unregistered", "32011": "unreachable", "13225": "blocked", "13227": "blocked"}
STATUS = "completed|busy|no-answer|failed|canceled|unknown"
NAME = rf"^(?P<direction>outgoing|incoming)-dialstatus-(?P<status>{STATUS})(?:-.+)?$"


def read(source: Path) -> Iterator[pd.DataFrame]:
    """A frame a file."""
    if source.is_dir() and not list(source.glob("*.tar.xz")):
        for path in sorted(source.rglob("*.json")):
            yield pd.DataFrame(json.loads(path.read_bytes()))
        return
    for path in sorted(source.glob("*.tar.xz")):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file:
                    yield pd.DataFrame(json.load(file))


def main(source: Path) -> None:
    """Read, judge and count by everything that the report has a table of; raises MemoryError if memory is too small."""
    # Before the system picks a program to end, which may be another.
    resource.setrlimit(resource.RLIMIT_AS, (psutil.virtual_memory().available,) * 2)
    events = pd.concat(read(source), ignore_index=True)
    events["at"] = pd.to_datetime(events["timestamp"].str.replace(",", "."), format="ISO8601", utc=True)
    events["phone"] = events["endpoint"].fillna(events["channel"])
    names = pd.Series(events["event"].unique())
    parts = names.str.extract(NAME).set_index(names)
    ends = events.join(parts, on="event")
    ends = ends[ends["status"].notna()].sort_values("at")
    errors = events[events["event"].str.match(r"error-\d+$")].sort_values("at")[["at", "phone", "event"]]
    errors["beside"] = errors["event"].str.removeprefix("error-")
    outcome = ends["status"].replace(OUTCOMES)
    told = ends["error_code"] if "error_code" in ends else pd.Series(None, index=ends.index, dtype="str")
    for some in (errors[errors["beside"].isin(["32009", "32011"])], errors):
        if len(some):
            found = pd.merge_asof(
                ends[["at", "phone"]],
                some[["at", "phone", "beside"]],
                on="at",
                by="phone",
                direction="nearest",
                tolerance=pd.Timedelta(seconds=5),
            )["beside"]
            told = told.fillna(found.set_axis(ends.index))
    is_failure = outcome.isin(["failed", "no_answer"])
    outcome = outcome.mask(is_failure, told.map(LOST).fillna(outcome))
    calls = ends.assign(outcome=outcome, reason=told, day=ends["at"].dt.floor("D"), hour=ends["at"].dt.hour)
    for by in ("day", "hour", "phone", "direction"):
        calls.pivot_table(index=by, columns="outcome", values="at", aggfunc="count", fill_value=0)
    calls.groupby([calls["at"].dt.day_of_week, "hour"]).size()
    calls[is_failure].groupby(["outcome", "reason"]).size().sort_values(ascending=False)
    calls.groupby("phone")["at"].max()
    calls.groupby(
        [calls["day"].dt.to_period("W") if calls["day"].dt.tz is None else calls["day"].dt.isocalendar().week]
    ).size()
    print(json.dumps({str(name): int(count) for name, count in calls["outcome"].value_counts().items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
