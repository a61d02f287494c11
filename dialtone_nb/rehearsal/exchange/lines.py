"""The interface between TwiML and telephones: lines to talk on, and wires to ring others and join lines.

Everything that takes time is behind it, in simulated time or, on real phones, in real time. All methods block until
they are done. `HungUp` means that the caller has hung up.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from dialtone_nb.rehearsal.exchange.verbs import Complaint, Pause, Play, Prompt, Say
from dialtone_nb.rehearsal.state.store import Tables

BridgeEnd = Literal["callee", "time limit", "star"]
HUNG_UP = "hangup"  # instead of a key, if a hang-up ended a recording


class HungUp(Exception):  # noqa: N818 - it is how a call ends
    """The party on a line has hung up, or has given up before an answer."""


@dataclass(frozen=True, slots=True)
class DigitTerms:
    """The terms of a Gather: the most digits, the finishing key (empty for none), the seconds between two keys."""

    most: int | None = None
    finish_on: str = "#"
    timeout_s: float = 5.0
    barge_in: bool = True
    keeps_rest: bool = False  # whether further keys are kept for the next Gather


@dataclass(frozen=True, slots=True)
class RecordTerms:
    """The terms of a Record: it ends with one of these keys, after `timeout_s` of silence, or after `longest_s`."""

    finish_on: str
    timeout_s: float
    longest_s: float
    beep: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of a Record: seconds of audio, and the key that ended it, if one did, or `HUNG_UP`."""

    seconds: float
    key: str = ""


class Line(Protocol):
    """One leg as TwiML sees it: the caller's line, or that of a called party that has answered."""

    def ring(self) -> None:
        """Let the caller hear ringing (180)."""

    def answer(self) -> None:
        """Answer (200), unless the line is answered already."""

    def refuse(self, sip_response: int) -> None:
        """Reject the call instead of answering it."""

    def say(self, text: str) -> None:
        """Speak text to its end."""

    def play(self, url: str) -> None:
        """Play audio to its end."""

    def play_digits(self, digits: str) -> None:
        """Play digits as tones."""

    def pause(self, seconds: float) -> None:
        """Be silent."""

    def collect(self, prompts: Sequence[Prompt], terms: DigitTerms) -> str:
        """Play prompts and collect the digits pressed during or after them, without the finishing key."""

    def record(self, terms: RecordTerms) -> Recorded:
        """Listen; gives back the length of the audio. A hang-up is part of the result, and is not raised."""

    def hang_up(self) -> None:
        """End the call on this line, if it has not ended."""


@dataclass(frozen=True, slots=True)
class OutgoingLeg:
    """A leg to ring, whose number, caller ID and registration have been checked."""

    call_sid: str
    kind: Literal["number", "sip"]
    address: str
    caller_id: str
    sip_headers: dict[str, str] = field(default_factory=dict)
    username: str = ""
    password: str = field(default="", repr=False)
    emergency: str = ""


def kind_of(address: str) -> Literal["number", "sip"]:
    """The kind of an address: number or SIP URI."""
    return "sip" if address.startswith(("sip:", "sips:")) else "number"


@dataclass(frozen=True, slots=True)
class Rings:
    """The leg rings."""

    call_sid: str


@dataclass(frozen=True, slots=True)
class Answers:
    """The leg is answered, and the others are to stop ringing.

    `sip_call_id` is empty for a leg that is not SIP; `sip_headers` are the X-… headers of the response.
    """

    call_sid: str
    line: Line
    sip_call_id: str = ""
    sip_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fails:
    """The leg has failed; `complaint` is the alert to raise about it."""

    call_sid: str
    status: Literal["busy", "no-answer", "failed", "canceled"]
    sip_response: int | None = None
    complaint: Complaint | None = None
    sip_call_id: str = ""
    sip_headers: Mapping[str, str] = field(default_factory=dict)


LegEvent = Rings | Answers | Fails


class Wires(Protocol):
    """Rings and joins the lines of one call."""

    def ring(
        self, legs: Sequence[OutgoingLeg], timeout_s: float, caller: Line | None
    ) -> Generator[LegEvent, None, None]:
        """Yield the events of each leg as they happen, until one answers, all fail, or the time is over.

        Raises `HungUp` if the caller gives up before. Closing the generator stops the legs that still ring.
        """

    def bridge(self, caller: Line, callee: Line, time_limit_s: float, *, hangup_on_star: bool) -> BridgeEnd:
        """Join two lines; gives back what ended the talk, or raises `HungUp` if the caller did."""

    def catch_up(self, tables: Tables) -> None:
        """Move the store's clock to the call's time; called before any time is recorded."""

    def lasted(self, seconds: float) -> float:
        """The seconds of the call's time that correspond to so many seconds of real time."""

    def interrupt(self, error: BaseException) -> None:
        """Have the method that is blocking, or the next one, raise this error; called from another thread."""


class Door(Protocol):
    """The entry of real phones."""

    def reaches(self, leg: OutgoingLeg) -> bool:
        """Whether this leg is to a phone that is registered here."""

    def wires(self) -> Wires:
        """Wires for a simulated call that rings such a phone."""


def play_prompts(line: Line, prompts: Sequence[Prompt]) -> None:
    """Play prompts, each as often as its loop says."""
    for prompt in prompts:
        match prompt:
            case Say(text, loop):
                for _ in range(loop):
                    line.say(text)
            case Play(url, digits, loop):
                for _ in range(loop):
                    if digits:
                        line.play_digits(digits)
                    else:
                        line.play(url)
            case Pause(length):
                line.pause(length)
