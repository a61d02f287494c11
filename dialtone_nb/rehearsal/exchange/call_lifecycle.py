"""One call, carried: from the first document to its end, whatever ends it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from dialtone_nb.rehearsal.assumptions import ENDED_UNANSWERED, NEVER_ANSWERED_RESPONSE, NO_VOICE_URL_RESPONSE
from dialtone_nb.rehearsal.exchange.api_calls import OutgoingOrder
from dialtone_nb.rehearsal.exchange.call import CallOver, Ended, LiveCall, TakenOver
from dialtone_nb.rehearsal.exchange.inbound import Entry
from dialtone_nb.rehearsal.exchange.interpreter import Interpreter, Placed
from dialtone_nb.rehearsal.exchange.lines import Answers, Fails, HungUp, Line, OutgoingLeg, Rings, kind_of
from dialtone_nb.rehearsal.exchange.simulated_lines import SimulatedLine
from dialtone_nb.rehearsal.exchange.target_checks import NOBODY_THERE, check_target
from dialtone_nb.rehearsal.exchange.twiml import read_twiml
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Target, Unreadable


@dataclass(slots=True)
class Carrying:
    """A call that came in, or that the API placed, from its beginning to its end."""

    call: LiveCall
    entry: Entry

    def run(self) -> None:
        """Carry a call that came in to its end."""
        self.call.line.ring()
        self._bring_to_end(lambda: self._carry_out(self._first_document))

    def run_outgoing(self, order: OutgoingOrder) -> None:
        """Ring whom the API calls, and carry the call with whoever answers to its end."""
        self._bring_to_end(lambda: self._call_out(order))

    def _bring_to_end(self, carry: Callable[[], None]) -> None:
        own = self.call.own
        status, sip_response = "completed", NEVER_ANSWERED_RESPONSE
        try:
            carry()
        except CallOver as over:
            status, sip_response = over.status or status, over.sip_response or sip_response
        except HungUp:
            own.is_gone = True
            status = own.status
        except Ended:
            status = ENDED_UNANSWERED if own.record.answered is None else "completed"
        if own.line and own.record.answered is None and not own.is_gone:
            own.line.refuse(sip_response)
        if own.line:
            own.line.hang_up()
        self.call.ledger.end(own, status)
        self.call.applications.tell_progress(own, "completed")

    def _call_out(self, order: OutgoingOrder) -> None:
        line = self._ring(self._checked(order), order.timeout)
        self.call.own.line = line
        self.call.answer()
        if order.time_limit and isinstance(line, SimulatedLine):
            line.leave_in(order.time_limit)

        def begin() -> Placed | None:
            if order.send_digits:
                line.play_digits(order.send_digits)
            return self._read(order.twiml) if order.twiml else self._first_document()

        try:
            self._carry_out(begin)
        except HungUp:
            if isinstance(line, SimulatedLine) and line.is_out_of_time:
                text = f"Call is terminated after {order.time_limit} s, its time limit"
                self.call.alert(Complaint(32015, text))
            raise

    def _checked(self, order: OutgoingOrder) -> OutgoingLeg:
        """The leg that may be rung; `CallOver`, and an alert, where there is none."""
        record = self.call.own.record
        kind = kind_of(record.to)
        target = Target(kind, record.to, username=order.username)
        with self.call.ledger.writing() as tables:
            found = check_target(tables, target, record.from_, set(), None)
        fault = found if isinstance(found, Complaint) else found.fault
        if fault:
            self.call.alert(fault)
        if isinstance(found, Complaint):
            raise CallOver("failed")
        if fault and fault.code in NOBODY_THERE:
            raise CallOver("no-answer")
        return OutgoingLeg(record.sid, kind, found.address, record.from_, found.headers, order.username, order.password)

    def _ring(self, leg: OutgoingLeg, timeout_s: float) -> Line:
        """The line of whoever answers; `CallOver` with what became of the call where nobody does."""
        own, tell_progress = self.call.own, self.call.applications.tell_progress
        with closing(self.call.wires.ring([leg], timeout_s, None)) as events:
            for place, event in enumerate(events):
                if place == 0:
                    self.call.ledger.dial(own)
                    tell_progress(own, "initiated")
                match event:
                    case Rings():
                        tell_progress(own, "ringing")
                    case Fails(_, status, _, complaint):
                        if complaint:
                            self.call.alert(complaint)
                        raise CallOver(status)
                    case Answers(_, line):
                        return line
        raise CallOver("no-answer")

    def _carry_out(self, find: Callable[[], Placed | None]) -> None:
        """Carry out the first document, and others that take over, until one has run to its end."""
        interpreter = Interpreter(self.call, self.call.own)
        while True:
            try:
                if placed := find():
                    interpreter.carry_out(*placed)
                else:
                    interpreter.tell_application_error()
            except TakenOver as other:
                find = partial(self._other_document, other)
            else:
                return

    def _first_document(self) -> Placed | None:
        entry = self.entry
        if not entry.voice_url:
            # A number or domain without a voice URL fails the call, and raises no alert.
            raise CallOver("failed", NO_VOICE_URL_RESPONSE)
        return self._ask(entry.voice_method, entry.voice_url, (entry.fallback_method, entry.fallback_url))

    def _other_document(self, other: TakenOver) -> Placed | None:
        return self._read(other.twiml) if other.twiml else self._ask(other.method, other.url, other.fallback)

    def _ask(self, method: str, url: str, fallback: tuple[str, str]) -> Placed | None:
        """The document at a URL, or else at its fallback URL; None where neither has one that can be carried out."""
        applications, own = self.call.applications, self.call.own
        if document := applications.ask_for_twiml(own, method, url):
            return document, url
        fallback_method, fallback_url = fallback
        if not fallback_url:
            return None
        extra = {"ErrorUrl": url, "ErrorCode": str(applications.last_code)}
        document = applications.ask_for_twiml(own, fallback_method, fallback_url, extra)
        return (document, fallback_url) if document else None

    def _read(self, twiml: str) -> Placed | None:
        """A document that came with a request to the API, and so from no URL."""
        try:
            return read_twiml(twiml), ""
        except Unreadable as unreadable:
            self.call.alert(unreadable.complaint)
            return None
