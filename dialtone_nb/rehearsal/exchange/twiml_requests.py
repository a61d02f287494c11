"""Asking the applications of a call: for the TwiML that says what becomes of it, and telling them of progress."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dialtone_nb.rehearsal.exchange.call_log import Ledger, Leg
from dialtone_nb.rehearsal.exchange.parameters import CallingPhone, call_parameters
from dialtone_nb.rehearsal.exchange.pricing import started_minutes
from dialtone_nb.rehearsal.exchange.twiml import read_twiml
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Document, Say, Unreadable
from dialtone_nb.rehearsal.exchange.webhooks import LARGEST_DOCUMENT, Answered, Asker, Webhook, is_absolute
from dialtone_nb.rehearsal.state.clock import rfc2822

XML_TYPES = ("text/xml", "application/xml", "text/html")


@dataclass(slots=True)
class Applications:
    """The applications of one call; `asked` is what they were asked and answered, in order.

    Whoever is to know at once of every answer is `watch`.
    """

    ledger: Ledger
    asker: Asker
    call_sid: str
    phone: CallingPhone | None
    asked: list[dict[str, Any]] = field(default_factory=list)
    watch: Callable[[Answered], None] = field(default=lambda _: None)
    last_code: int = 0  # of the last document that could not be used; a fallback URL is told

    def ask_for_twiml(self, leg: Leg, method: str, url: str, extra: dict[str, str] | None = None) -> Document | None:
        """The document at a URL; None, and an alert, where there is none that can be carried out."""
        if not is_absolute(url):
            # There is no document whose URL this could be relative to, where the TwiML came with an API request.
            self._complain(leg, Complaint(15004, f"An action must be an absolute URL here, not {url!r}"))
            return None
        answered, webhook = self.ask(leg, method, url, extra)
        document = read_answer(answered)
        if isinstance(document, Complaint):
            self._complain(leg, document, webhook, answered)
            return None
        return document

    def _complain(
        self, leg: Leg, complaint: Complaint, webhook: Webhook | None = None, answered: Answered | None = None
    ) -> None:
        self.last_code = complaint.code
        self.ledger.alert(leg, complaint, webhook, answered)

    def ask(
        self, leg: Leg, method: str, url: str, extra: dict[str, str] | None = None, *, status: str = ""
    ) -> tuple[Answered, Webhook]:
        """What an application answers that is told of a leg, as it is now or with another status."""
        is_own = leg.record.sid == self.call_sid
        store, phone = self.ledger.store, self.phone if is_own else None
        is_first = not self.asked or "ErrorUrl" in (extra or {})
        state = status or leg.status
        parameters = call_parameters(store.identity, store.behaviour, leg.record, state, phone, is_first=is_first)
        token = uuid.UUID(store.identity.digest("idempotency", self.call_sid, str(len(self.asked)))[:32])
        webhook = Webhook(method, url, parameters | (extra or {}), str(token))
        answered = self.asker.ask(webhook)
        self.asked.append({"method": method, "url": url, "status": answered.status, "body": answered.body})
        self.ledger.note_webhook(leg, webhook, answered)
        self.watch(answered)
        return answered, webhook

    def tell_progress(self, leg: Leg, event: str) -> None:
        """Tell a leg's progress to its status callback, if it wants this event; a warning where that fails."""
        if not leg.callback.url:
            return
        sequence_number = leg.told
        leg.told += leg.callback.counts_all
        if event not in leg.callback.events:
            return
        status = {"answered": "in-progress", "completed": leg.record.status}.get(event, event)
        with self.ledger.writing() as tables:
            now = tables.now()
        extra = {
            "Timestamp": rfc2822(now) or "",
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(sequence_number),
        }
        if leg.record.ended is not None:
            extra |= {"CallDuration": str(leg.record.duration), "Duration": str(started_minutes(leg.record))}
        answered, webhook = self.ask(leg, leg.callback.method, leg.callback.url, extra, status=status)
        if not answered.is_good:
            self.ledger.alert(leg, Complaint(15003, f"Call progress: {answered.reason}"), webhook, answered)


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
