"""Event files become attempts, by the rules in dialtone_nb.calls.event_source.rules."""

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.calls.event_source.frame import frame_events
from dialtone_nb.calls.event_source.rules import kind_of
from dialtone_nb.calls.load import load_calls
from dialtone_nb.errors import InputError
from tests.calls.file_source.call_files import zipped, zstd
from tests.calls.strategies import piece_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def event(name: str, second: float = 0, phone: str = "lobby", **more: object) -> dict[str, object]:
    """One event of the phone, this many seconds after noon."""
    moment = (NOON + timedelta(seconds=second)).isoformat().replace("+00:00", "")
    return {"timestamp": moment, "channel": phone, "endpoint": phone, "event": name, **more}


def attempts_of(*events: dict[str, object]) -> pd.DataFrame:
    """The attempts of these events."""
    return frame_events(lambda _: [piece_of(*events)]).attempts.load()


def findings_of(source: Path) -> dict[str, int]:
    """The findings about a source, and how often each occurred."""
    return {finding.what: finding.count for finding in load_calls(source).findings}


@pytest.mark.parametrize(
    ("name", "role", "direction", "value"),
    [
        ("outgoing-dialstatus-no-answer", "outcome", "outgoing", "no-answer"),
        ("incoming-dialstatus-no-answer-ghost-mountain", "outcome", "incoming", "no-answer"),
        ("outgoing-dialstatus-completed-test-one", "outcome", "outgoing", "completed"),
        ("outgoing-dialstatus-ANSWER", "asterisk", "outgoing", "ANSWER"),
        ("incoming-dialstatus-CHANUNAVAIL-r2d2", "asterisk", "incoming", "CHANUNAVAIL"),
        ("outgoing-dialstatus-unknown", "outcome", "outgoing", "unknown"),
        ("outgoing-call", "placed", "outgoing", ""),
        ("outgoing-refused", "refused", "outgoing", ""),
        ("error-32009", "error", "", "32009"),
        ("twilio-error-32009", "far_error", "", ""),
        ("outgoing-portland", "other", "", ""),
        ("robotron-doctrine-of-error-play", "other", "", ""),
    ],
)
def test_an_events_name_tells_its_role(name: str, role: str, direction: str, value: str) -> None:
    """Twilio's outcomes, Asterisk's, and other events of the same log are told apart by name."""
    assert kind_of(name) == (role, direction, value)


def test_an_attempt_begins_with_its_call_and_ends_with_its_outcome() -> None:
    """The call event of the same phone and direction begins the attempt."""
    frame = attempts_of(event("outgoing-call", 0), event("outgoing-dialstatus-completed", 40))
    assert frame[["client", "direction", "outcome"]].values.tolist() == [["lobby", "outgoing", "answered"]]
    assert frame["started_at"][0] == pd.Timestamp(NOON)


def test_calls_with_a_sid_are_paired_by_it() -> None:
    """Two simultaneous calls of one phone are told apart by call SID, whichever ends first."""
    frame = attempts_of(
        event("outgoing-call", 0, call_sid="CA1"),
        event("outgoing-call", 5, call_sid="CA2"),
        event("outgoing-dialstatus-busy", 10, call_sid="CA2"),
        event("outgoing-dialstatus-completed", 60, call_sid="CA1"),
    )
    assert frame[["call_sid", "outcome"]].values.tolist() == [["CA1", "answered"], ["CA2", "busy"]]
    assert (frame["started_at"] - pd.Timestamp(NOON)).dt.total_seconds().tolist() == [0, 5]


def test_a_call_without_an_outcome_is_an_attempt_of_unknown_end() -> None:
    """An attempt without an end event has an unknown outcome, and is counted."""
    framed = frame_events(lambda _: [piece_of(event("outgoing-call"))])
    assert framed.attempts.load()["outcome"].tolist() == ["unknown"]
    assert [finding.what for finding in framed.quality.findings()] == ["placed calls without an outcome"]


def test_an_outcome_does_not_take_the_call_of_another_day() -> None:
    """A call without an outcome is not paired with an outcome of the next day."""
    day = 24 * 3600
    frame = attempts_of(
        event("outgoing-call", 0), event("outgoing-call", day + 5), event("outgoing-dialstatus-busy", day + 9)
    )
    assert frame["outcome"].tolist() == ["unknown", "busy"]
    assert frame["started_at"][1] == pd.Timestamp(NOON) + pd.Timedelta(seconds=day + 5)


def test_a_refused_call_is_an_attempt_with_the_dial_plans_reason() -> None:
    """The outcome is refused, with the dial plan's reason."""
    frame = attempts_of(event("outgoing-refused", reason="premium"))
    assert frame[["outcome", "reason"]].values.tolist() == [["refused", "premium"]]


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        ("no-answer", "32009", "unregistered"),
        ("failed", "32011", "unreachable"),
        ("failed", "13227", "blocked"),
        ("failed", "13224", "failed"),
        ("busy", "32009", "busy"),
        ("completed", "32009", "answered"),
    ],
)
def test_an_error_beside_a_failed_or_unanswered_call_explains_it(status: str, code: str, outcome: str) -> None:
    """Only an error of the same phone within five seconds decides how a failed or unanswered call ended."""
    frame = attempts_of(event(f"outgoing-dialstatus-{status}", 10), event(f"error-{code}", 14.9))
    assert frame["outcome"].tolist() == [outcome]
    assert frame["reason"].fillna("").tolist() == [code if status in ("no-answer", "failed") else ""]


@pytest.mark.parametrize(
    "error",
    [
        event("error-32009", 15.5),
        event("error-32009", 10, phone="clinic"),
        event("twilio-error-32009", 10),
    ],
    ids=["later", "of another phone", "of the far side"],
)
def test_an_error_that_is_not_beside_the_call_explains_nothing(error: dict[str, object]) -> None:
    """An error after five seconds, of another phone or of the far side changes nothing."""
    assert attempts_of(event("outgoing-dialstatus-no-answer", 10), error)["outcome"].tolist() == ["no_answer"]


def test_an_absent_phone_wins_over_a_nearer_error() -> None:
    """Of two errors near a call, the one that says that the phone was not registered decides."""
    frame = attempts_of(event("outgoing-dialstatus-failed", 10), event("error-13224", 10), event("error-32011", 13))
    assert frame["reason"].tolist() == ["32011"]


@pytest.mark.parametrize(
    ("written", "status", "response", "reason"),
    [
        ("603", "failed", 603, "SIP 603"),
        (503, "failed", 503, "SIP 503"),
        ("486", "busy", 486, None),
        ("200", "completed", 200, None),
        ("", "failed", None, None),
        ("soon", "failed", None, None),
        ("99999999", "failed", None, None),
    ],
)
def test_a_sip_response_is_the_reason_of_a_failed_call(
    written: str | int, status: str, response: int | None, reason: str | None
) -> None:
    """Unless an error code says more; a value that is no SIP response code is ignored."""
    row = attempts_of(event(f"outgoing-dialstatus-{status}", sip_response=written)).iloc[0]
    assert (row["sip_response"] if pd.notna(row["sip_response"]) else None) == response
    assert (row["reason"] if pd.notna(row["reason"]) else None) == reason
    row = attempts_of(event(f"outgoing-dialstatus-{status}", sip_response=written, error_code="13224")).iloc[0]
    assert row["reason"] == "13224"


def test_an_events_own_error_code_needs_nothing_beside_it() -> None:
    """An event with an error code of its own is judged by it."""
    frame = attempts_of(event("incoming-dialstatus-no-answer", error_code=32009))
    assert frame[["direction", "outcome", "reason"]].values.tolist() == [["incoming", "unregistered", "32009"]]


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-03-02T12:00:00",
        "2026-03-02T12:00:00Z",
        "2026-03-02T12:00:00+00:00",
        "2026-03-02T12:00:00.000",
        "2026-03-02T12:00:00.000000Z",
        "2026-03-02T12:00:00,000Z",
        "2026-03-02T04:00:00,000-08:00",
    ],
)
def test_every_spelling_of_a_time_is_understood(stamp: str) -> None:
    """With and without zone and fractions, or with a comma; without a zone it is UTC."""
    frame = attempts_of({"timestamp": stamp, "channel": "lobby", "event": "outgoing-dialstatus-completed"})
    assert frame["started_at"].tolist() == [pd.Timestamp(NOON)]


def test_an_unreadable_time_is_counted_not_dropped_in_silence() -> None:
    """An event without a valid time is left out, with a finding."""
    bad = {"timestamp": "yesterday", "channel": "lobby", "event": "outgoing-call"}
    framed = frame_events(lambda _: [piece_of(bad)])
    assert framed.attempts.load().empty
    assert [(finding.count, finding.example) for finding in framed.quality.findings()] == [(1, "yesterday")]


def test_every_row_is_an_attempt_or_has_a_finding(tmp_path: Path) -> None:
    """Foreign rows, truncated files, other files and repeated events are each counted under a name."""
    day = [
        event("outgoing-call"),
        event("outgoing-dialstatus-busy", 3),
        event("outgoing-dialstatus-ANSWER"),
        event("ivr"),
    ]
    (tmp_path / "20260302.json").write_text(json.dumps(day))
    (tmp_path / "20260303.json").write_text(json.dumps([event("outgoing-dialstatus-busy", 90), *day])[:-20])
    (tmp_path / "20260304.json").write_text("[{]")
    (tmp_path / "20260305.jsonl").write_text(json.dumps(event("outgoing-call", 900)) + "\nnot json\n")
    (tmp_path / "20260306.json").write_text('[{"name": "someone else\'s"}, 7]')
    (tmp_path / "20260307.json").write_text("")
    (tmp_path / "README.md").write_text("# days")
    assert findings_of(tmp_path) == {
        "files that are cut off": 1,
        "files that are not JSON": 1,
        "lines that are not JSON": 1,
        "rows that are not events": 2,
        "empty files": 1,
        "files of another kind": 1,
        "statuses in Asterisk's words": 2,
        "events about something else (menus, registrations, …)": 1,
        "events that are there twice": 2,
        "outcomes without their call event": 1,
        "placed calls without an outcome": 1,
    }


@pytest.mark.parametrize("suffix", ["tar.xz", "tar.gz", "folder", "json", "jsonl", "json.gz"])
def test_the_same_events_in_any_wrapping_are_the_same_attempts(suffix: str, tmp_path: Path) -> None:
    """A folder, an archive or a file, compressed or not, as an array or as lines, gives the same frame."""
    events = [event("outgoing-call"), event("outgoing-dialstatus-busy", 3), event("incoming-dialstatus-failed", 9)]
    source = _wrapped(events, suffix, tmp_path)
    pd.testing.assert_frame_equal(load_calls(source).frame, attempts_of(*events))


Packer = Callable[[bytes], bytes]
PACKERS: dict[str, Packer] = {
    "json.gz": gzip.compress,
    "json.xz": lzma.compress,
    "json.bz2": bz2.compress,
    "json.zz": zlib.compress,
    "json.zst": zstd,
    "zip": zipped,
}


def _wrapped(events: list[dict[str, object]], suffix: str, folder: Path) -> Path:
    array, path = json.dumps(events).encode(), folder / f"events.{suffix}"
    if suffix == "folder":
        path.mkdir()
        (path / "day.json").write_bytes(array)
    elif suffix == "jsonl":
        path.write_bytes(b"\n".join(json.dumps(one).encode() for one in events))
    elif suffix == "json":
        path.write_bytes(array)
    elif suffix in PACKERS:
        path.write_bytes(PACKERS[suffix](array))
    else:
        how: Any = f"w:{suffix.removeprefix('tar').removeprefix('.')}"
        with tarfile.open(path, how) as archive:
            member = tarfile.TarInfo("2026/03/20260302.json")
            member.size = len(array)
            archive.addfile(member, io.BytesIO(array))
    return path


def test_a_damaged_archive_gives_what_it_holds_and_says_so(tmp_path: Path) -> None:
    """A truncated archive is read as far as possible, with a finding."""
    with tarfile.open(tmp_path / "whole.tar", "w") as archive:
        for number in range(20):
            content = json.dumps([event("outgoing-dialstatus-busy", number, padding="x" * 5000)]).encode()
            member = tarfile.TarInfo(f"{number:02}.json")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    cut = tmp_path / "cut.tar"
    cut.write_bytes((tmp_path / "whole.tar").read_bytes()[:60_000])
    assert findings_of(cut)["archive is cut off or damaged"] == 1
    assert 0 < len(load_calls(cut).frame) < 20


@pytest.mark.parametrize(
    "suffix", ["json.gz", "json.xz", "json.bz2", "json.zz", "json.zst", "zip", "tar", "tar.gz", "tar.xz", "tar.bz2"]
)
def test_no_damage_breaks_the_reader(suffix: str, tmp_path: Path) -> None:
    """Wherever a compressed source is cut or changed, the rest is read, or one line says that nothing is left."""
    chance, whole = random.Random(7), _wrapped([event("outgoing-call", n) for n in range(50)], suffix, tmp_path)
    content = whole.read_bytes()
    for _ in range(40):
        at, instead = chance.randrange(len(content)), chance.choice((b"", chance.randbytes(chance.randrange(1, 30))))
        whole.write_bytes(content[:at] + instead + (content[at + 1 :] if instead else b""))
        try:
            assert len(load_calls(whole).frame) <= 50
        except InputError as refusal:
            assert whole.name in str(refusal)
            assert len(refusal.lines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("absent", None, "there is no such file"),
        ("x.tar.xz", b"no archive", "x.tar.xz: not packed, as its name says; copy it again"),
        ("x.json", b"[]", "holds no calls"),
    ],
)
def test_a_source_that_holds_nothing_is_one_clear_line(
    name: str, content: bytes | None, problem: str, tmp_path: Path
) -> None:
    """A source without calls is an error with its name and the repair."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=problem) as refusal:
        load_calls(tmp_path / name)
    assert name in str(refusal.value)
    assert len(refusal.value.lines()) == 1


phones = st.sampled_from(["lobby", "clinic", "van"])
statuses = st.sampled_from(["completed", "busy", "no-answer", "failed", "canceled"])
ends = st.lists(st.tuples(phones, statuses, st.integers(0, 86_000)), max_size=30, unique_by=lambda end: end[2])


@given(ends, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_attempts_are_the_outcomes_in_whatever_order_they_were_written(
    ends: list[tuple[str, str, int]], shuffler: random.Random
) -> None:
    """Whatever the order of the log and its other rows, there are as many attempts as outcomes."""
    events = [event(f"outgoing-dialstatus-{status}", second, phone) for phone, status, second in ends]
    events += [event("outgoing-call", second - 0.25, phone) for phone, _, second in ends]
    ordered = attempts_of(*events)
    shuffler.shuffle(events)
    assert len(ordered) == len(ends)
    pd.testing.assert_frame_equal(attempts_of(*events), ordered)


def chain(*words: str) -> list[list[str]]:
    """Outcome and reason of each attempt of one call to the lobby, whose events are a second apart."""
    events = [event(f"incoming-{word}", second, call_sid="CA1") for second, word in enumerate(words)]
    return attempts_of(*events)[["outcome", "reason"]].fillna("").values.tolist()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("call dialstatus-no-answer rang-on dialstatus-completed", [["answered", "rang-on"]]),
        ("call dialstatus-busy rang-on dialstatus-no-answer rang-on dialstatus-busy", [["busy", "rang-on"]]),
        ("call dialstatus-no-answer rang-on", [["unknown", "rang-on"]]),
        ("call dialstatus-no-answer told", [["told", ""]]),
        ("call dialstatus-no-answer rang-on dialstatus-no-answer told", [["told", "rang-on"]]),
        ("told", [["told", ""]]),
        ("fallback", [["fallback", "fallback"]]),
        ("fallback call dialstatus-completed", [["answered", "fallback"]]),
        ("fallback call dialstatus-busy rang-on dialstatus-completed", [["answered", "fallback"]]),
        ("fallback call", [["unknown", "fallback"]]),
        ("fallback refused", [["refused", "fallback"]]),
        ("fallback dialstatus-completed", [["answered", "fallback"]]),
    ],
)
def test_a_call_that_goes_on_is_counted_once(words: str, found: list[list[str]]) -> None:
    """It has the outcome of its last step, and the step before is its reason."""
    assert chain(*words.split()) == found


def test_the_step_before_gives_the_reason() -> None:
    """It says why the caller heard a message, or why Twilio requested the fallback."""
    told = attempts_of(
        event("incoming-call", 0, call_sid="CA1"),
        event("incoming-dialstatus-no-answer", 20, call_sid="CA1", error_code="32009"),
        event("incoming-told", 20, call_sid="CA1"),
        event("incoming-fallback", 30, call_sid="CA2", error_code="11200"),
    )
    assert told[["outcome", "reason"]].values.tolist() == [["told", "32009"], ["fallback", "11200"]]


def test_an_emergency_call_names_its_number() -> None:
    """It is an attempt to the emergency service; its number comes with the call, not with a status."""
    (row,) = attempts_of(
        event("outgoing-emergency", 0, call_sid="CA1", other_party="911"),
        event("outgoing-dialstatus-completed", 60, call_sid="CA1"),
    ).to_dict("records")
    assert (row["other_party"], row["outcome"], row["started_at"]) == ("911", "answered", pd.Timestamp(NOON))
