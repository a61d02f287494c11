"""What a call leaves behind: records of its legs, alerts, and the history of its webhooks, each with its time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from dialtone_nb.rehearsal.exchange.inbound import Callback
from dialtone_nb.rehearsal.exchange.lines import Line, OutgoingLeg, Wires
from dialtone_nb.rehearsal.exchange.pricing import inbound_price, leg_price
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Target
from dialtone_nb.rehearsal.exchange.webhooks import Answered, Webhook
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.call_records import CallRecord, change_call, start_call
from dialtone_nb.rehearsal.state.clock import rfc2822
from dialtone_nb.rehearsal.state.store import Store, Tables

NOT_TOLD = Callback()


@dataclass(slots=True, eq=False)
class Leg:
    """A leg while it is alive: its record, its line once somebody is on it, and where its progress is told."""

    record: CallRecord
    line: Line | None = None
    callback: Callback = NOT_TOLD
    told: int = 0  # the number of the next event of its progress
    target: Target | None = None
    outgoing: OutgoingLeg | None = None
    sip_response: int | None = None
    sip_call_id: str = ""
    sip_headers: Mapping[str, str] = field(default_factory=dict)  # of its final answer, where that had any X-…
    is_gone: bool = False

    @property
    def connected(self) -> Line:
        """Its line, once somebody is on it."""
        if self.line is None:
            raise RuntimeError(f"nobody is on the line of {self.record.sid} yet")
        return self.line

    @property
    def is_sip(self) -> bool:
        """Whether it was dialled by SIP."""
        return self.target is not None and self.target.kind == "sip"

    @property
    def status(self) -> str:
        """Its status as it is told to applications."""
        if self.record.ended is not None:
            return self.record.status
        if self.is_gone:
            return "canceled" if self.record.answered is None else "completed"
        return "ringing" if self.record.answered is None else "in-progress"


@dataclass(slots=True)
class Ledger:
    """Writes down what happens to the legs of one call."""

    store: Store
    wires: Wires

    @contextmanager
    def writing(self) -> Iterator[Tables]:
        """The tables, at the time that it is."""
        with self.store.transaction() as tables:
            self.wires.catch_up(tables)
            yield tables

    def start(
        self, from_: str, to: str, direction: str, status: str, *, parent_call_sid: str = "", number_sid: str = ""
    ) -> CallRecord:
        """The record of a call that starts now."""
        with self.writing() as tables:
            return start_call(
                tables,
                from_,
                to,
                direction,
                status,
                parent_call_sid=parent_call_sid or None,
                phone_number_sid=number_sid or None,
            )

    def dial(self, leg: Leg) -> None:
        """Note that a call has left the API's queue."""
        with self.writing() as tables:
            leg.record = change_call(tables, leg.record, status="ringing", dialled=tables.now())

    def answer(self, leg: Leg) -> None:
        """Note that it is answered, unless that was noted."""
        if leg.record.answered is None:
            with self.writing() as tables:
                leg.record = change_call(tables, leg.record, status="in-progress", answered=tables.now())

    def end(self, leg: Leg, status: str) -> None:
        """Note that it has ended, with its price."""
        with self.writing() as tables:
            record = change_call(tables, leg.record, status=status, ended=tables.now())
            came_in = record.direction == "inbound"
            price = inbound_price(record, is_sip=record.from_.startswith("sip")) if came_in else leg_price(record)
            leg.record = change_call(tables, record, price=price)

    def alert(
        self, leg: Leg, complaint: Complaint, webhook: Webhook | None = None, answered: Answered | None = None
    ) -> None:
        """Raise an alert about a leg, with the webhook that it is about."""
        request = (webhook.method, webhook.url, urlencode(webhook.parameters)) if webhook else complaint.request
        response = (f"content-type={answered.content_type}", answered.body) if answered else ("", "")
        with self.writing() as tables:
            raise_alert(tables, complaint.code, leg.record.sid, complaint.message, request=request, response=response)

    def note_webhook(self, leg: Leg, webhook: Webhook, answered: Answered) -> None:
        """Note what was asked and answered, in the call's events."""
        with self.writing() as tables:
            event = {
                "request": {"method": webhook.method, "url": webhook.url, "parameters": dict(webhook.parameters)},
                "response": {
                    "response_code": answered.status,
                    "request_duration": round(self.wires.lasted(answered.took_s) * 1000),
                    "content_type": answered.content_type,
                    "response_body": answered.body,
                    "date_created": rfc2822(tables.now()),
                },
            }
            tables.add("EV", "call_event", leg.record.sid, "", event)
