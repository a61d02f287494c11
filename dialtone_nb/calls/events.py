"""Call-status events -> attempts, by the rules below."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import pandas as pd

from dialtone_nb.calls.frame import make_frame
from dialtone_nb.calls.outcomes import OUTCOME_OF_CODE, outcome_of
from dialtone_nb.calls.quality import Quality
from dialtone_nb.calls.read_events import EventFile

# What an attempt is, in a log of events. The report prints these, and the code below does no more and no less.
RULES: Final = tuple(
    " ".join(rule.split())
    for rule in """
An attempt is one outcome in Twilio's words: outgoing-dialstatus-… or incoming-dialstatus-… in lower case. A phone's
name after the status, as until mid 2024, changes nothing.

It began with the outgoing-call or incoming-call of the same call SID; where events carry none, of the same phone and
direction, first come, first served, within a day.

A call that was placed and has no outcome is an attempt too; how it ended is unknown.

outgoing-refused and incoming-refused are attempts that our own dial plan ended.

Statuses in upper case (ANSWER, CHANUNAVAIL, …) are Asterisk's: another system on the same log, kept apart.

An error-… event stands with the phone that placed the call. A failed or unanswered call with a 32009 of the same phone
within five seconds went to a phone that was not registered, with a 32011 to one that could not be reached; where there
is neither, the nearest other code is its reason.

A twilio-error-… event is the same moment seen from the far side, under another phone's name; it is not used.

A time without a zone is UTC.
""".strip().split("\n\n")
)
BESIDE: Final = pd.Timedelta(seconds=5)
# Twilio ends every call after 24 hours at the latest.
LONGEST_CALL_US: Final = 24 * 3600 * 1_000_000
# These decide the outcome, so they win over another code that stands nearer.
ABSENCE_CODES: Final = tuple(code for code, outcome in OUTCOME_OF_CODE.items() if outcome.startswith("un"))

TWILIO_STATUS: Final = re.compile(
    r"(?P<direction>outgoing|incoming)-dialstatus-"
    r"(?P<status>completed|answered|busy|no-answer|failed|canceled|queued|initiated|ringing|in-progress|unknown)"
    r"(?:-(?P<phone>.+))?"
)
ASTERISK_STATUS: Final = re.compile(r"(?P<direction>outgoing|incoming)-dialstatus-(?P<status>[A-Z]+)(?:-.+)?")
PLACED: Final = re.compile(r"(?P<direction>outgoing|incoming)-call")
REFUSED: Final = re.compile(r"(?P<direction>outgoing|incoming)-refused")
ERROR: Final = re.compile(r"error-(?P<code>\d+)")
FAR_ERROR: Final = re.compile(r"twilio-error-\d+")


class Kind(NamedTuple):
    """What an event's name says: its role here, and the direction, status or code in it."""

    role: str  # outcome, placed, refused, error, asterisk, far_error, other
    direction: str = ""
    value: str = ""


def kind_of(name: str) -> Kind:
    """The kind of an event, by its name."""
    if found := TWILIO_STATUS.fullmatch(name):
        return Kind("outcome", found["direction"], found["status"])
    if found := PLACED.fullmatch(name):
        return Kind("placed", found["direction"])
    if found := REFUSED.fullmatch(name):
        return Kind("refused", found["direction"])
    if found := ERROR.fullmatch(name):
        return Kind("error", value=found["code"])
    if found := ASTERISK_STATUS.fullmatch(name):
        return Kind("asterisk", found["direction"], found["status"])
    return Kind("far_error" if FAR_ERROR.fullmatch(name) else "other")


class _Kinds(dict[str, Kind]):
    """Kinds by name, worked out when a name is met first: millions of events have a few hundred names."""

    def __missing__(self, name: str) -> Kind:
        self[name] = kind = kind_of(name)
        return kind


USED: Final = ("outcome", "placed", "refused", "error")
FIELDS: Final = ("timestamp", "channel", "endpoint", "event")


@dataclass(slots=True)
class EventLog:
    """What was read: the events that say something about attempts, and a count of every name, used or not."""

    used: list[Mapping[str, Any]] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    days: set[str] = field(default_factory=set)
    kinds: _Kinds = field(default_factory=_Kinds)

    def add(self, file: EventFile, quality: Quality) -> None:
        """Take in a file's rows; those that are no events are counted."""
        try:
            names = Counter([row["event"] for row in file.rows])
            self.days.update([row["timestamp"][:10] for row in file.rows])
        except (TypeError, KeyError):
            self.add(EventFile(file.name, _proper_rows(file, quality)), quality)
            return
        self.names.update(names)
        wanted = {name for name in names if self.kinds[name].role in USED}
        if wanted:
            self.used.extend([row for row in file.rows if row["event"] in wanted])

    def count(self, role: str) -> int:
        """How many events had this role."""
        return sum(count for name, count in self.names.items() if self.kinds[name].role == role)


def _proper_rows(file: EventFile, quality: Quality) -> list[Any]:
    proper = [row for row in file.rows if _is_event(row)]
    foreign = next((row for row in file.rows if not _is_event(row)), None)
    quality.note("rows that are no events", "left out", len(file.rows) - len(proper), f"{file.name}: {foreign!r}")
    return proper


def _is_event(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("event"), str) and isinstance(row.get("timestamp"), str)


def collect_events(files: Iterable[EventFile], quality: Quality) -> EventLog:
    """All files' events, and what was odd among them."""
    log = EventLog()
    for file in files:
        log.add(file, quality)
    for role, what, treatment in (
        ("asterisk", "statuses in Asterisk's words", "another system on the same log: counted here, no attempts"),
        ("far_error", "twilio-error events", "the far side of an error that is used already: not used"),
        ("other", "events about something else (menus, registrations, …)", "not used"),
    ):
        quality.note(what, treatment, log.count(role), _commonest(log, role))
    return log


def _commonest(log: EventLog, role: str) -> str:
    names = [(count, name) for name, count in log.names.items() if log.kinds[name].role == role]
    return max(names)[1] if names else ""


def frame_events(log: EventLog, quality: Quality) -> pd.DataFrame:
    """One row per attempt, by the rules."""
    events = _tidy(log, quality)
    attempts = _attempts(events, quality)
    return make_frame(_with_reasons(attempts, events[events["role"] == "error"], quality).to_dict("series"))  # type: ignore[arg-type]


def _tidy(log: EventLog, quality: Quality) -> pd.DataFrame:
    """The used events as columns: at, phone, role, direction, value, call_sid, environment, reason, duration_s."""
    rows = log.used
    kinds = [log.kinds[row["event"]] for row in rows]
    stamps = [row["timestamp"] for row in rows]
    frame = pd.DataFrame(
        {
            "at": parse_times(stamps),
            "phone": pd.Series([row.get("endpoint") or row.get("channel") for row in rows], dtype="str"),
            "role": pd.Series([kind.role for kind in kinds], dtype="str"),
            "direction": pd.Series([kind.direction for kind in kinds], dtype="str"),
            "value": pd.Series([kind.value for kind in kinds], dtype="str"),
            "call_sid": pd.Series([row.get("call_sid") for row in rows], dtype="str"),
            "environment": pd.Series([row.get("environment") for row in rows], dtype="str"),
            "other_party": pd.Series([row.get("other_party") for row in rows], dtype="str"),
            "code": pd.Series([_code(row.get("error_code")) for row in rows], dtype="str"),
            "reason": pd.Series([row.get("reason") for row in rows], dtype="str"),
            "duration_s": pd.Series([row.get("duration_s") for row in rows], dtype="Int64"),
        }
    )
    unreadable = frame["at"].isna()
    quality.note(
        "events with an unreadable time",
        "left out",
        int(unreadable.sum()),
        next((stamp for stamp, bad in zip(stamps, unreadable, strict=True) if bad), ""),
    )
    frame = frame[~unreadable]
    # The same moment to the microsecond, phone, and name: a file that is there twice, or a page that was read twice.
    again = frame.duplicated(["at", "phone", "role", "direction", "value", "call_sid"])
    quality.note("events that are there twice", "counted once", int(again.sum()))
    nameless = frame["phone"].isna()
    quality.note("call events without a phone's name", "kept, the phone is unknown", int(nameless.sum()))
    return frame[~again].fillna({"phone": ""}).sort_values("at", kind="stable", ignore_index=True)


def parse_times(stamps: list[str]) -> pd.Series[pd.Timestamp]:
    """UTC times of ISO 8601 texts, with and without zone and fractions, also with a comma; NaT for anything else."""
    text = pd.Series(stamps, dtype="str").str.replace(",", ".", regex=False)
    return pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")


def _code(code: object) -> str | None:
    return str(code) if code else None


def _attempts(events: pd.DataFrame, quality: Quality) -> pd.DataFrame:
    """The outcomes, each with the time of its call, the refusals, and the calls that have no outcome."""
    placed: defaultdict[tuple[str, ...], deque[int]] = defaultdict(deque)
    started: dict[int, int] = {}
    at = events["at"].to_numpy("datetime64[us]").astype("int64").tolist()
    names = (events[name].to_list() for name in ("role", "call_sid", "phone", "direction"))
    for index, (role, call_sid, phone, direction) in enumerate(zip(*names, strict=True)):
        if role == "error":
            continue
        key = (call_sid,) if isinstance(call_sid, str) else (phone, direction)
        if role == "placed":
            placed[key].append(index)
            continue
        waiting = placed[key]
        while waiting and at[index] - at[waiting[0]] > LONGEST_CALL_US:
            waiting.popleft()
        if waiting:
            started[waiting.popleft()] = index
    begun = {outcome: call for call, outcome in started.items()}
    is_end = events["role"].isin(("outcome", "refused"))
    is_open = (events["role"] == "placed") & ~events.index.isin(started)
    alone = (events["role"] == "outcome") & ~events.index.isin(begun)
    quality.note("outcomes without their call event", "kept: they begin when they end", int(alone.sum()))
    quality.note("placed calls without an outcome", "kept: how they ended is unknown", int(is_open.sum()))
    attempts = events[is_end | is_open].copy()
    attempts["ended_at"] = attempts["at"]
    attempts["started_at"] = events["at"].iloc[[begun.get(index, index) for index in attempts.index]].array
    attempts["outcome"] = [
        "refused" if role == "refused" else "unknown" if role == "placed" else outcome_of(status, _text(code))
        for role, status, code in zip(*(attempts[name].to_list() for name in ("role", "value", "code")), strict=True)
    ]
    attempts["client"] = attempts["phone"].where(attempts["phone"] != "")
    return attempts


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _with_reasons(attempts: pd.DataFrame, errors: pd.DataFrame, quality: Quality) -> pd.DataFrame:
    """The attempts with what stands beside the failed and unanswered ones as outcome and reason."""
    errors = errors[["at", "phone", "value"]].rename(columns={"value": "beside", "at": "error_at"})
    absences = errors[errors["beside"].isin(ABSENCE_CODES)]
    attempts = attempts.sort_values("ended_at", kind="stable")
    nearest_absence, nearest = (
        pd.merge_asof(
            attempts[["ended_at", "phone"]],
            some,
            left_on="ended_at",
            right_on="error_at",
            by="phone",
            direction="nearest",
            tolerance=BESIDE,
        )["beside"].set_axis(attempts.index)
        for some in (absences, errors)
    )
    unexplained = attempts["outcome"].isin(("failed", "no_answer")) & attempts["code"].isna()
    beside = nearest_absence.fillna(nearest).where(unexplained)
    attempts["reason"] = attempts["reason"].fillna(attempts["code"]).fillna(beside)
    attempts["outcome"] = beside.map(OUTCOME_OF_CODE).fillna(attempts["outcome"])
    alone = len(errors) - _count_beside(errors, attempts)
    quality.note("error events with no call of the phone within 5 seconds", "not used", alone)
    return attempts


def _count_beside(errors: pd.DataFrame, attempts: pd.DataFrame) -> int:
    ends = attempts[["ended_at", "phone"]]
    found = pd.merge_asof(
        errors, ends, left_on="error_at", right_on="ended_at", by="phone", direction="nearest", tolerance=BESIDE
    )
    return int(found["ended_at"].notna().sum())
