"""The log of a call: records of its legs, alerts, and webhook events, with times.

A call or leg goes through these statuses (Twilio's Call resource, *Status*; TwiML voice requests, *CallStatus*):

    from         to            when
    queued       ringing       the exchange rings the party that the API calls; this is the call's dialled time
                 (unanswered)  the party can't be rung, or the API ends the call first
    ringing      in-progress   the call is answered: its TwiML speaks to the caller, or the called party picks up
                 completed     the call's TwiML came to its end, or hung up, without answering the call
                 (unanswered)  see below
    in-progress  completed     either side hangs up, the TwiML ends, the API ends it, or its time limit is reached

    (unanswered) is busy       the called party is busy, or <Reject reason="busy">
                    no-answer  nobody picked up in time, or <Reject>
                    failed     the party can't be rung: its number, the caller ID, permissions, no voice URL
                    canceled   the caller gave up, another leg answered first, or the API ended it

An answered call is billed and can only end as completed; final statuses never change. A leg that <Dial> rings starts in
ringing, as an incoming call does; only a call that the API places starts in queued.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from dialtone_nb.rehearsal.exchange.lines import Line, OutgoingLeg, Wires
from dialtone_nb.rehearsal.exchange.verbs import NOT_TOLD, Complaint, StatusCallback, Target
from dialtone_nb.rehearsal.exchange.webhooks import WebhookResponse
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.call_prices import price_of
from dialtone_nb.rehearsal.state.call_records import CallRecord, change_call, start_call
from dialtone_nb.rehearsal.state.clock import rfc2822
from dialtone_nb.rehearsal.state.store import Store, Tables

UNANSWERED = frozenset({"busy", "no-answer", "failed", "canceled"})
# The table above; a status that is not a key here is final.
NEXT_STATUSES: Mapping[str, frozenset[str]] = {
    "queued": UNANSWERED | {"ringing"},
    "ringing": UNANSWERED | {"in-progress", "completed"},
    "in-progress": frozenset({"completed"}),
}


def move_call(tables: Tables, call: CallRecord, status: str, **times: float) -> CallRecord:
    """Move a call to its next status and set the times; an ended call also gets its price."""
    if status not in NEXT_STATUSES.get(call.status, ()):
        raise RuntimeError(f"a call that is {call.status} can't become {status}")
    moved = change_call(tables, call, status=status, **times)
    return moved if moved.ended is None else change_call(tables, moved, price=price_of(moved))


@dataclass(slots=True, eq=False)
class LiveLeg:
    """A live leg: its record, its line once there is one, and its status callback."""

    record: CallRecord
    line: Line | None = None
    callback: StatusCallback = NOT_TOLD
    told: int = 0  # the SequenceNumber of its next progress event
    target: Target | None = None
    outgoing: OutgoingLeg | None = None
    sip_response: int | None = None
    sip_call_id: str = ""
    sip_headers: Mapping[str, str] = field(default_factory=dict)  # X-… headers of its final SIP response
    is_gone: bool = False  # its party has hung up, which its record may not show yet

    @property
    def connected(self) -> Line:
        """The leg's line; raises RuntimeError if there is none yet."""
        if self.line is None:
            raise RuntimeError(f"nobody is on the line of {self.record.sid} yet")
        return self.line

    @property
    def is_sip(self) -> bool:
        """Whether the leg was dialled as a SIP URI."""
        return self.target is not None and self.target.kind == "sip"

    @property
    def status(self) -> str:
        """The leg's status for webhooks."""
        if self.record.ended is not None:
            return self.record.status
        if self.is_gone:
            return "canceled" if self.record.answered is None else "completed"
        return "ringing" if self.record.answered is None else "in-progress"


@dataclass(slots=True)
class CallLog:
    """Records what happens to the legs of one call."""

    store: Store
    wires: Wires

    @contextmanager
    def writing(self) -> Iterator[Tables]:
        """Open a transaction, with the store's clock moved to the call's time."""
        with self.store.transaction() as tables:
            self.wires.catch_up(tables)
            yield tables

    def now(self) -> float:
        """The call's time, in seconds since 1970."""
        with self.writing() as tables:
            return tables.now()

    def start(self, from_: str, to: str, direction: str, *, parent_call_sid: str = "", number_sid: str = "") -> LiveLeg:
        """Add a leg that rings from now on, with its record."""
        sids = {"parent_call_sid": parent_call_sid or None, "phone_number_sid": number_sid or None}
        with self.writing() as tables:
            return LiveLeg(start_call(tables, from_, to, direction, "ringing", **sids))

    def dial(self, leg: LiveLeg) -> None:
        """Note that a call has left the API's queue."""
        self._move(leg, "ringing", "dialled")

    def answer(self, leg: LiveLeg) -> None:
        """Note that a leg is answered; no-op if it is already."""
        if leg.record.answered is None:
            self._move(leg, "in-progress", "answered")

    def end(self, leg: LiveLeg, status: str) -> None:
        """Note that a leg has ended, and its price."""
        self._move(leg, status, "ended")

    def _move(self, leg: LiveLeg, status: str, time: str) -> None:
        with self.writing() as tables:
            leg.record = move_call(tables, leg.record, status, **{time: tables.now()})

    def alert(self, leg: LiveLeg, complaint: Complaint, response: WebhookResponse | None = None) -> None:
        """Raise an alert about a leg, with the webhook request and response that it is about, if any."""
        request, answered = complaint.request, ("", "")
        if response:
            asked = response.request
            request = (asked.method, asked.url, urlencode(asked.parameters))
            answered = (f"content-type={response.content_type}", response.body)
        with self.writing() as tables:
            raise_alert(tables, complaint.code, leg.record.sid, complaint.message, request=request, response=answered)

    def note_webhook(self, leg: LiveLeg, response: WebhookResponse) -> None:
        """Add a webhook request and its response to the call's events."""
        asked = response.request
        with self.writing() as tables:
            event: dict[str, Any] = {
                "request": {"method": asked.method, "url": asked.url, "parameters": dict(asked.parameters)},
                "response": {
                    "response_code": response.status,
                    "request_duration": round(self.wires.lasted(response.took_s) * 1000),
                    "content_type": response.content_type,
                    "response_body": response.body,
                    "date_created": rfc2822(tables.now()),
                },
            }
            tables.add("EV", "call_event", leg.record.sid, "", event)
