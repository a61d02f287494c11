"""A TwiML document as data: its verbs in order, and complaints about it, by Twilio's names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DEFAULT_TIMEOUT_S = 30
DEFAULT_TIME_LIMIT_S = 14400
ALL_KEYS = "1234567890*#"


@dataclass(frozen=True, slots=True)
class Say:
    """Speak text, `loop` times."""

    text: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Play:
    """Play audio from a URL, or digits as tones, `loop` times."""

    url: str
    digits: str = ""
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence of so many seconds."""

    length: int = 1


Prompt = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse to answer; `reason` is rejected or busy."""

    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Redirect:
    """Continue with another document."""

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
        """Whether SequenceNumber counts all events, including those not sent; if only `completed` is sent, it has 0.

        Recorded: 3 in 2018 with the events ringing, answered and completed, 0 in 2016 and 2023 with the default.
        """
        return self.events != ("completed",)

    def wants(self, event: str) -> bool:
        """Whether this event is sent."""
        return bool(self.url) and event in self.events


NOT_TOLD = StatusCallback()


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a Dial: a number, a SIP URI, or the member at the front of a queue."""

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
    """Dial other parties; times are in seconds. Without an `action` (None) the document goes on afterwards."""

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
    """Collect digits, at most `most` (None is no limit); `action` None is the document's own URL."""

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
    """Record the caller; `action` None is the document's own URL, times are in seconds."""

    action: str | None = None
    method: str = "POST"
    timeout: int = 5
    finish_on: str = ALL_KEYS
    longest: int = 3600
    beep: bool = True
    callback: StatusCallback = NOT_TOLD


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Have the caller wait in a queue; an empty `wait_url` stands for Twilio's own music."""

    name: str
    action: str | None = None
    method: str = "POST"
    wait_url: str = ""
    wait_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the queue; only in the document of a waitUrl."""


Verb = Say | Play | Pause | Hangup | Reject | Redirect | Dial | Gather | Record | Enqueue | Leave


@dataclass(frozen=True, slots=True)
class Complaint:
    """A fault to raise as an alert: Twilio's code, a message, and the method, URL and variables of a request.

    The request is only set if the alert shows another one than the webhook request that the document came from.
    """

    code: int
    message: str
    request: tuple[str, str, str] = ("", "", "")


@dataclass(frozen=True, slots=True)
class Document:
    """A document's verbs in order, complaints about it, and the parts that the rehearsal does not execute.

    Relative URLs in it are relative to its own `url`, which is empty if it came with an API request.
    """

    verbs: tuple[Verb, ...]
    complaints: tuple[Complaint, ...] = ()
    not_carried_out: tuple[str, ...] = ()
    url: str = ""


class InvalidTwiml(Exception):  # noqa: N818 - it is a finding about a document
    """A document is not TwiML at all."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.complaint = Complaint(code, message)
