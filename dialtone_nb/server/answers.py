"""Twilio's request -> our response, and the event to note: data in, data out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from dialtone_nb.dialplan.decide import caller_of, decide, next_step, spoken_reason
from dialtone_nb.dialplan.decisions import Decision, DialEmergency, IncomingCall, OutgoingCall, Refuse
from dialtone_nb.dialplan.table import Table
from dialtone_nb.dialplan.twiml import status_url, twiml_of, twiml_saying
from dialtone_nb.values.sids import NO_CALL, PROBE

# The decision, and the event, where a caller hears the words of the phone's `then`.
TOLD: Final = "told"
# Twilio's DialCallStatus; anything else counts as "other", so that nobody can make counters without end.
DIAL_STATUSES: Final = frozenset({"completed", "answered", "busy", "no-answer", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request that Twilio signed: its parameters, and the URL under which the other functions are found."""

    parameters: Mapping[str, str]
    base_url: str

    @property
    def is_probe(self) -> bool:
        """Whether this is a request of verify's, without a call."""
        return self.value("CallSid") == NO_CALL

    def value(self, name: str) -> str:
        """A parameter; empty where it was not sent."""
        return self.parameters.get(name, "")


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """TwiML, the events, and the words by which calls are counted."""

    twiml: str
    events: tuple[Mapping[str, Any], ...]
    direction: str
    result: str
    # What becomes of an unanswered call: it goes on to ring elsewhere, or the caller hears words.
    going_on: str = ""


@dataclass(frozen=True, slots=True)
class Responder:
    """Answers for one environment from one table."""

    table: Table
    environment: str
    trunk_password: str = ""
    # A phone's limits: what becomes of a decision where calls are counted.
    limit: Callable[[Decision], Decision] = lambda decision: decision

    def outgoing(self, asked: WebhookRequest) -> WebhookResponse:
        """A phone dials."""
        call = OutgoingCall(self.environment, asked.value("SipUsername"), asked.value("To"), asked.value("From"))
        caller = caller_of(self.table, call)
        details = {"identified_by": caller.identified_by} if caller else {}
        return self._decided("outgoing", self.limit(decide(self.table, call)), asked, details)

    def incoming(self, asked: WebhookRequest) -> WebhookResponse:
        """The telephone network calls one of our numbers."""
        call = IncomingCall(self.environment, asked.value("To"), asked.value("From"))
        return self._decided("incoming", decide(self.table, call), asked)

    def ended(self, asked: WebhookRequest) -> WebhookResponse:
        """A dialled call has ended; if nobody answered, it goes on to the next step, or the caller hears why."""
        direction = "incoming" if asked.value("direction") == "incoming" else "outgoing"
        status = asked.parameters.get("DialCallStatus", "unknown")
        details: dict[str, Any] = {}
        if code := asked.value("ErrorCode"):
            details["error_code"] = code
        if sip_response := asked.value("DialSipResponseCode"):
            details["sip_response"] = sip_response
        if re.fullmatch("[0-9]{1,9}", duration := asked.value("DialCallDuration")):
            details["duration_s"] = int(duration)
        event = self._event(f"{direction}-dialstatus-{status}", asked.value("client"), asked, details)
        result = status if status in DIAL_STATUSES else "other"
        if step := next_step(direction, status, asked.value("step")):
            going_on = self._going_on(step, asked)
            return replace(going_on, events=(event, *going_on.events), result=result)
        words = spoken_reason(self.table, direction, status, asked.value("emergency"), asked.value("To"))
        return WebhookResponse(twiml_saying(words), (event,), direction, result)

    def _going_on(self, step: int, asked: WebhookRequest) -> WebhookResponse:
        decision = decide(self.table, IncomingCall(self.environment, asked.value("To"), asked.value("From"), step))
        twiml = twiml_of(decision, status_url(asked.base_url, "incoming", decision), self.trunk_password)
        is_told = isinstance(decision, Refuse)
        reason = {"reason": decision.reason} if isinstance(decision, Refuse) and decision.reason != TOLD else {}
        event = self._event(
            "incoming-told" if is_told else "incoming-rang-on",
            decision.client,
            asked,
            {"rule": decision.rule, **reason, "step": step},
        )
        return WebhookResponse(twiml, (event,), "incoming", decision.kind, TOLD if is_told else "rang-on")

    def _decided(
        self, direction: str, decision: Decision, asked: WebhookRequest, more: Mapping[str, str] = MappingProxyType({})
    ) -> WebhookResponse:
        twiml = twiml_of(decision, status_url(asked.base_url, direction, decision), self.trunk_password)
        word, result, details = "call", decision.kind, {}
        if isinstance(decision, Refuse):
            word, result = ("told", TOLD) if decision.reason == TOLD else ("refused", decision.reason)
            details = {"reason": decision.reason} if word == "refused" else {}
        elif isinstance(decision, DialEmergency):
            word, details = "emergency", {"other_party": decision.number}
        event = self._event(f"{direction}-{word}", decision.client, asked, {"rule": decision.rule, **details, **more})
        return WebhookResponse(twiml, (*self._fallback(direction, decision, asked), event), direction, result)

    def _fallback(self, direction: str, decision: Decision, asked: WebhookRequest) -> tuple[Mapping[str, Any], ...]:
        """The event of a call that came by the fallback URL: Twilio sends ErrorUrl to no other voice URL."""
        if not asked.value("ErrorUrl"):
            return ()
        details = {"error_code": asked.value("ErrorCode")}
        return (self._event(f"{direction}-fallback", decision.client, asked, details),)

    def _event(self, name: str, client: str, asked: WebhookRequest, details: Mapping[str, Any]) -> Mapping[str, Any]:
        # The names and their order are the deployed functions'; no other party's number but an emergency service's.
        return {
            "channel": client,
            "endpoint": client,
            "event": f"{PROBE}{name}" if asked.is_probe else name,
            "call_sid": asked.value("CallSid"),
            **details,
            "environment": self.environment,
        }


Endpoint: TypeAlias = Callable[[Responder, WebhookRequest], WebhookResponse]
ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {"/sip-outgoing": Responder.outgoing, "/sip-incoming": Responder.incoming, "/call-status": Responder.ended}
)
