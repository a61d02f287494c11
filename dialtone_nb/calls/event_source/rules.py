"""The rules by which a log of call-status events becomes attempts, in words, and the kinds of events by name."""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from dialtone_nb.calls.attempts.outcomes import OUTCOME_OF_CODE
from dialtone_nb.calls.attempts.schema import LONGEST_CALL_S

# The rules in words. The report prints these, and pair_events does exactly this.
RULES: Final = tuple(
    " ".join(rule.split())
    for rule in """
An attempt is one outcome in Twilio's words: outgoing-dialstatus-… or incoming-dialstatus-… in lower case. A phone's
name after the status, as until mid 2024, changes nothing.

It began with the outgoing-call or incoming-call of the same call SID; where events carry none, of the same phone and
direction, first come, first served, within a day.

A call that was placed and has no outcome is an attempt too, such as one whose caller gave up before any answer, of
which Twilio tells nothing; how it ended is unknown.

outgoing-emergency begins a call as outgoing-call does: one to an emergency service, whose number it names. (Until the
end of 2026 these were outgoing-call as well.)

outgoing-refused and incoming-refused are attempts that our own dial plan ended.

An incoming call that nobody answered may go on. With incoming-rang-on within five seconds of a status, and the same
call SID, that status is a step and not the end: the attempt is counted once, with the status of its last step, and its
reason is rang-on unless something says why it was lost. With incoming-told the caller heard the words of the phone's
entry: the attempt is told, for the reason that the step before gave.

outgoing-fallback and incoming-fallback begin an attempt for which the fallback URL was asked. Where another event of
the same call SID within five seconds says what became of it, that counts, and the reason is fallback unless something
says why it was lost; where none does, the outcome is fallback.

Statuses in upper case (ANSWER, CHANUNAVAIL, …) are Asterisk's: another system on the same log, kept apart.

An error-… event stands with the phone that placed the call. A failed or unanswered call with a 32009 of the same phone
within five seconds went to a phone that was not registered, with a 32011 to one that could not be reached; where there
is neither, the nearest other code is its reason.

A twilio-error-… event is the same moment seen from the far side, under another phone's name; it is not used.

A time without a zone is UTC.
""".strip().split("\n\n")
)
BESIDE_US: Final = 5_000_000
LONGEST_CALL_US: Final = LONGEST_CALL_S * 1_000_000
# These decide the outcome, so they take precedence over a nearer code.
ABSENCE_CODES: Final = tuple(code for code, outcome in OUTCOME_OF_CODE.items() if outcome.startswith("un"))

TWILIO_STATUS: Final = re.compile(
    r"(?P<direction>outgoing|incoming)-dialstatus-"
    r"(?P<status>completed|answered|busy|no-answer|failed|canceled|queued|initiated|ringing|in-progress|unknown)"
    r"(?:-(?P<phone>.+))?"
)
ASTERISK_STATUS: Final = re.compile(r"(?P<direction>outgoing|incoming)-dialstatus-(?P<status>[A-Z]+)(?:-.+)?")
PLACED: Final = re.compile(r"(?P<direction>outgoing|incoming)-(?P<what>call|emergency|fallback)")
WENT_ON: Final = re.compile(r"(?P<direction>outgoing|incoming)-(?P<what>rang-on|told)")
REFUSED: Final = re.compile(r"(?P<direction>outgoing|incoming)-refused")
ERROR: Final = re.compile(r"error-(?P<code>\d+)")
FAR_ERROR: Final = re.compile(r"twilio-error-\d+")


class EventKind(NamedTuple):
    """The kind of an event by its name: its role here, its direction, and the status or code."""

    role: str  # outcome, placed, refused, rang-on, told, error, asterisk, far_error, other
    direction: str = ""
    value: str = ""  # a status or code; of a placed call "emergency", "fallback" or ""

    def __str__(self) -> str:
        return " ".join(self)

    @classmethod
    def parse(cls, text: str) -> EventKind:
        """The kind from its text."""
        return cls(*text.split(" "))


@cache
def kind_of(name: str) -> EventKind:
    """The kind of an event, by its name."""
    if found := TWILIO_STATUS.fullmatch(name):
        return EventKind("outcome", found["direction"], found["status"])
    if found := PLACED.fullmatch(name):
        return EventKind("placed", found["direction"], "" if found["what"] == "call" else found["what"])
    if found := WENT_ON.fullmatch(name):
        return EventKind(found["what"], found["direction"])
    if found := REFUSED.fullmatch(name):
        return EventKind("refused", found["direction"])
    if found := ERROR.fullmatch(name):
        return EventKind("error", value=found["code"])
    if found := ASTERISK_STATUS.fullmatch(name):
        return EventKind("asterisk", found["direction"], found["status"])
    return EventKind("far_error" if FAR_ERROR.fullmatch(name) else "other")


# The roles of events that are used for attempts.
USED: Final = ("outcome", "placed", "refused", "rang-on", "told", "error")


def is_used(name: str) -> bool:
    """Whether events of this name are used for attempts."""
    return kind_of(name).role in USED
