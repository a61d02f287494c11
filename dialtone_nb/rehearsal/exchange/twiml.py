"""TwiML, read: the verbs of a document, and what in it Twilio would warn of."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

# The attributes that each element may have; another one is a schema warning (12200) and has no effect.
_CALLBACKS = "statusCallback statusCallbackEvent statusCallbackMethod"
_RECORDING = (
    "record trim recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent recordingTrack"
)
_DETECTION = (
    "machineDetection machineDetectionTimeout machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold "
    "machineDetectionSilenceTimeout amdStatusCallback amdStatusCallbackMethod"
)
ATTRIBUTES = {
    "Say": "voice loop language",
    "Play": "loop digits",
    "Pause": "length",
    "Hangup": "",
    "Reject": "reason",
    "Redirect": "method",
    "Dial": "action method timeout timeLimit callerId answerOnBridge ringTone hangupOnStar sequential referUrl "
    f"referMethod events {_RECORDING}",
    "Number": f"sendDigits url method byoc {_CALLBACKS} {_DETECTION}",
    "Sip": f"username password url method {_CALLBACKS} {_DETECTION}",
}
# What Twilio would carry out and the rehearsal does not.
NOT_CARRIED_OUT = frozenset(
    {
        "Gather",
        "Record",
        "Enqueue",
        "Leave",
        "Queue",
        "Conference",
        "Client",
        "Connect",
        "Start",
        "Stop",
        "Refer",
        "Pay",
    }
    | {"Prompt", "Sim", "WhatsApp", "Echo", "Sms", "Message", "Application", "VirtualAgent", "Siprec", "Stream"}
)
DEFAULT_TIMEOUT_S = 30
LONGEST_TIMEOUT_S = 600
DEFAULT_TIME_LIMIT_S = 14400
DEFAULT_LOOP = 1
LONGEST_LOOP = 1000


@dataclass(frozen=True, slots=True)
class Say:
    """Words to be spoken, as often as `loop` says."""

    text: str
    loop: int = DEFAULT_LOOP


@dataclass(frozen=True, slots=True)
class Play:
    """A sound at a URL, or digits as tones."""

    url: str
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence, in seconds."""

    length: int = 1


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
class Target:
    """Whom a Dial rings: a number, or a SIP URI."""

    kind: str
    address: str
    url: str = ""
    status_callback: str = ""
    status_callback_method: str = "POST"
    status_callback_events: tuple[str, ...] = ("completed",)
    username: str = ""


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


Verb = Say | Play | Pause | Hangup | Reject | Redirect | Dial


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something wrong in a document: Twilio's code and a sentence."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document's verbs in order, what is wrong with it, and what the rehearsal does not carry out."""

    verbs: tuple[Verb, ...]
    complaints: tuple[Complaint, ...] = ()
    not_carried_out: tuple[str, ...] = ()


class Unreadable(Exception):  # noqa: N818 - it is a finding about somebody's document
    """A document that is no TwiML at all."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.complaint = Complaint(code, message)


def read_twiml(text: str) -> Document:
    """The verbs of a document; `Unreadable` where it is no XML (12100), or its root is not Response (12102)."""
    try:
        # Like Twilio, this parser refuses whatever stands before the declaration. Whose functions run here is trusted.
        root = ET.fromstring(text)  # noqa: S314
    except ET.ParseError as error:
        raise Unreadable(12100, f"Document parse failure: {error}") from None
    if root.tag != "Response":
        raise Unreadable(12102, f"The root element must be Response, not {root.tag}")
    reader = _Reader()
    verbs = tuple(verb for element in root if (verb := reader.verb(element)) is not None)
    return Document(verbs, tuple(reader.complaints), tuple(reader.not_carried_out))


class _Reader:
    def __init__(self) -> None:
        self.complaints: list[Complaint] = []
        self.not_carried_out: list[str] = []

    def verb(self, element: ET.Element) -> Verb | None:
        self._check_attributes(element)
        text = (element.text or "").strip()
        match element.tag:
            case "Say":
                return Say("".join(element.itertext()).strip(), self._loop(element))
            case "Play":
                return Play(text, element.get("digits", ""))
            case "Pause":
                return Pause(self._whole(element, "length", 1, 1, 3600, 12200))
            case "Hangup":
                return Hangup()
            case "Reject":
                return Reject(self._reason(element))
            case "Redirect":
                return Redirect(text, self._method(element))
            case "Dial":
                return self._dial(element, text)
        self._stranger(element)
        return None

    def _stranger(self, element: ET.Element) -> None:
        if element.tag in NOT_CARRIED_OUT:
            self.not_carried_out.append(f"<{element.tag}>")
        else:
            self._complain(12200, f"There is no element <{element.tag}> here")

    def _dial(self, element: ET.Element, text: str) -> Dial:
        targets = [Target("number", text)] if text else []
        for noun in element:
            if noun.tag in {"Number", "Sip"}:
                targets.append(self._target(noun))
            else:
                self._stranger(noun)
        for name in ("record", "hangupOnStar", "sequential", "referUrl"):
            if element.get(name) not in {None, "false", "do-not-record"}:
                self.not_carried_out.append(f"{name} of <Dial>")
        return Dial(
            tuple(targets),
            action=element.get("action"),
            method=self._method(element),
            caller_id=element.get("callerId", ""),
            timeout=self._whole(element, "timeout", DEFAULT_TIMEOUT_S, 1, LONGEST_TIMEOUT_S, 12200),
            time_limit=self._whole(element, "timeLimit", DEFAULT_TIME_LIMIT_S, 1, DEFAULT_TIME_LIMIT_S, 13216),
            answer_on_bridge=self._flag(element, "answerOnBridge", 13219),
        )

    def _target(self, noun: ET.Element) -> Target:
        self._check_attributes(noun)
        for name in ("sendDigits", "byoc", "machineDetection"):
            if noun.get(name):
                self.not_carried_out.append(f"{name} of <{noun.tag}>")
        return Target(
            "number" if noun.tag == "Number" else "sip",
            (noun.text or "").strip(),
            url=noun.get("url", ""),
            status_callback=noun.get("statusCallback", ""),
            status_callback_method=noun.get("statusCallbackMethod", "POST").upper(),
            status_callback_events=tuple(noun.get("statusCallbackEvent", "completed").split()),
            username=noun.get("username", ""),
        )

    def _check_attributes(self, element: ET.Element) -> None:
        known = ATTRIBUTES.get(element.tag)
        for name in sorted(element.attrib):
            if known is not None and name not in known.split():
                self._complain(12200, f"<{element.tag}> has no attribute {name}")

    def _reason(self, element: ET.Element) -> str:
        reason = element.get("reason", "rejected")
        if reason in {"rejected", "busy"}:
            return reason
        self._complain(13810, f"Reject: invalid reason {reason!r}")
        return "rejected"

    def _loop(self, element: ET.Element) -> int:
        loop = self._whole(element, "loop", DEFAULT_LOOP, 0, LONGEST_LOOP, 13510)
        return loop or LONGEST_LOOP

    def _method(self, element: ET.Element) -> str:
        method = element.get("method", "POST").upper()
        if method in {"GET", "POST"}:
            return method
        self._complain(13210 if element.tag == "Dial" else 14104, f"Invalid method {method!r} of <{element.tag}>")
        return "POST"

    def _flag(self, element: ET.Element, name: str, code: int) -> bool:
        value = element.get(name, "false")
        if value not in {"true", "false"}:
            self._complain(code, f"Invalid {name} value {value!r}")
        return value == "true"

    def _whole(self, element: ET.Element, name: str, default: int, least: int, most: int, code: int) -> int:
        value = element.get(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or int(value) < least:
            self._complain(code, f"Invalid {name} value {value!r} of <{element.tag}>")
            return default
        return min(int(value), most)

    def _complain(self, code: int, message: str) -> None:
        self.complaints.append(Complaint(code, message))
