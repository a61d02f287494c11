"""What the meaning of TwiML needs of telephones: lines to talk on, and wires to ring others and join them.

Whatever takes time is behind these. The simulation lets simulated time pass; real phones take the time that they take.
All methods block until what they do is done. `HungUp` means that the one whose call it is has gone.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from dialtone_nb.rehearsal.exchange.verbs import Complaint, Pause, Play, Prompt, Say
from dialtone_nb.rehearsal.state.store import Tables

BridgeEnd = Literal["callee", "time limit", "star"]
HUNG_UP = "hangup"  # instead of a key, where a recording ended because whoever spoke hung up


class HungUp(Exception):  # noqa: N818 - it is how a call ends
    """The one at the end of a line has hung up, or never waited for an answer."""


@dataclass(frozen=True, slots=True)
class DigitTerms:
    """How digits are gathered: the most digits, the finishing key (empty for none), the seconds between two keys."""

    most: int | None = None
    finish_on: str = "#"
    timeout_s: float = 5.0
    barge_in: bool = True
    keeps_rest: bool = False  # whether keys beyond these are there for the next Gather


@dataclass(frozen=True, slots=True)
class RecordTerms:
    """When a recording ends: at one of these keys, after this much silence, or at its greatest length."""

    finish_on: str
    timeout_s: float
    longest_s: float
    beep: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded: seconds of audio, and the key that ended it, if one did, or `HUNG_UP`."""

    seconds: float
    key: str = ""


class Line(Protocol):
    """One leg, as TwiML sees it: the line of whose call it is, or of one who was rung and has answered."""

    def ring(self) -> None:
        """Let the caller hear ringing (180)."""

    def answer(self) -> None:
        """Answer (200), unless that was done."""

    def refuse(self, sip_response: int) -> None:
        """Reject the call instead of answering it."""

    def say(self, text: str) -> None:
        """Speak words, to their end."""

    def play(self, url: str) -> None:
        """Play audio, to its end."""

    def play_digits(self, digits: str) -> None:
        """Play digits as tones."""

    def pause(self, seconds: float) -> None:
        """Be silent."""

    def collect(self, prompts: Sequence[Prompt], terms: DigitTerms) -> str:
        """The digits that are pressed while the prompts are heard, or after them; the key that finishes is not one."""

    def record(self, terms: RecordTerms) -> Recorded:
        """Listen, and return how long there was audio; a hang-up is returned too, and not raised."""

    def hang_up(self) -> None:
        """End it, if it has not ended."""


@dataclass(frozen=True, slots=True)
class OutgoingLeg:
    """A leg to ring, whose number, caller ID and registration were found good."""

    call_sid: str
    kind: Literal["number", "sip"]
    address: str
    caller_id: str
    sip_headers: dict[str, str] = field(default_factory=dict)
    username: str = ""
    password: str = field(default="", repr=False)
    emergency: str = ""


def kind_of(address: str) -> Literal["number", "sip"]:
    """Whether an address is a number's or a SIP URI."""
    return "sip" if address.startswith(("sip:", "sips:")) else "number"


@dataclass(frozen=True, slots=True)
class Rings:
    """The leg rings."""

    call_sid: str


@dataclass(frozen=True, slots=True)
class Answers:
    """Somebody answers; whatever else rings is to stop. `sip_call_id` is empty where the leg is not SIP's.

    `sip_headers` are the X-… headers of the answer.
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
    """What joins the lines of one call."""

    def ring(
        self, legs: Sequence[OutgoingLeg], timeout_s: float, caller: Line | None
    ) -> Generator[LegEvent, None, None]:
        """What happens at each leg, as it happens, until one answers, all fail, or the time is over.

        `HungUp` if the caller does not wait that long. Closing the generator stops whatever still rings.
        """

    def bridge(self, caller: Line, callee: Line, time_limit_s: float, *, hangup_on_star: bool) -> BridgeEnd:
        """What ended the talk of two; `HungUp` where the caller did."""

    def catch_up(self, tables: Tables) -> None:
        """Move the store's clock to the call's time; done before any time is written down."""

    def lasted(self, seconds: float) -> float:
        """The seconds of the call's time that passed while this machine's clock advanced by that many."""

    def interrupt(self, error: BaseException) -> None:
        """Have the blocking method that runs, or the next one, raise this error; asked from another thread."""


class Door(Protocol):
    """Where real phones come in."""

    def reaches(self, leg: OutgoingLeg) -> bool:
        """Whether this leg leads to a phone that is registered here."""

    def wires(self) -> Wires:
        """Wires for a simulated call that rings such a phone."""


def play_prompts(line: Line, prompts: Sequence[Prompt]) -> None:
    """Let prompts be heard, each as often as it says."""
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
