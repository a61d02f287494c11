"""One call, carried: from the first document to its end, whatever ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from dialtone_nb.rehearsal.exchange.entries import Entry
from dialtone_nb.rehearsal.exchange.interpreting import Interpreter, Placed
from dialtone_nb.rehearsal.exchange.lines import HungUp
from dialtone_nb.rehearsal.exchange.live_call import CallOver, Ended, LiveCall, TakenOver
from dialtone_nb.rehearsal.exchange.twiml import read_twiml

NO_VOICE_URL_RESPONSE = 404  # an assumption, as is what a phone gets where a call ends that was never answered
NEVER_ANSWERED_RESPONSE = 480


@dataclass(slots=True)
class Carrying:
    """A call that came in, or that the API placed, from its beginning to its end."""

    call: LiveCall
    entry: Entry

    def run(self) -> None:
        """Carry a call that came in to its end."""
        self.call.line.ring()
        status, sip_response = "completed", NEVER_ANSWERED_RESPONSE
        try:
            self._carry_out()
        except CallOver as over:
            status, sip_response = over.status or status, over.sip_response or sip_response
        except HungUp:
            self.call.own.is_gone = True
            status = self.call.own.status
        except Ended:
            status = "canceled" if self.call.own.record.answered is None else "completed"
        if self.call.own.record.answered is None and not self.call.own.is_gone:
            self.call.line.refuse(sip_response)
        self.call.line.hang_up()
        self.call.ledger.end(self.call.own, status)
        self.call.applications.tell_progress(self.call.own, "completed")

    def _carry_out(self) -> None:
        """Carry out the first document, and others that take over, until one has run to its end."""
        interpreter = Interpreter(self.call, self.call.own)
        find: Callable[[], Placed | None] = self._first_document
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
        entry, applications = self.entry, self.call.applications
        if not entry.voice_url:
            # A number or domain without a voice URL fails the call, and raises no alert.
            raise CallOver("failed", NO_VOICE_URL_RESPONSE)
        document = applications.ask_for_twiml(self.call.own, entry.voice_method, entry.voice_url)
        if document:
            return document, entry.voice_url
        if entry.fallback_url:
            extra = {"ErrorUrl": entry.voice_url, "ErrorCode": str(applications.last_code)}
            document = applications.ask_for_twiml(self.call.own, entry.fallback_method, entry.fallback_url, extra)
            if document:
                return document, entry.fallback_url
        return None

    def _other_document(self, other: TakenOver) -> Placed | None:
        if other.twiml:
            return read_twiml(other.twiml), ""
        document = self.call.applications.ask_for_twiml(self.call.own, other.method, other.url)
        return (document, other.url) if document else None
