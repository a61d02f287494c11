"""Parsing TwiML: the verbs of a document, and Twilio's warnings, with the codes of its error dictionary."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from dialtone_nb.rehearsal.exchange import verbs
from dialtone_nb.rehearsal.exchange.verbs import (
    ALL_KEYS,
    DEFAULT_TIME_LIMIT_S,
    DEFAULT_TIMEOUT_S,
    Complaint,
    Document,
    InvalidTwiml,
    Prompt,
    StatusCallback,
    Target,
    Verb,
)

_CALLBACKS = "statusCallback statusCallbackEvent statusCallbackMethod"
_RECORDING = "trim recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent recordingTrack"
_DETECTION = (
    "machineDetection machineDetectionTimeout machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold "
    "machineDetectionSilenceTimeout amdStatusCallback amdStatusCallbackMethod"
)
_CLIENT = "clientNotificationUrl callReason"
# The attributes that each element may have, as in twilio-python; others raise a schema warning (12200).
ATTRIBUTES = {
    "Say": "voice loop language",
    "Play": "loop digits",
    "Pause": "length",
    "Hangup": "",
    "Leave": "",
    "Reject": "reason",
    "Redirect": "method",
    "Gather": "action method timeout finishOnKey numDigits actionOnEmptyResult bargeIn input hints language debug "
    "partialResultCallback partialResultCallbackMethod speechTimeout maxSpeechTime profanityFilter "
    "speechModel enhanced",
    "Record": "action method timeout finishOnKey maxLength playBeep transcribe transcribeCallback "
    f"recordingConfigurationId {_RECORDING}",
    "Enqueue": "action method waitUrl waitUrlMethod maxQueueSize workflowSid",
    "Dial": "action method timeout timeLimit callerId answerOnBridge ringTone hangupOnStar sequential referUrl "
    f"referMethod events record recordingConfigurationId {_RECORDING}",
    "Number": f"sendDigits url method byoc callReason {_CALLBACKS} {_DETECTION}",
    "Sip": f"username password url method {_CALLBACKS} {_DETECTION} {_CLIENT}",
    "Queue": "url method reservationSid postWorkActivitySid",
}
# TwiML that Twilio executes and the rehearsal does not: whole elements, ...
NOT_CARRIED_OUT = frozenset(
    {"Conference", "Client", "Connect", "Start", "Stop", "Refer", "Pay", "Prompt", "Sim", "WhatsApp", "Echo", "Sms"}
    | {"Message", "Application", "VirtualAgent", "Siprec", "Stream", "Transcription", "Assistant"}
)
# ... and attributes, unless they have one of these values, which switch a feature off.
ASKS_FOR_NOTHING = frozenset({"", "false", "do-not-record"})
ATTRIBUTES_NOT_CARRIED_OUT = {
    "Dial": ("record", "referUrl", "events"),
    "Number": ("byoc", "machineDetection"),
    "Sip": ("machineDetection",),
    "Queue": ("reservationSid",),
    "Record": ("transcribe", "transcribeCallback"),
    "Enqueue": ("workflowSid",),
}
# Twilio's error codes for a method that is neither GET nor POST, by element (error dictionary).
METHOD_CODES = {
    "Dial": 13210,
    "Number": 13221,
    "Sip": 13241,
    "Gather": 13312,
    "Enqueue": 14201,
    "Queue": 14210,
    "Record": 13610,
    "Redirect": 13710,
}

SCHEMA_WARNING = 12200
LONGEST_TIMEOUT_S = 600
LONGEST_LOOP = 1000
LONGEST_GATHER_S = 3600
MOST_DIGITS = 1000
LONGEST_QUEUE_NAME = 64
LONGEST_NUMBER = 12


def parse_twiml(text: str) -> Document:
    """Parse a document; raises `InvalidTwiml` if it is not XML (12100), or its root is not Response (12102)."""
    try:
        # As Twilio's, this parser refuses anything before the XML declaration. The TwiML's author is trusted.
        root = ET.fromstring(text)  # noqa: S314
    except ET.ParseError as error:
        raise InvalidTwiml(12100, f"Document parse failure: {error}") from None
    if root.tag != "Response":
        raise InvalidTwiml(12102, f"The root element must be Response, not {root.tag}")
    parser = _Parser()
    found = tuple(verb for element in root if (verb := parser.verb(element)) is not None)
    return Document(found, tuple(parser.complaints), tuple(parser.not_carried_out))


class _Parser:
    """Parses elements, and collects complaints about them."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []
        self.not_carried_out: list[str] = []

    def verb(self, element: ET.Element) -> Verb | None:
        if prompt := self.prompt(element):
            return prompt
        self._check_attributes(element)
        match element.tag:
            case "Hangup":
                return verbs.Hangup()
            case "Leave":
                return verbs.Leave()
            case "Reject":
                return verbs.Reject(self._reason(element))
            case "Redirect":
                return verbs.Redirect(_text(element), self._method(element))
            case "Dial":
                return self._dial(element)
            case "Gather":
                return self._gather(element)
            case "Record":
                return self._record(element)
            case "Enqueue":
                return self._enqueue(element)
        self._stranger(element)
        return None

    def prompt(self, element: ET.Element) -> Prompt | None:
        """A Say, Play or Pause, in a Response or in a Gather; None for other elements."""
        if element.tag not in {"Say", "Play", "Pause"}:
            return None
        self._check_attributes(element)
        match element.tag:
            case "Say":
                return verbs.Say("".join(element.itertext()).strip(), self._loop(element, 13510))
            case "Play":
                return verbs.Play(_text(element), self._tones(element, "digits", 13430), self._loop(element, 13410))
        return verbs.Pause(self._whole(element, "length", 1, 1, 3600, 13910))

    def _stranger(self, element: ET.Element) -> None:
        if element.tag in NOT_CARRIED_OUT:
            self.not_carried_out.append(f"<{element.tag}>")
        else:
            self._complain(SCHEMA_WARNING, f"There is no element <{element.tag}> here")

    # --- dialling ---

    def _dial(self, element: ET.Element) -> verbs.Dial:
        text = _text(element)
        targets = [Target("number", text)] if text else []
        if not text and not len(element):
            self._complain(13215, "Dial: there is nobody to dial")
        for noun in element:
            if noun.tag in {"Number", "Sip", "Queue"}:
                targets.append(self._target(noun))
            else:
                self._stranger(noun)
        return verbs.Dial(
            tuple(targets),
            action=element.get("action"),
            method=self._method(element),
            caller_id=element.get("callerId", ""),
            timeout=self._whole(element, "timeout", DEFAULT_TIMEOUT_S, 1, LONGEST_TIMEOUT_S, 13212),
            time_limit=self._whole(element, "timeLimit", DEFAULT_TIME_LIMIT_S, 1, DEFAULT_TIME_LIMIT_S, 13216),
            answer_on_bridge=self._flag(element, "answerOnBridge", 13219),
            hangup_on_star=self._flag(element, "hangupOnStar", 13213),
            sequential=self._flag(element, "sequential", 13218),
        )

    def _target(self, noun: ET.Element) -> Target:
        self._check_attributes(noun)
        return Target(
            "number" if noun.tag == "Number" else "sip" if noun.tag == "Sip" else "queue",
            _text(noun),
            url=noun.get("url", ""),
            method=self._method(noun),
            callback=_callback(noun, "statusCallback"),
            username=noun.get("username", ""),
            password=noun.get("password", ""),
            send_digits=self._tones(noun, "sendDigits", 13222),
        )

    # --- what a caller answers ---

    def _gather(self, element: ET.Element) -> verbs.Gather:
        prompts = []
        for inner in element:
            if prompt := self.prompt(inner):
                prompts.append(prompt)
            else:
                self._complain(13320, f"Gather: <{inner.tag}> can't stand in it; Say, Play and Pause can")
        kinds = set(element.get("input", "dtmf").split())
        if strange := kinds - {"dtmf", "speech"}:
            self._complain(13326, f"Gather: invalid input {sorted(strange)[0]!r}")
        if "speech" in kinds:
            self.not_carried_out.append("speech as input of <Gather>")
        return verbs.Gather(
            tuple(prompts),
            action=element.get("action"),
            method=self._method(element),
            most=self._whole(element, "numDigits", 0, 1, MOST_DIGITS, 13314) or None,
            finish_on=self._finishing_key(element),
            timeout=self._whole(element, "timeout", 5, 0, LONGEST_GATHER_S, 13313),
            barge_in=self._flag(element, "bargeIn", 13332, "true"),
            action_on_empty=self._flag(element, "actionOnEmptyResult", 13338),
            hears_digits="speech" not in kinds or "dtmf" in kinds,
        )

    def _finishing_key(self, element: ET.Element) -> str:
        key = element.get("finishOnKey", "#")
        if len(key) > 1:
            self._complain(13311, f"Gather: finishOnKey must be a single key, not {key!r}")
        elif key not in ALL_KEYS:
            self._complain(13310, f"Gather: finishOnKey can't be {key!r}")
        else:
            return key
        return "#"

    def _record(self, element: ET.Element) -> verbs.Record:
        keys = element.get("finishOnKey", ALL_KEYS)
        if not set(keys) <= set(ALL_KEYS):
            self._complain(13613, f"Record: invalid finishOnKey {keys!r}")
            keys = ALL_KEYS
        return verbs.Record(
            action=element.get("action"),
            method=self._method(element),
            timeout=self._whole(element, "timeout", 5, 1, LONGEST_GATHER_S, 13611),
            finish_on=keys,
            longest=self._whole(element, "maxLength", 3600, 1, DEFAULT_TIME_LIMIT_S, 13612),
            beep=self._flag(element, "playBeep", 13616, "true"),
            callback=_callback(element, "recordingStatusCallback"),
        )

    def _enqueue(self, element: ET.Element) -> verbs.Enqueue:
        name = _text(element)
        if not name:
            self._complain(14204, "Enqueue: there is no queue name")
        if len(name) > LONGEST_QUEUE_NAME:
            self._complain(14205, f"Enqueue: a queue's name has at most {LONGEST_QUEUE_NAME} characters")
        return verbs.Enqueue(
            name[:LONGEST_QUEUE_NAME],
            action=element.get("action"),
            method=self._method(element),
            wait_url=element.get("waitUrl", ""),
            wait_method=element.get("waitUrlMethod", "POST").upper(),
        )

    # --- attributes ---

    def _check_attributes(self, element: ET.Element) -> None:
        known = ATTRIBUTES.get(element.tag)
        for name in sorted(element.attrib):
            if known is not None and name not in known.split():
                self._complain(SCHEMA_WARNING, f"<{element.tag}> has no attribute {name}")
        for name in ATTRIBUTES_NOT_CARRIED_OUT.get(element.tag, ()):
            if element.get(name, "") not in ASKS_FOR_NOTHING:
                self.not_carried_out.append(f"{name} of <{element.tag}>")

    def _reason(self, element: ET.Element) -> str:
        reason = element.get("reason", "rejected")
        if reason in {"rejected", "busy"}:
            return reason
        self._complain(13810, f"Reject: invalid reason {reason!r}")
        return "rejected"

    def _tones(self, element: ET.Element, name: str, code: int) -> str:
        digits = element.get(name, "")
        if re.fullmatch(r"[0-9*#wW]*", digits):
            return digits
        self._complain(code, f"Invalid {name} value {digits!r} of <{element.tag}>")
        return ""

    def _loop(self, element: ET.Element, code: int) -> int:
        return self._whole(element, "loop", 1, 0, LONGEST_LOOP, code) or LONGEST_LOOP

    def _method(self, element: ET.Element) -> str:
        method = element.get("method", "POST").upper()
        if method in {"GET", "POST"}:
            return method
        code = METHOD_CODES.get(element.tag, SCHEMA_WARNING)
        self._complain(code, f"Invalid method {method!r} of <{element.tag}>")
        return "POST"

    def _flag(self, element: ET.Element, name: str, code: int, default: str = "false") -> bool:
        value = element.get(name, default)
        if value not in {"true", "false"}:
            self._complain(code, f"Invalid {name} value {value!r}")
            value = default
        return value == "true"

    def _whole(self, element: ET.Element, name: str, default: int, least: int, most: int, code: int) -> int:
        value = element.get(name)
        if value is None:
            return default
        # The first digits show that a number is too large; int() refuses thousands of digits.
        number = int(value.lstrip("0")[:LONGEST_NUMBER] or "0") if re.fullmatch("[0-9]+", value) else -1
        if number < least:
            self._complain(code, f"Invalid {name} value {value!r} of <{element.tag}>")
            return default
        return min(number, most)

    def _complain(self, code: int, message: str) -> None:
        self.complaints.append(Complaint(code, message))


def _callback(element: ET.Element, name: str) -> StatusCallback:
    method, events = element.get(f"{name}Method", "POST"), element.get(f"{name}Event", "completed")
    return StatusCallback(element.get(name, ""), method.upper(), tuple(events.split()))


def _text(element: ET.Element) -> str:
    return (element.text or "").strip()
