"""What a TwiML document says, as data: its verbs in order, and what is wrong with it (Twilio's names for both)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DEFAULT_TIMEOUT_S = 30
DEFAULT_TIME_LIMIT_S = 14400
ALL_KEYS = "1234567890*#"


@dataclass(frozen=True, slots=True)
class Say:
    """Words to be spoken, as often as `loop` says."""

    text: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Play:
    """Audio at a URL, as often as `loop` says, or digits as tones."""

    url: str
    digits: str = ""
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence, in seconds."""

    length: int = 1


Prompt = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Hangup:
    """The end of the call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A refusal to answer; `reason` is rejected or busy."""

    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another document takes over."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class StatusCallback:
    """A status callback: its URL, and the events that it is sent."""

    url: str = ""
    method: str = "POST"
    events: tuple[str, ...] = ("completed",)

    @property
    def counts_all(self) -> bool:
        """Whether SequenceNumber counts each event, told or not; the end alone, where only that is told, has 0.

        Recorded: 3 in 2018 where ringing, answered and completed were asked for, 0 in 2016 and 2023 where none were.
        """
        return self.events != ("completed",)

    def wants(self, event: str) -> bool:
        """Whether it is sent this event."""
        return bool(self.url) and event in self.events


NOT_TOLD = StatusCallback()


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a Dial rings or joins: a number, a SIP URI, or the one who waits longest in a queue."""

    kind: Literal["number", "sip", "queue"]
    address: str
    url: str = ""
    method: str = "POST"
    callback: StatusCallback = NOT_TOLD
    username: str = ""
    password: str = field(default="", repr=False, compare=False)
    send_digits: str = ""


@dataclass(frozen=True, slots=True)
class Dial:
    """A second leg; times are in seconds, `action` is None where the document goes on after it."""

    targets: tuple[Target, ...]
    action: str | None = None
    method: str = "POST"
    caller_id: str = ""
    timeout: int = DEFAULT_TIMEOUT_S
    time_limit: int = DEFAULT_TIME_LIMIT_S
    answer_on_bridge: bool = False
    hangup_on_star: bool = False
    sequential: bool = False


@dataclass(frozen=True, slots=True)
class Gather:
    """Digits that are asked for; `action` is None for the document's own URL, `most` is None where any number goes."""

    prompts: tuple[Prompt, ...] = ()
    action: str | None = None
    method: str = "POST"
    most: int | None = None
    finish_on: str = "#"
    timeout: int = 5
    barge_in: bool = True
    action_on_empty: bool = False
    hears_digits: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """What the caller says, kept; `action` is None for the document's own URL, times are in seconds."""

    action: str | None = None
    method: str = "POST"
    timeout: int = 5
    finish_on: str = ALL_KEYS
    longest: int = 3600
    beep: bool = True
    callback: StatusCallback = NOT_TOLD


@dataclass(frozen=True, slots=True)
class Enqueue:
    """The caller waits in a queue; `wait_url` is empty for Twilio's own music."""

    name: str
    action: str | None = None
    method: str = "POST"
    wait_url: str = ""
    wait_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Leave:
    """The caller leaves the queue; only for documents that are carried out while one waits there."""


Verb = Say | Play | Pause | Hangup | Reject | Redirect | Dial | Gather | Record | Enqueue | Leave


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something wrong in a document: Twilio's code and a sentence, and the method, URL and variables of a request.

    The request is given where the alert shows another one than the webhook that the document came from.
    """

    code: int
    message: str
    request: tuple[str, str, str] = ("", "", "")


@dataclass(frozen=True, slots=True)
class Document:
    """A document's verbs in order, what is wrong with it, and what the rehearsal does not carry out.

    Relative URLs in it are relative to its own, which is empty where it came with a request to the API.
    """

    verbs: tuple[Verb, ...]
    complaints: tuple[Complaint, ...] = ()
    not_carried_out: tuple[str, ...] = ()
    url: str = ""


class InvalidTwiml(Exception):  # noqa: N818 - it is a finding about somebody's document
    """A document that is not TwiML at all."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.complaint = Complaint(code, message)
