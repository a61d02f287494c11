"""Attempts by direction and outcome, counted with the standard library alone, to compare reports over events with."""

import bisect
import datetime
import json
import re
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

STATUS = re.compile(r"(outgoing|incoming)-dialstatus-(completed|busy|no-answer|failed|canceled|unknown)(-.+)?")
BLOCKED = ("13225", "13227")


def rows_of(archive: Path) -> Iterator[dict[str, Any]]:
    """Every event of an archive of days."""
    with tarfile.open(archive) as members:
        for member in members:
            file = members.extractfile(member)
            if file:
                yield from json.load(file)


def seconds(stamp: str) -> float:
    """A time of the log as a Unix time."""
    moment = datetime.datetime.fromisoformat(stamp.replace(",", "."))
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def count_plainly(rows: Iterable[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """By direction and outcome: one attempt for each lower-case status, judged by the errors within five seconds."""
    errors: dict[str, list[tuple[float, str]]] = defaultdict(list)
    ends: list[tuple[float, str, str, str]] = []
    for row in rows:
        name, phone = row["event"], row.get("endpoint") or row.get("channel") or ""
        if re.fullmatch(r"error-\d+", name):
            errors[phone].append((seconds(row["timestamp"]), name.removeprefix("error-")))
        elif found := STATUS.fullmatch(name):
            ends.append((seconds(row["timestamp"]), phone, found[1], found[2]))
    for some in errors.values():
        some.sort()
    return Counter((way, _judge(status, _beside(errors[phone], at))) for at, phone, way, status in ends)


def _beside(errors: list[tuple[float, str]], at: float) -> list[str]:
    """The error codes within five seconds, the nearest first."""
    near = errors[bisect.bisect_left(errors, (at - 5, "")) : bisect.bisect_right(errors, (at + 5, "~"))]
    return [code for _, code in sorted(near, key=lambda error: abs(error[0] - at))]


def _judge(status: str, codes: list[str]) -> str:
    plain = {"completed": "answered", "no-answer": "no_answer"}.get(status, status)
    if status not in ("failed", "no-answer") or not codes:
        return plain
    lost = [code for code in codes if code in ("32009", "32011")]
    if lost:
        return "unregistered" if lost[0] == "32009" else "unreachable"
    return "blocked" if codes[0] in BLOCKED else plain
