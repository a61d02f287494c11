"""The Dial verb: which legs are rung, how each ends, and the result of the Dial as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from dialtone_nb.rehearsal.exchange.call import BrokenOff, CallOver, Interruption, LegEnded, LiveCall
from dialtone_nb.rehearsal.exchange.call_log import LiveLeg
from dialtone_nb.rehearsal.exchange.lines import Answers, Fails, HungUp, Line, Rings
from dialtone_nb.rehearsal.exchange.target_checks import NOBODY_THERE, NOT_REGISTERED_THERE, CheckedTarget, check_target
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Dial, Target
from dialtone_nb.rehearsal.exchange.webhooks import sip_call_id

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - the host in the Call-ID of a simulated leg, where nothing listens
SIP_RESPONSES = {"completed": 200, "busy": 486, "no-answer": 487, "canceled": 487, "failed": 503}

# Executes the document of a target's URL on the line of its leg, which has answered.
Whisper = Callable[[LiveLeg], None]


@dataclass(frozen=True, slots=True)
class DialResult:
    """The result of a Dial; `status` is its DialCallStatus, and `broken_off` the signal that ended it early."""

    status: str
    leg: LiveLeg | None = None
    complaint: Complaint | None = None
    is_bridged: bool = False
    talked_s: int | None = None  # the duration, if it differs from the leg's
    broken_off: BrokenOff | None = None
    of_queue: Mapping[str, str] = field(default_factory=dict)  # the action's parameters about a dialled queue
    is_answered: bool = False  # the two may still not have been joined


@dataclass(slots=True)
class DialRun:
    """One Dial being executed."""

    call: LiveCall
    dial: Dial
    whisper: Whisper

    def run(self) -> DialResult:
        """Ring all targets simultaneously or sequentially, and connect the first that answers."""
        rounds = [(target,) for target in self.dial.targets] if self.dial.sequential else [self.dial.targets]
        results = []
        for targets in rounds:
            results.append(self._try(targets))
            if results[-1].is_answered or results[-1].broken_off:
                return results[-1]
        if not results:
            return DialResult("failed")
        return results[0 if self.call.log.store.behaviour.dial_ends_as == "first" else -1]

    def _try(self, targets: Sequence[Target]) -> DialResult:
        record = self.call.own.record
        caller_id = self.dial.caller_id or record.from_
        ends = {record.from_, record.to}
        domain = self.call.phone.domain if self.call.phone else None
        with self.call.log.writing() as tables:
            checked = [check_target(tables, target, caller_id, ends, domain) for target in targets]
        refused = [found for found in checked if isinstance(found, Complaint)]
        for complaint in refused:
            self.call.alert(complaint)
        legs = [(self._start(found), found.fault) for found in checked if not isinstance(found, Complaint)]
        if not legs:
            return DialResult("failed", complaint=refused[0] if refused else None)
        behaviour = self.call.log.store.behaviour
        unregistered = [leg for leg, fault in legs if fault and fault.code in NOBODY_THERE]
        for leg, fault in legs:
            if leg in unregistered and fault:
                # On real networks, the leg of a 32009 has the status no-answer at once.
                is_legacy = fault.code == NOT_REGISTERED_THERE
                status = behaviour.legacy_unregistered_status if is_legacy else "no-answer"
                self._end(leg, status, behaviour.not_registered_response)
        ringing = [leg for leg, _ in legs if leg not in unregistered]
        if not ringing:
            return DialResult(unregistered[0].record.status, unregistered[0], next(fault for _, fault in legs))
        return self._ring(ringing)

    def _start(self, found: CheckedTarget) -> LiveLeg:
        target, parent_sid = found.target, self.call.own.record.sid
        leg = self.call.log.start(found.caller_id, target.address, "outbound-dial", parent_call_sid=parent_sid)
        leg.target, leg.callback, leg.outgoing = target, target.callback, found.leg(leg.record.sid)
        self.call.legs.append(leg)
        if found.fault:
            self.call.log.alert(leg, found.fault)
        self.call.applications.tell_progress(leg, "initiated")
        return leg

    def _ring(self, legs: list[LiveLeg]) -> DialResult:
        outgoing = [leg.outgoing for leg in legs if leg.outgoing]
        wires = self.call.wires_for(outgoing)
        failed: list[tuple[LiveLeg, Complaint | None]] = []
        answered: tuple[LiveLeg, Line] | None = None
        try:
            with closing(wires.ring(outgoing, self.dial.timeout, self.call.own.line)) as events:
                for event in events:
                    leg = next(leg for leg in legs if leg.record.sid == event.call_sid)
                    if isinstance(event, Rings):
                        self.call.applications.tell_progress(leg, "ringing")
                        continue
                    leg.sip_call_id, leg.sip_headers = event.sip_call_id, event.sip_headers
                    if isinstance(event, Answers):
                        answered = leg, event.line
                        break
                    self._fail(leg, event)
                    failed.append((leg, event.complaint))
        except (HungUp, Interruption) as broken_off:
            return self._broken_off(DialResult("canceled", legs[0]), broken_off, legs)
        if answered is None:
            return _failure(failed, self.call.log.store.behaviour.dial_ends_as)
        self._cancel([leg for leg in legs if leg is not answered[0]])
        return self._talk(*answered)

    def _broken_off(self, result: DialResult, by: BrokenOff, ringing: Sequence[LiveLeg] = ()) -> DialResult:
        """Cancel ringing legs, and give back the result of a broken-off Dial; after LegEnded the call goes on."""
        self.call.note_end(by)
        self._cancel(ringing)
        return result if isinstance(by, LegEnded) else replace(result, broken_off=by)

    def _fail(self, leg: LiveLeg, event: Fails) -> None:
        if event.complaint:
            self.call.log.alert(leg, event.complaint)
        self._end(leg, event.status, event.sip_response)

    def _cancel(self, legs: Sequence[LiveLeg]) -> None:
        for leg in legs:
            if leg.record.ended is None:
                self._end(leg, "canceled")

    def _talk(self, leg: LiveLeg, line: Line) -> DialResult:
        leg.line = line
        self.call.log.answer(leg)
        self.call.applications.tell_progress(leg, "answered")
        result = DialResult("completed", leg, is_answered=True)
        try:
            self._prepare(leg, line)
            self.call.answer()
            result = replace(result, is_bridged=True)
            limit, star = self.dial.time_limit, self.dial.hangup_on_star
            if self.call.wires.bridge(self.call.line, line, limit, hangup_on_star=star) == "time limit":
                self.call.alert_time_limit(leg, limit)
        except CallOver:
            # The called party hung up, or its leg was ended, before it was joined with the caller.
            result = replace(result, status=self.call.log.store.behaviour.hung_up_before_joined)
        except (HungUp, Interruption) as broken_off:
            result = self._broken_off(result, broken_off)
        line.hang_up()
        self._end(leg, "completed")
        return result

    def _prepare(self, leg: LiveLeg, line: Line) -> None:
        """Send digits, and execute the called party's own document; raises `CallOver` if the leg ends there."""
        if leg.target is None:
            return
        try:
            if leg.target.send_digits:
                line.play_digits(leg.target.send_digits)
            if leg.target.url:
                self.whisper(leg)
        except HungUp:
            raise CallOver from None

    def _end(self, leg: LiveLeg, status: str, sip_response: int | None = None) -> None:
        self.call.log.end(leg, status)
        if leg.is_sip:
            leg.sip_response = sip_response or SIP_RESPONSES[status]
        self.call.applications.tell_progress(leg, "completed")


def _failure(failed: Sequence[tuple[LiveLeg, Complaint | None]], ends_as: str) -> DialResult:
    """The result of a Dial that nobody answered: its last leg's or its first leg's (that is assumed)."""
    status = failed[0 if ends_as == "first" else -1][0].record.status
    alike = [(leg, complaint) for leg, complaint in failed if leg.record.status == status]
    return DialResult(status, alike[0][0], alike[-1][1])


def dial_parameters(call: LiveCall, result: DialResult) -> dict[str, str]:
    """The parameters of the request to a Dial's action."""
    parameters = {"DialCallStatus": result.status, "DialBridged": "true" if result.is_bridged else "false"}
    parameters |= result.of_queue
    if leg := result.leg:
        parameters["DialCallSid"] = leg.record.sid
        if result.status == "completed":
            parameters["DialCallDuration"] = str(leg.record.duration if result.talked_s is None else result.talked_s)
        if leg.is_sip:
            parameters |= {
                "DialSipCallId": leg.sip_call_id or sip_call_id(call.log.store.identity, leg.record.sid, NO_ADDRESS),
                "DialSipResponseCode": str(leg.sip_response),
            } | {f"DialSipHeader_{name}": value for name, value in leg.sip_headers.items()}
    if result.complaint and result.complaint.code:
        parameters |= {"ErrorCode": str(result.complaint.code), "ErrorMessage": result.complaint.message}
    return parameters
