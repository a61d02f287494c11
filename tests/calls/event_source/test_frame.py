"""The attempts read from a log of events equal those that a plain loop over it finds, whatever its length."""

import pickle
from collections import defaultdict, deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dialtone_nb.calls.attempts.outcomes import OUTCOME_OF_CODE, outcome_of
from dialtone_nb.calls.attempts.parts import FilePart
from dialtone_nb.calls.event_source import frame as module
from dialtone_nb.calls.event_source.frame import Framed, frame_events
from dialtone_nb.calls.event_source.log import Piece
from dialtone_nb.calls.load import load_calls
from tests.calls.strategies import piece_of, total

START = datetime(2026, 3, 2, tzinfo=UTC)
Row = dict[str, Any]

names = st.sampled_from(
    ["outgoing-call"] * 4
    + ["outgoing-dialstatus-completed", "outgoing-dialstatus-failed", "outgoing-dialstatus-no-answer"]
    + ["incoming-rang-on", "incoming-told", "incoming-fallback"]
    + ["incoming-call", "incoming-dialstatus-busy", "outgoing-refused", "error-32009", "error-13224", "error-11200"]
)
event = st.builds(
    lambda second, name, phone, sid: {"at": second, "event": name, "endpoint": phone, "call_sid": sid},
    # Seconds near each other, within four days: calls that wait for a day, errors just beside, events of one moment.
    st.tuples(st.integers(0, 16), st.integers(0, 12)).map(lambda at: 21_600 * at[0] + at[1]),
    names,
    st.sampled_from(["lobby", "van", ""]),
    st.sampled_from([None, None, "CA1", "CA2"]),
)
logs = st.lists(
    event, max_size=40, unique_by=lambda row: (row["at"], row["event"], row["endpoint"], row["call_sid"])
).map(lambda rows: sorted(rows, key=lambda row: row["at"]))


def written(row: Row) -> Row:
    """The event as a file has it."""
    return {**row, "timestamp": (START + timedelta(seconds=row["at"])).isoformat()}


def daily(rows: list[Row]) -> list[Piece]:
    """These events in a file a day."""
    days: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        days[row["at"] // 86_400].append(written(row))
    return [piece_of(*some, name=str(day)) for day, some in sorted(days.items())]


def read_daily(rows: list[Row]) -> Framed:
    """The attempts of these events, from a file a day."""
    return frame_events(lambda _: daily(rows))


def walk(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Start, phone, outcome and reason of each attempt, found by the rules in a loop over the events."""
    rows, marks = fold(rows)
    queues: dict[Any, deque[Row]] = defaultdict(deque)
    errors = [row for row in rows if row["event"].startswith("error")]
    found, open_calls = [], []
    for row in rows:
        name, phone = row["event"], row["endpoint"]
        if name.startswith("error"):
            continue
        queue = queues[row["call_sid"] or (phone, name.split("-")[0])]
        if name.endswith(("-call", "-fallback")):
            queue.append(row)
            open_calls.append(row)
            continue
        while queue and row["at"] - queue[0]["at"] > 86_400:
            queue.popleft()
        begun = queue.popleft() if queue else None
        open_calls = [one for one in open_calls if one is not begun]
        outcome, reason = judge(row, errors)
        begun = begun or row
        found.append((begun["at"], phone, outcome, reason or mark_of(marks, begun, row["at"])))
    for row in open_calls:
        outcome = "fallback" if row["event"].endswith("-fallback") else "unknown"
        found.append((row["at"], row["endpoint"], outcome, mark_of(marks, row, row["at"] + 86_400)))
    return sorted(found)


def fold(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Split the events into those that begin or end an attempt and those that add to one."""
    kept, marks = [], []
    for place, row in enumerate(rows):
        after = next((one for one in rows[place + 1 :] if one["call_sid"] == row["call_sid"]), None)
        name = row["event"].partition("-")[2]
        following = after["event"] if row["call_sid"] and after and after["at"] - row["at"] <= 5 else ""
        if name in ("rang-on", "fallback"):
            marks.append({**row, "mark": name})
        told = following.endswith(("-call", "-refused", "-told", "-fallback"))
        goes_on = name.startswith("dialstatus") and following.endswith(("-rang-on", "-told"))
        if not (name == "rang-on" or goes_on or (name == "fallback" and told)):
            kept.append(row)
    return kept, marks


def mark_of(marks: list[Row], begun: Row, until: int) -> str:
    """What the additional events of an attempt's call say."""
    sid = begun["call_sid"]
    found = [one["mark"] for one in marks if one["call_sid"] == sid and begun["at"] - 5 <= one["at"] <= until]
    return min(found, default="") if sid else ""


def judge(row: Row, errors: list[Row]) -> tuple[str, str]:
    """The outcome and reason by an event that ends a call."""
    if row["event"].endswith("-refused"):
        return "refused", ""
    if row["event"].endswith("-told"):
        return "told", ""
    outcome = outcome_of(row["event"].split("-dialstatus-")[1])
    if outcome not in ("failed", "no_answer"):
        return outcome, ""
    beside = [
        (abs(error["at"] - row["at"]), error["at"] > row["at"], -place, error["event"].removeprefix("error-"))
        for place, error in enumerate(errors)
        if error["endpoint"] == row["endpoint"] and abs(error["at"] - row["at"]) <= 5
    ]
    absent = [one for one in beside if OUTCOME_OF_CODE.get(one[3], "").startswith("un")]
    code = min(absent or beside, default=(0, False, 0, ""))[3]
    return OUTCOME_OF_CODE.get(code, outcome), code


def told(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """The same columns from a frame."""
    seconds = (frame["started_at"] - pd.Timestamp(START)).dt.total_seconds().astype(int)
    return sorted(zip(seconds, frame["client"].fillna(""), frame["outcome"], frame["reason"].fillna(""), strict=True))


@given(logs)
@settings(max_examples=150, deadline=None)
def test_the_attempts_are_those_of_a_plain_walk_through_the_log(rows: list[Row]) -> None:
    """Queued calls, calls that waited too long, errors on both sides, with phones and SIDs mixed."""
    found = told(read_daily(rows).attempts.load())
    # Of two errors at the same moment either may be named; all else is settled.
    expected = walk(rows)
    moments = [(row["at"], row["endpoint"]) for row in rows if row["event"].startswith("error")]
    if len(set(moments)) == len(moments):
        assert found == expected
    assert [one[:2] for one in found] == [one[:2] for one in expected]


# What is rarely generated: the day's file ends within five seconds of errors and of the calls that they are about.
MIDNIGHT: list[Row] = [
    {"at": 86_400 + seconds, "event": name, "endpoint": phone, "call_sid": None}
    for seconds, name, phone in (
        (-11, "outgoing-dialstatus-failed", "van"),  # over when the file ends, while its error may still be another's
        (-10, "error-13224", "van"),
        (-10, "error-32009", "lobby"),
        (-6, "outgoing-dialstatus-failed", "lobby"),  # not over yet, but its error is from before
        (-5, "outgoing-dialstatus-failed", "clinic"),  # its error is in the next file
        (-4, "outgoing-dialstatus-busy", "garden"),
        (0, "error-32011", "clinic"),
    )
]


@given(logs, st.integers(1, 7))
@example(MIDNIGHT, 1)
@settings(max_examples=75, deadline=None)
def test_a_log_in_pieces_is_the_log_as_a_whole(rows: list[Row], piece: int) -> None:
    """Attempts and findings do not depend on where a long log is split; each part has whole days."""
    files = daily(rows)
    whole = frame_events(lambda _: files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", piece)
        cut = frame_events(lambda _: files)
    pd.testing.assert_frame_equal(cut.attempts.load(), whole.attempts.load())
    assert sorted(map(str, cut.quality.findings())) == sorted(map(str, whole.quality.findings()))
    days = [set(part.read(["started_at"])["started_at"].dt.date()) for part in cut.attempts.parts]
    assert sum(map(len, days)) == len(set().union(*days))


def test_files_in_any_order_give_the_same_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log whose files are not in order of time is read again, and counted once."""
    rows = [written({"at": 86_400 * day, "event": "outgoing-dialstatus-busy", "endpoint": "van"}) for day in range(9)]
    files = [piece_of(row) for row in rows]
    reads: list[int] = []
    monkeypatch.setattr(module, "PIECE", 2)

    def read_backwards(_: object) -> list[Piece]:
        reads.append(1)
        return files[::-1]

    framed = frame_events(read_backwards)
    assert len(reads) == 2
    assert framed.attempts.load()["started_at"].is_monotonic_increasing
    assert (len(framed.attempts.load()), framed.log.names.total()) == (9, 9)


def test_more_attempts_than_memory_should_hold_wait_in_a_private_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read back from a private folder, which is then removed."""
    rows = [
        {"at": 3600 * hour, "event": "outgoing-dialstatus-busy", "endpoint": "van", "duration_s": hour}
        for hour in range(24 * 9)
    ]
    whole = read_daily(rows).attempts.load()
    monkeypatch.setattr(module, "PIECE", 20)
    monkeypatch.setattr(module, "IN_MEMORY", 30)
    framed = read_daily(rows)
    kept = [Path(part.path) for part in framed.attempts.parts if isinstance(part, FilePart)]
    assert kept
    assert kept[0].parent.stat().st_mode & 0o077 == 0
    pd.testing.assert_frame_equal(framed.attempts.load(), whole)
    assert framed.attempts.gather(len, total) == len(whole)
    parts = framed.attempts.parts
    del framed
    assert kept[0].exists(), "the parts alone keep their files"
    sent = pickle.loads(pickle.dumps(parts[-1]))
    assert len(sent.read(["outcome"])) == len(parts[-1].read(["outcome"]))
    del parts
    assert not kept[0].exists()


def test_a_folder_of_archives_is_a_source(tmp_path: Path) -> None:
    """Several years' archives are read in the order of their names."""
    import tarfile

    for year in (2025, 2026):
        day = tmp_path / f"{year}0302.json"
        day.write_text(
            f'[{{"timestamp": "{year}-03-02T09:00:00Z", "channel": "van", "event": "outgoing-dialstatus-busy"}}]'
        )
        with tarfile.open(tmp_path / f"{year}.tar.xz", "w:xz") as archive:
            archive.add(day, f"{year}/03/{day.name}")
        day.unlink()
    data = load_calls(tmp_path)
    assert data.frame["started_at"].dt.year.tolist() == [2025, 2026]
    assert {one.what for one in data.findings} == {"outcomes without their call event", "days without any event"}
