"""Writes made-up call events, as our own service logs them: FOLDER CALLS DAYS PHONES, a JSON array a day."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
STATUSES = ("completed", "no-answer", "busy", "failed", "canceled")
SHARES = (0.55, 0.26, 0.08, 0.1, 0.01)
ANSWERED = STATUSES.index("completed")
# Of the failed ones, and how they are told: 32009 says that the dialled phone was not registered.
ABSENT_SHARE = 0.6
# Calls by the hour of the day: people sleep.
HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 8, 14, 20, 22, 24, 24, 24, 24, 24, 22, 20, 18, 16, 12, 9, 6, 4], dtype=float)


def write_day(folder: str, calls: int, phones: int, day: int) -> None:
    """One day's events, in the order of time."""
    random = np.random.default_rng(day)
    hour = random.choice(24, size=calls, p=HOURS / HOURS.sum())
    # A call that ends after midnight is told of on the next day; here all end on their own.
    start = np.minimum(hour * 3_600_000 + random.integers(0, 3_600_000, calls), 86_399_000 - 240_000)
    talk = random.integers(5_000, 240_000, calls)
    phone = random.integers(0, phones, calls)
    status = random.choice(len(STATUSES), size=calls, p=SHARES)
    is_absent = (status == STATUSES.index("failed")) & (random.random(calls) < ABSENT_SHARE)
    is_incoming = random.random(calls) < 0.4
    sids = random.bytes(16 * calls).hex()
    lines: list[tuple[int, str]] = []
    midnight = FIRST + timedelta(days=day)
    for n in range(calls):
        way = "incoming" if is_incoming[n] else "outgoing"
        name = f"phone-{phone[n]:03}"
        sid = f"CA{sids[32 * n : 32 * n + 32]}"
        who = f'"channel":"{name}","endpoint":"{name}","event":"{way}'
        end = int(start[n] + talk[n])
        told = ',"error_code":"32009"' if is_absent[n] else ""
        told = f',"duration_s":{talk[n] // 1000}' if status[n] == ANSWERED else told
        lines.append((int(start[n]), f'{who}-call","call_sid":"{sid}","rule":"nanp"}}'))
        lines.append((end, f'{who}-dialstatus-{STATUSES[status[n]]}","call_sid":"{sid}"{told}}}'))
    lines.sort(key=lambda line: line[0])
    path = Path(folder) / f"{midnight:%Y/%m/%Y%m%d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    date = f"{midnight:%Y-%m-%d}"
    path.write_text("[" + ",".join(f'{{"timestamp":"{date}T{_clock(at)}Z",{rest}' for at, rest in lines) + "]")


def _clock(at: int) -> str:
    seconds, thousandths = divmod(at, 1000)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}.{thousandths:03}"


def imagine_events(folder: Path, calls: int, days: int, phones: int) -> None:
    """The events of this many calls, spread evenly over the days."""
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(write_day, str(folder), calls // days, phones), range(days)))


if __name__ == "__main__":
    imagine_events(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
