"""One call, carried: asks for TwiML, does what it says, dials legs, and keeps the records while time passes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from dialtone_nb.rehearsal.alerting import raise_alert
from dialtone_nb.rehearsal.api import prices
from dialtone_nb.rehearsal.call_records import CallRecord, change_call, start_call
from dialtone_nb.rehearsal.clock import rfc2822
from dialtone_nb.rehearsal.exchange.orders import FarSide
from dialtone_nb.rehearsal.exchange.parameters import call_parameters
from dialtone_nb.rehearsal.exchange.reach import Leg, check_target
from dialtone_nb.rehearsal.exchange.twiml import (
    Complaint,
    Dial,
    Document,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Target,
    Unreadable,
    Verb,
    read_twiml,
)
from dialtone_nb.rehearsal.exchange.webhooks import LARGEST_DOCUMENT, Answered, Asker, Webhook, resolve
from dialtone_nb.rehearsal.refusal import NOT_MODELLED
from dialtone_nb.rehearsal.store import Store, Thing

APPLICATION_ERROR = "We are sorry, an application error has occurred. Goodbye."
XML_TYPES = ("text/xml", "application/xml", "text/html")
WORDS_PER_SECOND = 2.5
PLAYED_S = 5.0  # how long any sound lasts
BUSY_AFTER_S = 1.0
MOST_DOCUMENTS = 100  # a call that is redirected in a circle ends here
SIP_RESPONSES = {"completed": 200, "busy": 486, "no-answer": 487, "canceled": 487, "failed": 503}
NOT_REGISTERED_RESPONSE = 480  # an assumption


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a call comes in: its ends, and the URLs of the domain or number that take it."""

    from_: str
    to: str
    voice_url: str
    voice_method: str
    fallback_url: str
    fallback_method: str
    callback_url: str
    callback_method: str
    domain: Thing | None = None
    username: str = ""
    number_sid: str = ""


@dataclass(frozen=True, slots=True)
class Legged:
    """A leg that was dialled, with its record."""

    record: CallRecord
    target: Target
    sip_response: int | None = None
    code: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    emergency: str = ""


@dataclass(frozen=True, slots=True)
class DialResult:
    """How a Dial ended, in the words of its action."""

    status: str
    leg: Legged | None = None
    complaint: Complaint | None = None


class CallOver(Exception):  # noqa: N818 - it is how a call ends
    """The call is over; nothing more of its TwiML is carried out."""


class Carrying:
    """A call while it is carried."""

    def __init__(self, store: Store, asker: Asker, entry: Entry, parent: CallRecord, far_side: FarSide) -> None:
        self._store = store
        self._asker = asker
        self._entry = entry
        self._far_side = far_side
        self._caller_is_gone = False
        self._last_code = 0  # of the last document that could not be used; a fallback URL is told
        self.parent = parent
        self.legs: list[Legged] = []
        self.heard: list[str] = []
        self.webhooks: list[dict[str, Any]] = []

    # --- the whole call ---

    def run(self) -> None:
        """Carry the call to its end."""
        status = "completed"
        try:
            if not self._entry.voice_url:
                # A number or domain without a voice URL fails the call, and raises no alert.
                status = "failed"
            elif document := self._first_document():
                self._carry_out(*document)
        except CallOver as over:
            status = str(over) or status
        self._end(status)

    def _first_document(self) -> tuple[Document, str] | None:
        entry = self._entry
        document = self._ask_for_twiml(entry.voice_method, entry.voice_url)
        if document:
            return document, entry.voice_url
        if entry.fallback_url:
            extra = {"ErrorUrl": entry.voice_url, "ErrorCode": str(self._last_code)}
            document = self._ask_for_twiml(entry.fallback_method, entry.fallback_url, extra)
            if document:
                return document, entry.fallback_url
        self._application_error()
        return None

    def _application_error(self) -> None:
        self._answer()
        self._say(APPLICATION_ERROR)

    def _carry_out(self, document: Document, url: str) -> None:
        for _ in range(MOST_DOCUMENTS):
            following = self._until_another(document, url)
            if following is None:
                return
            document, url = following
        self._alert(self.parent, Complaint(11215, f"More than {MOST_DOCUMENTS} documents in one call"))

    def _until_another(self, document: Document, url: str) -> tuple[Document, str] | None:
        """The document that takes over, with its URL; None where the call has run to its end."""
        for complaint in document.complaints:
            self._alert(self.parent, complaint)
        for what in document.not_carried_out:
            self._alert(self.parent, Complaint(NOT_MODELLED, f"The rehearsal does not carry out {what}"))
        for place, verb in enumerate(document.verbs):
            following = self._do(verb, url, is_first=place == 0)
            if following:
                return following
        return None

    def _do(self, verb: Verb, url: str, *, is_first: bool) -> tuple[Document, str] | None:
        match verb:
            case Say(text, loop):
                self._answer()
                for _ in range(loop):
                    self._say(text)
            case Play(sound, digits):
                self._answer()
                self.heard.append(f"(tones {digits})" if digits else f"(plays {sound})")
                self._wait(PLAYED_S)
            case Pause(length):
                self._wait(length)
            case Hangup():
                self._answer()
                raise CallOver
            case Reject(reason):
                self._reject(reason, is_first)
            case Redirect(target, method):
                return self._another(method, resolve(url, target))
            case Dial():
                return self._dial(verb, url)
        return None

    def _another(self, method: str, url: str, extra: dict[str, str] | None = None) -> tuple[Document, str]:
        document = self._ask_for_twiml(method, url, extra or {})
        if document is None:
            self._application_error()
            raise CallOver
        return document, url

    def _reject(self, reason: str, is_first: bool) -> None:
        if self.parent.answered is None and is_first:
            raise CallOver("busy" if reason == "busy" else "no-answer")
        self._alert(self.parent, Complaint(12200, "<Reject> must be the first verb"))
        raise CallOver

    # --- dialling ---

    def _dial(self, dial: Dial, url: str) -> tuple[Document, str] | None:
        if not dial.answer_on_bridge:
            self._answer()
        result = self._try(dial)
        if dial.action is not None:
            parameters = self._dial_parameters(result)
            following_url = resolve(url, dial.action)
            if self._caller_is_gone:
                self._ask(dial.method, following_url, parameters)
                raise CallOver(self._gone_status())
            return self._another(dial.method, following_url, parameters)
        if self._caller_is_gone:
            raise CallOver(self._gone_status())
        return None

    def _gone_status(self) -> str:
        return "canceled" if self.parent.answered is None else "completed"

    def _try(self, dial: Dial) -> DialResult:
        caller_id = dial.caller_id or self.parent.from_
        ends = {self.parent.from_, self.parent.to}
        if not dial.targets:
            self._alert(self.parent, Complaint(13215, "Dial: there is nobody to dial"))
        with self._store.transaction() as tables:
            checked = [(t, check_target(tables, t, caller_id, ends, self._entry.domain)) for t in dial.targets]
        refused = [found for _, found in checked if isinstance(found, Complaint)]
        for complaint in refused:
            self._alert(self.parent, complaint)
        legs = [
            self._start_leg(target, found, caller_id) for target, found in checked if not isinstance(found, Complaint)
        ]
        if not legs:
            return DialResult("failed", complaint=refused[0] if refused else None)
        unregistered = [leg for leg in legs if leg.code == 32009]
        for leg in unregistered:
            # What real networks see with this warning is the status no-answer, at once.
            self._end_leg(leg, "no-answer", NOT_REGISTERED_RESPONSE)
        ringing = [leg for leg in legs if leg not in unregistered]
        if not ringing:
            complaint = Complaint(32009, "The user that was dialled is not registered")
            return DialResult("no-answer", self._latest(unregistered[0]), complaint)
        return self._ring(dial, ringing)

    def _start_leg(self, target: Target, found: Leg, caller_id: str) -> Legged:
        with self._store.transaction() as tables:
            record = start_call(
                tables, caller_id, found.address, "outbound-dial", "ringing", parent_call_sid=self.parent.sid
            )
        code = found.fault.code if found.fault else None
        leg = Legged(record, target, code=code, headers=found.headers, emergency=found.emergency)
        self.legs.append(leg)
        if found.fault:
            self._alert(record, found.fault)
        self._progress(leg, "initiated")
        return leg

    def _ring(self, dial: Dial, legs: list[Legged]) -> DialResult:
        first, far = legs[0], self._far_side
        if far.unreachable:
            return self._unreachable(legs)
        for leg in legs:
            self._progress(leg, "ringing")
        patience = min(far.cancel_after if far.cancel_after is not None else math.inf, float(dial.timeout))
        if far.busy:
            self._wait(BUSY_AFTER_S)
            return self._over(legs, "busy")
        if far.no_answer or far.answer_after > patience:
            self._wait(patience)
            self._caller_is_gone = far.cancel_after is not None and far.cancel_after <= dial.timeout
            return self._over(legs, "canceled" if self._caller_is_gone else "no-answer")
        self._wait(far.answer_after)
        for other in legs[1:]:
            self._end_leg(other, "canceled")
        return self._talk(dial, first)

    def _talk(self, dial: Dial, leg: Legged) -> DialResult:
        self._answer()
        with self._store.transaction() as tables:
            record = change_call(tables, leg.record, status="in-progress", answered=tables.now())
        leg = self._replace(leg, record)
        self._progress(leg, "answered")
        if leg.target.url:
            self._alert(
                leg.record, Complaint(NOT_MODELLED, "The rehearsal does not carry out the url of a dialled leg")
            )
        self._wait(min(self._far_side.talk, dial.time_limit))
        if self._far_side.talk > dial.time_limit:
            self._alert(leg.record, Complaint(32015, f"Call is terminated after {dial.time_limit} s, its time limit"))
        return DialResult("completed", self._end_leg(leg, "completed"))

    def _unreachable(self, legs: list[Legged]) -> DialResult:
        complaint = Complaint(0, "")
        for leg in legs:
            is_sip = leg.target.kind == "sip"
            complaint = (
                Complaint(32011, f"Error communicating with the SIP endpoint {leg.target.address}")
                if is_sip
                else Complaint(32016, f"PSTN post-dial timeout for {leg.target.address}")
            )
            self._alert(leg.record, complaint)
            self._end_leg(leg, "failed", 408 if is_sip else None)
        return DialResult("failed", self._latest(legs[0]), complaint)

    def _over(self, legs: Iterable[Legged], status: str) -> DialResult:
        ended = [self._end_leg(leg, status) for leg in legs]
        return DialResult(status, ended[0])

    def _end_leg(self, leg: Legged, status: str, sip_response: int | None = None) -> Legged:
        with self._store.transaction() as tables:
            record = change_call(tables, leg.record, status=status, ended=tables.now())
            record = change_call(tables, record, price=leg_price(record))
        if leg.target.kind == "sip":
            sip_response = sip_response or SIP_RESPONSES[status]
        leg = self._replace(leg, record, sip_response)
        self._progress(leg, "completed")
        return leg

    def _replace(self, leg: Legged, record: CallRecord, sip_response: int | None = None) -> Legged:
        changed = Legged(record, leg.target, sip_response, leg.code, leg.headers, leg.emergency)
        self.legs = [changed if one.record.sid == record.sid else one for one in self.legs]
        return changed

    def _latest(self, leg: Legged) -> Legged:
        return next(one for one in self.legs if one.record.sid == leg.record.sid)

    def _dial_parameters(self, result: DialResult) -> dict[str, str]:
        parameters = {
            "DialCallStatus": result.status,
            "DialBridged": "true" if result.status == "completed" else "false",
        }
        if leg := result.leg:
            parameters["DialCallSid"] = leg.record.sid
            if result.status == "completed":
                parameters["DialCallDuration"] = str(leg.record.duration)
            if leg.target.kind == "sip":
                call_id = self._store.identity.digest("sip call id", leg.record.sid)[:32]
                parameters |= {"DialSipCallId": f"{call_id}@0.0.0.0", "DialSipResponseCode": str(leg.sip_response)}
        if result.complaint:
            parameters |= {"ErrorCode": str(result.complaint.code), "ErrorMessage": result.complaint.message}
        return parameters

    def _progress(self, leg: Legged, event: str) -> None:
        """Report a leg's progress to the status callback that its target names, if it wants this event."""
        target = leg.target
        if not target.status_callback or event not in target.status_callback_events:
            return
        status = {"answered": "in-progress", "completed": leg.record.status}.get(event, event)
        self._call_back(leg.record, target.status_callback_method, target.status_callback, status)

    # --- webhooks ---

    def _ask_for_twiml(self, method: str, url: str, extra: dict[str, str] | None = None) -> Document | None:
        """The document at a URL; None, and an alert, where there is none that can be carried out."""
        answered, webhook = self._ask(method, url, extra or {})
        document = read_answer(answered)
        if isinstance(document, Complaint):
            self._last_code = document.code
            self._alert(self.parent, document, webhook, answered)
            return None
        return document

    def _ask(self, method: str, url: str, extra: dict[str, str]) -> tuple[Answered, Webhook]:
        if self._caller_is_gone:
            status = self._gone_status()
        else:
            status = "ringing" if self.parent.answered is None else "in-progress"
        return self._send(self.parent, method, url, status, extra)

    def _send(
        self, call: CallRecord, method: str, url: str, status: str, extra: dict[str, str]
    ) -> tuple[Answered, Webhook]:
        domain = self._entry.domain if call.sid == self.parent.sid else None
        identity = self._store.identity
        parameters = call_parameters(identity, call, status, domain=domain, username=self._entry.username) | extra
        webhook = Webhook(method, url, parameters, token=f"{self.parent.sid}/{len(self.webhooks)}")
        answered = self._asker.ask(webhook)
        self.webhooks.append({"method": method, "url": url, "status": answered.status, "body": answered.body})
        with self._store.transaction() as tables:
            event = {
                "request": {"method": method, "url": url, "parameters": parameters},
                "response": {
                    "response_code": answered.status,
                    "request_duration": 0,
                    "content_type": answered.content_type,
                    "response_body": answered.body,
                    "date_created": rfc2822(tables.now()),
                },
            }
            tables.add("EV", "call_event", call.sid, "", event)
        return answered, webhook

    def _call_back(self, call: CallRecord, method: str, url: str, status: str) -> None:
        with self._store.transaction() as tables:
            now = tables.now()
        extra = {"Timestamp": rfc2822(now) or "", "CallbackSource": "call-progress-events"}
        if call.ended is not None:
            minutes = math.ceil(call.duration / 60)
            extra |= {"CallDuration": str(call.duration), "Duration": str(minutes)}
        answered, webhook = self._send(call, method, url, status, extra)
        if not answered.is_good:
            self._alert(call, Complaint(15003, f"Call progress: {answered.reason}"), webhook, answered)

    # --- the call's own state ---

    def _answer(self) -> None:
        if self.parent.answered is None:
            with self._store.transaction() as tables:
                self.parent = change_call(tables, self.parent, status="in-progress", answered=tables.now())

    def _say(self, text: str) -> None:
        self.heard.append(text)
        self._wait(max(1, math.ceil(len(text.split()) / WORDS_PER_SECOND)))

    def _wait(self, seconds: float) -> None:
        with self._store.transaction() as tables:
            tables.advance(seconds)

    def _end(self, status: str) -> None:
        with self._store.transaction() as tables:
            self.parent = change_call(tables, self.parent, status=status, ended=tables.now())
            price = inbound_price(self.parent, is_sip=self._entry.domain is not None)
            self.parent = change_call(tables, self.parent, price=price)
        if self._entry.callback_url:
            self._call_back(self.parent, self._entry.callback_method, self._entry.callback_url, status)

    def _alert(
        self, call: CallRecord, complaint: Complaint, webhook: Webhook | None = None, answered: Answered | None = None
    ) -> None:
        request = (webhook.method, webhook.url, urlencode(webhook.parameters)) if webhook else ("", "", "")
        response = (f"content-type={answered.content_type}", answered.body) if answered else ("", "")
        with self._store.transaction() as tables:
            raise_alert(tables, complaint.code, call.sid, complaint.message, request=request, response=response)


def read_answer(answered: Answered) -> Document | Complaint:
    """What an application answered, as a document; a complaint where Twilio could not use it."""
    if not answered.is_good:
        return Complaint(answered.code, answered.reason)
    if not answered.body.strip():
        return Complaint(11770, "Empty response body")
    if len(answered.body.encode()) > LARGEST_DOCUMENT:
        return Complaint(11750, "TwiML response body too large")
    content_type = answered.content_type.partition(";")[0].strip().lower()
    if content_type == "text/plain":
        return Document((Say(answered.body.strip()),))
    if content_type not in XML_TYPES:
        return Complaint(12300, f"Invalid Content-Type: {content_type or '(none)'}")
    try:
        return read_twiml(answered.body)
    except Unreadable as unreadable:
        return unreadable.complaint


def started_minutes(call: CallRecord) -> int:
    """What a call is billed for; none where it was never answered."""
    return math.ceil(call.duration / 60)


def leg_price(leg: CallRecord) -> float | None:
    """What a dialled leg costs; None where it was never answered."""
    if leg.answered is None:
        return None
    rate = prices.SIP_MINUTE if leg.to.startswith("sip") else prices.outbound_minute(leg.to)
    return round(started_minutes(leg) * rate, 5)


def inbound_price(call: CallRecord, *, is_sip: bool) -> float | None:
    """What a call that came in costs; None where it was never answered."""
    if call.answered is None:
        return None
    return round(started_minutes(call) * (prices.SIP_MINUTE if is_sip else prices.PSTN_INBOUND_MINUTE), 5)
