"""Requests to a call's application: for TwiML, and status callbacks about its progress."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from dialtone_nb.rehearsal.exchange.call_log import CallLog, LiveLeg
from dialtone_nb.rehearsal.exchange.call_setup import TwimlSource
from dialtone_nb.rehearsal.exchange.twiml_parser import parse_twiml
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Document, InvalidTwiml, Say, StatusCallback
from dialtone_nb.rehearsal.exchange.webhooks import (
    CallingPhone,
    WebhookClient,
    WebhookRequest,
    WebhookResponse,
    call_parameters,
)
from dialtone_nb.rehearsal.state.call_prices import started_minutes
from dialtone_nb.rehearsal.state.clock import rfc2822

LARGEST_DOCUMENT = 64 * 1024
XML_TYPES = ("text/xml", "application/xml", "text/html")


@dataclass(slots=True)
class Applications:
    """The applications of one call; `asked` has all requests to them with their responses, in order.

    `watch` is called with each response as it arrives.
    """

    log: CallLog
    webhooks: WebhookClient
    call_sid: str
    phone: CallingPhone | None
    asked: list[dict[str, Any]] = field(default_factory=list)
    watch: Callable[[WebhookResponse], None] = field(default=lambda _: None)
    last_code: int = 0  # the error code of the last unusable document, for the request to the fallback URL

    def find_twiml(self, leg: LiveLeg, source: TwimlSource) -> Document | None:
        """The document of a source, or else of its fallback URL; None, with alerts raised, if neither is usable."""
        if source.twiml:
            return self._usable(leg, parse_or_complain(source.twiml))
        document = self.ask_for_twiml(leg, source.method, source.url)
        if document is None and source.fallback_url:
            extra = {"ErrorUrl": source.url, "ErrorCode": str(self.last_code)}
            document = self.ask_for_twiml(leg, source.fallback_method, source.fallback_url, extra)
        return document

    def ask_for_twiml(
        self, leg: LiveLeg, method: str, url: str, extra: dict[str, str] | None = None
    ) -> Document | None:
        """The document at a URL; None, with an alert raised, if there is no usable one."""
        if not urlsplit(url).scheme:
            # TwiML from an API request has no URL, so relative URLs in it can't be resolved.
            return self._usable(leg, Complaint(15004, f"An action must be an absolute URL here, not {url!r}"))
        response = self.ask(leg, method, url, extra)
        return self._usable(leg, read_response(response), response)

    def _usable(
        self, leg: LiveLeg, document: Document | Complaint, response: WebhookResponse | None = None
    ) -> Document | None:
        """The document, or None for a complaint, of which an alert is raised and the code kept for a fallback URL."""
        if isinstance(document, Document):
            return document
        self.last_code = document.code
        self.log.alert(leg, document, response)
        return None

    def ask(
        self, leg: LiveLeg, method: str, url: str, extra: dict[str, str] | None = None, *, status: str = ""
    ) -> WebhookResponse:
        """Send a webhook request about a leg, with its current or another status; gives back the response."""
        is_own = leg.record.sid == self.call_sid
        store, phone = self.log.store, self.phone if is_own else None
        is_first = not self.asked or "ErrorUrl" in (extra or {})
        state = status or leg.status
        parameters = call_parameters(store.identity, store.behaviour, leg.record, state, phone, is_first=is_first)
        token = uuid.UUID(store.identity.digest("idempotency", self.call_sid, str(len(self.asked)))[:32])
        response = self.webhooks.ask(WebhookRequest(method, url, parameters | (extra or {}), str(token)))
        self.asked.append({"method": method, "url": url, "status": response.status, "body": response.body})
        self.log.note_webhook(leg, response)
        self.watch(response)
        return response

    def tell_progress(self, leg: LiveLeg, event: str) -> None:
        """Send a leg's progress to its status callback, if it wants this event; a failure raises a warning."""
        sequence_number = leg.told
        is_told = leg.callback.wants(event)
        counts_all = leg.callback.counts_all and self.log.store.behaviour.sequence_number_counts == "every event"
        leg.told += counts_all or is_told
        if not is_told:
            return
        status = {"answered": "in-progress", "completed": leg.record.status}.get(event, event)
        extra = {
            "Timestamp": rfc2822(self.log.now()) or "",
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(sequence_number),
        }
        if leg.record.ended is not None:
            extra |= {"CallDuration": str(leg.record.duration), "Duration": str(started_minutes(leg.record))}
        self.tell(leg, leg.callback, extra, "Call progress", status=status)

    def tell(
        self, leg: LiveLeg, callback: StatusCallback, extra: dict[str, str], what: str, *, status: str = ""
    ) -> None:
        """Send an event to a status callback; if that fails, raise a warning that begins with `what`."""
        response = self.ask(leg, callback.method, callback.url, extra, status=status)
        if not response.is_good:
            self.log.alert(leg, Complaint(15003, f"{what}: {response.reason}"), response)


def read_response(response: WebhookResponse) -> Document | Complaint:
    """The document in an application's response, or a complaint if Twilio could not use it."""
    url = response.url
    if not response.is_good:
        return Complaint(response.code, response.reason)
    if not response.body.strip():
        return Complaint(11770, "Empty response body")
    if len(response.body.encode()) > LARGEST_DOCUMENT:
        return Complaint(11750, "TwiML response body too large")
    content_type = response.content_type.partition(";")[0].strip().lower()
    if content_type == "text/plain":
        return Document((Say(response.body.strip()),), url=url)
    if content_type not in XML_TYPES:
        return Complaint(12300, f"Invalid Content-Type: {content_type or '(none)'}")
    return parse_or_complain(response.body, url)


def parse_or_complain(text: str, url: str = "") -> Document | Complaint:
    """The document in a text, perhaps from a URL, or a complaint if it is not TwiML."""
    try:
        return replace(parse_twiml(text), url=url)
    except InvalidTwiml as invalid:
        return invalid.complaint
