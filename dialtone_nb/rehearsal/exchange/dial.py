"""Dial: which legs are rung, what becomes of each, and how the whole of it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from dialtone_nb.rehearsal.assumptions import NOT_REGISTERED_RESPONSE
from dialtone_nb.rehearsal.exchange import target_checks
from dialtone_nb.rehearsal.exchange.call import CallOver, Interruption, LegEnded, LiveCall
from dialtone_nb.rehearsal.exchange.call_log import Leg
from dialtone_nb.rehearsal.exchange.inbound import Callback
from dialtone_nb.rehearsal.exchange.lines import Answers, Fails, HungUp, Line, OutgoingLeg, Rings
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Dial, Target

SIP_RESPONSES = {"completed": 200, "busy": 486, "no-answer": 487, "canceled": 487, "failed": 503}

# Carries out, on the line of a leg that has answered, the document of its target's URL.
Whisper = Callable[[Leg], None]


@dataclass(frozen=True, slots=True)
class DialResult:
    """How a Dial ended, in the words of its action; `broken_off` is what ended it before its own end."""

    status: str
    leg: Leg | None = None
    complaint: Complaint | None = None
    is_bridged: bool = False
    talked_s: int | None = None  # where that is not what the leg's record says
    broken_off: HungUp | Interruption | None = None
    of_queue: Mapping[str, str] = field(default_factory=dict)  # what the action is told of a queue that was dialled


@dataclass(slots=True)
class Dialling:
    """One Dial while it is carried out."""

    call: LiveCall
    dial: Dial
    whisper: Whisper

    def run(self) -> DialResult:
        """Ring all targets at once, or one after another, and let the first who answers talk."""
        rounds = [(target,) for target in self.dial.targets] if self.dial.sequential else [self.dial.targets]
        result = DialResult("failed")
        for targets in rounds:
            result = self._try(targets)
            if result.status == "completed" or result.broken_off:
                break
        return result

    def _try(self, targets: Sequence[Target]) -> DialResult:
        record = self.call.own.record
        caller_id = self.dial.caller_id or record.from_
        ends = {record.from_, record.to}
        domain = self.call.phone.domain if self.call.phone else None
        with self.call.ledger.writing() as tables:
            checked = [(t, target_checks.check_target(tables, t, caller_id, ends, domain)) for t in targets]
        refused = [found for _, found in checked if isinstance(found, Complaint)]
        for complaint in refused:
            self.call.alert(complaint)
        legs = [
            (self._start(target, found, caller_id), found)
            for target, found in checked
            if not isinstance(found, Complaint)
        ]
        if not legs:
            return DialResult("failed", complaint=refused[0] if refused else None)
        unregistered = [leg for leg, found in legs if found.fault and found.fault.code in target_checks.NOBODY_THERE]
        for leg in unregistered:
            # What real networks see with this warning is the status no-answer, at once.
            self._end(leg, "no-answer", NOT_REGISTERED_RESPONSE)
        ringing = [leg for leg, _ in legs if leg not in unregistered]
        if not ringing:
            return DialResult("no-answer", unregistered[0], next(found.fault for _, found in legs))
        return self._ring(ringing)

    def _start(self, target: Target, found: target_checks.Leg, caller_id: str) -> Leg:
        record = self.call.ledger.start(
            caller_id, found.address, "outbound-dial", "ringing", parent_call_sid=self.call.own.record.sid
        )
        callback = Callback(target.status_callback, target.status_callback_method, target.status_callback_events)
        outgoing = OutgoingLeg(
            record.sid,
            "sip" if target.kind == "sip" else "number",
            found.address,
            caller_id,
            found.headers,
            target.username,
            target.password,
            found.emergency,
        )
        leg = Leg(record, callback=callback, target=target, outgoing=outgoing)
        self.call.legs.append(leg)
        if found.fault:
            self.call.ledger.alert(leg, found.fault)
        self.call.applications.tell_progress(leg, "initiated")
        return leg

    def _ring(self, legs: list[Leg]) -> DialResult:
        outgoing = [leg.outgoing for leg in legs if leg.outgoing]
        wires = self.call.wires_for(outgoing)
        failed: list[tuple[Leg, Complaint | None]] = []
        answered: tuple[Leg, Line] | None = None
        try:
            with closing(wires.ring(outgoing, self.dial.timeout, self.call.own.line)) as events:
                for event in events:
                    leg = next(leg for leg in legs if leg.record.sid == event.call_sid)
                    match event:
                        case Rings():
                            self.call.applications.tell_progress(leg, "ringing")
                        case Fails():
                            self._fail(leg, event)
                            failed.append((leg, event.complaint))
                        case Answers():
                            leg.sip_call_id, leg.sip_headers = event.sip_call_id, event.sip_headers
                            answered = leg, event.line
                            break
        except (HungUp, Interruption) as broken_off:
            return self._broken_off(DialResult("canceled", legs[0]), broken_off, legs)
        if answered is None:
            return _failure(failed)
        self._cancel([leg for leg in legs if leg is not answered[0]])
        return self._talk(*answered)

    def _broken_off(self, result: DialResult, by: HungUp | Interruption, ringing: Sequence[Leg] = ()) -> DialResult:
        """A result that came before its time; whatever rings stops, and where only a leg was ended the call goes on."""
        self.call.own.is_gone = self.call.own.is_gone or isinstance(by, HungUp)
        self._cancel(ringing)
        return result if isinstance(by, LegEnded) else replace(result, broken_off=by)

    def _fail(self, leg: Leg, event: Fails) -> None:
        leg.sip_call_id, leg.sip_headers = event.sip_call_id, event.sip_headers
        if event.complaint:
            self.call.ledger.alert(leg, event.complaint)
        self._end(leg, event.status, event.sip_response)

    def _cancel(self, legs: Sequence[Leg]) -> None:
        for leg in legs:
            if leg.record.ended is None:
                self._end(leg, "canceled")

    def _talk(self, leg: Leg, line: Line) -> DialResult:
        leg.line = line
        self.call.ledger.answer(leg)
        self.call.applications.tell_progress(leg, "answered")
        result = DialResult("completed", leg)
        try:
            self._prepare(leg, line)
            self.call.answer()
            result = replace(result, is_bridged=True)
            end = self.call.wires.bridge(
                self.call.line, line, self.dial.time_limit, hangup_on_star=self.dial.hangup_on_star
            )
            if end == "time limit":
                text = f"Call is terminated after {self.dial.time_limit} s, its time limit"
                self.call.ledger.alert(leg, Complaint(32015, text))
        except CallOver:
            pass  # whoever was rung hung up, or was hung up on, before the two were joined
        except (HungUp, Interruption) as broken_off:
            result = self._broken_off(result, broken_off)
        line.hang_up()
        self._end(leg, "completed")
        return result

    def _prepare(self, leg: Leg, line: Line) -> None:
        """Send digits, and let whoever answered hear what is for them alone; `CallOver` where it ends there."""
        if leg.target is None or not (leg.target.url or leg.target.send_digits):
            return
        try:
            if leg.target.send_digits:
                line.play_digits(leg.target.send_digits)
            if leg.target.url:
                self.whisper(leg)
        except HungUp:
            raise CallOver from None

    def _end(self, leg: Leg, status: str, sip_response: int | None = None) -> None:
        self.call.ledger.end(leg, status)
        if leg.is_sip:
            leg.sip_response = sip_response or SIP_RESPONSES[status]
        self.call.applications.tell_progress(leg, "completed")


def _failure(failed: Sequence[tuple[Leg, Complaint | None]]) -> DialResult:
    """How a Dial ended that nobody answered: as its last leg did."""
    status = failed[-1][0].record.status
    alike = [(leg, complaint) for leg, complaint in failed if leg.record.status == status]
    return DialResult(status, alike[0][0], alike[-1][1])


def dial_parameters(call: LiveCall, result: DialResult) -> dict[str, str]:
    """What a Dial's action is told."""
    parameters = {"DialCallStatus": result.status, "DialBridged": "true" if result.is_bridged else "false"}
    parameters |= result.of_queue
    if leg := result.leg:
        parameters["DialCallSid"] = leg.record.sid
        if result.status == "completed":
            parameters["DialCallDuration"] = str(leg.record.duration if result.talked_s is None else result.talked_s)
        if leg.is_sip:
            call_id = call.ledger.store.identity.digest("sip call id", leg.record.sid)[:32]
            parameters |= {
                "DialSipCallId": leg.sip_call_id or f"{call_id}@0.0.0.0",
                "DialSipResponseCode": str(leg.sip_response),
            } | {f"DialSipHeader_{name}": value for name, value in leg.sip_headers.items()}
    if result.complaint and result.complaint.code:
        parameters |= {"ErrorCode": str(result.complaint.code), "ErrorMessage": result.complaint.message}
    return parameters
