"""A call while it is carried: its own leg, those that it dialled, and what everything about it goes through."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialtone_nb.rehearsal.exchange.applications import Applications
from dialtone_nb.rehearsal.exchange.ledger import Ledger, Leg
from dialtone_nb.rehearsal.exchange.lines import Door, Line, OutgoingLeg, Wires
from dialtone_nb.rehearsal.exchange.parameters import CallingPhone
from dialtone_nb.rehearsal.exchange.verbs import Complaint


class CallOver(Exception):  # noqa: N818 - it is how a call ends
    """The call is over; nothing more of its TwiML is carried out. `status` is empty for what its record suggests."""

    def __init__(self, status: str = "", sip_response: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.sip_response = sip_response


class Interruption(Exception):  # noqa: N818 - somebody asks for it
    """The API asks for something else than what is going on."""


class TakenOver(Interruption):
    """Other TwiML takes over: of a URL, or as it is written."""

    def __init__(self, method: str, url: str, twiml: str = "") -> None:
        super().__init__(url)
        self.method = method
        self.url = url
        self.twiml = twiml


class Ended(Interruption):
    """The call is to end."""


@dataclass(slots=True)
class LiveCall:
    """One call that is going on. `own` is the leg of whose call it is; `legs` are those that it dialled, in order."""

    own: Leg
    wires: Wires
    ledger: Ledger
    applications: Applications
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
