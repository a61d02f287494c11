"""A call while it is carried: its own leg, those that it dialled, and the signals that stop what it is doing.

A live call runs in a thread of its own, down one stack: `call_lifecycle` carries the call, `interpreter` a document,
`dial`, `enqueue` and `recordings` a verb, and a `Line` or `Wires` whatever takes time. Twilio documents which verb or
API request ends which (Call resource, *Update*; QueueMember resource, *Update*; Dial; Enqueue). Each such end is an
exception here, raised at the bottom of the stack and caught by the level whose end it is:

    signal      raised by                                  caught by, and what becomes of the call
    HungUp      a line, whose caller hung up               Dial, Enqueue, Record, whose action is still asked; then the
                                                           lifecycle: completed, or canceled where unanswered
    CallOver    Hangup, Reject; a call that can't be rung  the lifecycle: its status, or completed. Of a called party
                                                           that hears a document alone, its Dial: only that leg ends
    Ended       API: Status=completed or canceled          as HungUp, but the line is still there to be hung up
    LegEnded    API: the same, of a leg that was dialled   its Dial, which goes on as if the called party had hung up
    TakenOver   API: other TwiML, for a call or a member   Dial, Enqueue, whose action is still asked; then the
                                                           lifecycle, which carries out the other document
    Left        Leave, in what is heard in a queue         Enqueue: QueueResult is leave; its action is asked, if any
    Dequeued    a Dial of the queue, from another call     Enqueue: hear what is for the member alone, then talk
    Ready       the dequeued call: it may be joined now    the Dial of the queue: join the two
    Gone        either of two joined over a queue          the other's Enqueue or Dial: the talk is over
    Arrived     Enqueue, of a queue that was empty         the Dial that waits for somebody there

`interrupt` of a call's wires raises a signal in its thread, from another thread: in the method of a line or wires that
blocks there, or in the next one. So a signal that comes while the call is busy is not lost, and none arrives in the
middle of a change to its records.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dialtone_nb.rehearsal.exchange.call_log import CallLog, LiveLeg
from dialtone_nb.rehearsal.exchange.call_setup import TwimlSource
from dialtone_nb.rehearsal.exchange.lines import Door, HungUp, Line, OutgoingLeg, Wires
from dialtone_nb.rehearsal.exchange.queues import WaitingRoom
from dialtone_nb.rehearsal.exchange.twiml_requests import Applications
from dialtone_nb.rehearsal.exchange.verbs import Complaint
from dialtone_nb.rehearsal.exchange.webhooks import CallingPhone


class CallOver(Exception):  # noqa: N818 - it is how a call ends
    """The call is over; no more of its TwiML is carried out. `status` is empty for what its record suggests."""

    def __init__(self, status: str = "", sip_response: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.sip_response = sip_response


class Interruption(Exception):  # noqa: N818 - somebody asks for it
    """Somebody else, the API or another call, asks for something else than what is going on."""


class TakenOver(Interruption):
    """Other TwiML takes over."""

    def __init__(self, source: TwimlSource) -> None:
        super().__init__(source.url)
        self.source = source


class Ended(Interruption):
    """The call is to end."""


class LegEnded(Interruption):
    """A leg that was dialled is to end; the call that dialled it goes on."""


# What a verb was broken off by; its action is asked all the same, and then the signal goes on up.
BrokenOff = HungUp | Interruption


@dataclass(slots=True)
class LiveCall:
    """One call that is going on: its own leg (the parent call), and the legs that it dialled (its child calls)."""

    own: LiveLeg
    wires: Wires
    log: CallLog
    applications: Applications
    room: WaitingRoom[LiveCall]
    phone: CallingPhone | None = None
    door: Door | None = None
    legs: list[LiveLeg] = field(default_factory=list)

    @property
    def line(self) -> Line:
        """The line of its own leg."""
        return self.own.connected

    def answer(self) -> None:
        """Answer the call, unless it is answered already."""
        if self.own.record.answered is None:
            self.line.answer()
            self.log.answer(self.own)
            self.applications.tell_progress(self.own, "answered")

    def note_end(self, broken_off: BrokenOff | None) -> None:
        """Note that the caller has gone, where a hang-up is what broke a verb off."""
        self.own.is_gone = self.own.is_gone or isinstance(broken_off, HungUp)

    def alert(self, complaint: Complaint) -> None:
        """Raise an alert about the call itself."""
        self.log.alert(self.own, complaint)

    def alert_time_limit(self, leg: LiveLeg, seconds: float) -> None:
        """Raise the warning that a talk was ended by its time limit."""
        self.log.alert(leg, Complaint(32015, f"Call is terminated after {seconds} s, its time limit"))

    def wires_for(self, legs: list[OutgoingLeg]) -> Wires:
        """The wires to ring these legs with: from the first real phone on, the door's."""
        if self.door and any(self.door.reaches(leg) for leg in legs):
            self.wires = self.log.wires = self.door.wires()
            self.door = None
        return self.wires
