"""A call while it is carried: its own leg, those that it dialled, and what everything about it goes through."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialtone_nb.rehearsal.exchange.call_log import Ledger, Leg
from dialtone_nb.rehearsal.exchange.inbound import Entry
from dialtone_nb.rehearsal.exchange.lines import Door, Line, OutgoingLeg, Wires
from dialtone_nb.rehearsal.exchange.parameters import CallingPhone
from dialtone_nb.rehearsal.exchange.twiml_requests import Applications
from dialtone_nb.rehearsal.exchange.verbs import Complaint
from dialtone_nb.rehearsal.exchange.waiting_room import WaitingRoom
from dialtone_nb.rehearsal.exchange.webhooks import Asker
from dialtone_nb.rehearsal.state.call_records import CallRecord
from dialtone_nb.rehearsal.state.store import Store


class CallOver(Exception):  # noqa: N818 - it is how a call ends
    """The call is over; nothing more of its TwiML is carried out. `status` is empty for what its record suggests."""

    def __init__(self, status: str = "", sip_response: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.sip_response = sip_response


class Interruption(Exception):  # noqa: N818 - somebody asks for it
    """The API asks for something else than what is going on."""


class TakenOver(Interruption):
    """Other TwiML takes over: of a URL, or as it is written. `fallback` is a method and a URL, or empty."""

    def __init__(self, method: str, url: str, twiml: str = "", fallback: tuple[str, str] = ("POST", "")) -> None:
        super().__init__(url)
        self.method = method
        self.url = url
        self.twiml = twiml
        self.fallback = fallback


class Ended(Interruption):
    """The call is to end."""


class LegEnded(Interruption):
    """A leg that was dialled is to end; the call that dialled it goes on."""

    def __init__(self, call_sid: str) -> None:
        super().__init__(call_sid)
        self.call_sid = call_sid


@dataclass(slots=True)
class LiveCall:
    """One call that is going on. `own` is the leg of whose call it is; `legs` are those that it dialled, in order."""

    own: Leg
    wires: Wires
    ledger: Ledger
    applications: Applications
    room: WaitingRoom[LiveCall]
    phone: CallingPhone | None = None
    door: Door | None = None
    legs: list[Leg] = field(default_factory=list)

    @property
    def line(self) -> Line:
        """The line of whose call it is."""
        return self.own.connected

    def answer(self) -> None:
        """Answer the call, unless that was done."""
        if self.own.record.answered is None:
            self.line.answer()
            self.ledger.answer(self.own)
            self.applications.tell_progress(self.own, "answered")

    def alert(self, complaint: Complaint) -> None:
        """Raise an alert about the call itself."""
        self.ledger.alert(self.own, complaint)

    def wires_for(self, legs: list[OutgoingLeg]) -> Wires:
        """The wires that these legs are rung with: the door's, from then on, where one of them is a real phone."""
        if self.door and any(self.door.reaches(leg) for leg in legs):
            self.wires = self.ledger.wires = self.door.wires()
            self.door = None
        return self.wires


@dataclass(slots=True)
class Surroundings:
    """What all calls of an exchange share."""

    asker: Asker
    room: WaitingRoom[LiveCall] = field(default_factory=WaitingRoom)
    door: Door | None = None


def open_call(
    store: Store, surroundings: Surroundings, entry: Entry, wires: Wires, record: CallRecord | None = None
) -> LiveCall:
    """A call that begins: one that comes in, with a new record, or one that the API placed, with the record it has."""
    ledger = Ledger(store, wires)
    record = record or ledger.start(entry.from_, entry.to, "inbound", "ringing", number_sid=entry.number_sid)
    own = Leg(record, callback=entry.callback)
    applications = Applications(ledger, surroundings.asker, record.sid, entry.phone)
    return LiveCall(own, wires, ledger, applications, surroundings.room, entry.phone, surroundings.door)
