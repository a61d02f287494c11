"""The life of one call, from its first document to its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from dialtone_nb.rehearsal.exchange.call import CallOver, Ended, LiveCall, TakenOver
from dialtone_nb.rehearsal.exchange.call_setup import OutboundCall, TwimlSource
from dialtone_nb.rehearsal.exchange.interpreter import Interpreter
from dialtone_nb.rehearsal.exchange.lines import Answers, Fails, HungUp, Line, OutgoingLeg, Rings, kind_of
from dialtone_nb.rehearsal.exchange.simulated_lines import SimulatedLine
from dialtone_nb.rehearsal.exchange.target_checks import NOBODY_THERE, check_target
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Document, Target


@dataclass(slots=True)
class CallLifecycle:
    """Carries an incoming call, or one that the API placed, from its beginning to its end."""

    call: LiveCall
    source: TwimlSource

    def run(self) -> None:
        """Carry an incoming call to its end."""
        self.call.line.ring()
        self._bring_to_end(lambda: self._carry_out(partial(self._find, self.source)))

    def run_outbound(self, outbound: OutboundCall) -> None:
        """Ring the party that the API calls, and, if it answers, carry the call to its end."""
        self._bring_to_end(lambda: self._call_out(outbound))

    def _bring_to_end(self, carry: Callable[[], None]) -> None:
        own, behaviour = self.call.own, self.call.log.store.behaviour
        status, sip_response = "completed", behaviour.never_answered_response
        try:
            carry()
        except CallOver as over:
            status, sip_response = over.status or status, over.sip_response or sip_response
        except HungUp:
            own.is_gone = True
            status = own.status
        except Ended:
            status = behaviour.ended_unanswered if own.record.answered is None else "completed"
        if own.line and own.record.answered is None and not own.is_gone:
            own.line.refuse(sip_response)
        if own.line:
            own.line.hang_up()
        self.call.log.end(own, status)
        self.call.applications.tell_progress(own, "completed")

    def _call_out(self, outbound: OutboundCall) -> None:
        line = self._ring(self._checked(outbound), outbound.timeout)
        self.call.own.line = line
        self.call.answer()
        if outbound.time_limit and isinstance(line, SimulatedLine):
            line.leave_in(outbound.time_limit)

        def begin() -> Document | None:
            if outbound.send_digits:
                line.play_digits(outbound.send_digits)
            return self._find(self.source)

        try:
            self._carry_out(begin)
        except HungUp:
            if outbound.time_limit and isinstance(line, SimulatedLine) and line.is_out_of_time:
                self.call.alert_time_limit(self.call.own, outbound.time_limit)
            raise

    def _checked(self, outbound: OutboundCall) -> OutgoingLeg:
        """The leg to ring; raises `CallOver`, and an alert, if it can't be rung."""
        record = self.call.own.record
        target = Target(kind_of(record.to), record.to, username=outbound.username, password=outbound.password)
        with self.call.log.writing() as tables:
            found = check_target(tables, target, record.from_, set(), None)
        fault = found if isinstance(found, Complaint) else found.fault
        if fault:
            self.call.alert(fault)
        if isinstance(found, Complaint):
            raise CallOver("failed")
        if fault and fault.code in NOBODY_THERE:
            raise CallOver("no-answer")
        return found.leg(record.sid)

    def _ring(self, leg: OutgoingLeg, timeout_s: float) -> Line:
        """The line of the party that answers; raises `CallOver` with the call's outcome if nobody does."""
        own, tell_progress = self.call.own, self.call.applications.tell_progress
        with closing(self.call.wires.ring([leg], timeout_s, None)) as events:
            for place, event in enumerate(events):
                if place == 0:
                    self.call.log.dial(own)
                    tell_progress(own, "initiated")
                match event:
                    case Rings():
                        tell_progress(own, "ringing")
                    case Fails():
                        if event.complaint:
                            self.call.alert(event.complaint)
                        raise CallOver(event.status)
                    case Answers():
                        return event.line
        raise CallOver("no-answer")

    def _carry_out(self, find: Callable[[], Document | None]) -> None:
        """Execute the first document, and others that take over, until one has run to its end."""
        interpreter = Interpreter(self.call, self.call.own)
        while True:
            try:
                if document := find():
                    interpreter.carry_out(document)
                else:
                    if (status := self.call.log.store.behaviour.refused_url_status) != "completed":
                        raise CallOver(status)
                    interpreter.tell_application_error()
            except TakenOver as other:
                find = partial(self._find, other.source)
            else:
                return

    def _find(self, source: TwimlSource) -> Document | None:
        if not source.url and not source.twiml:
            # Without a voice URL, a call to a number or domain fails, and no alert is raised.
            raise CallOver("failed", self.call.log.store.behaviour.no_voice_url_response)
        return self.call.applications.find_twiml(self.call.own, source)
