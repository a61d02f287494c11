"""A live call: its own leg, the legs that it dialled, and the signals that stop what it is doing.

A live call runs in a thread of its own, on one stack: `call_lifecycle` carries the call, `interpreter` executes a
document, `dial`, `enqueue` and `recordings` a verb, and a `Line` or `Wires` does what takes time. Twilio documents
which verb or API request ends which (Call resource, *Update*; QueueMember resource, *Update*; Dial; Enqueue). Here each
such end is an exception, raised at the bottom of the stack and caught at the level that it ends:

    signal      raised by                                  caught by, and what happens to the call
    HungUp      a line whose caller hung up                Dial, Enqueue, Record, whose action is still requested; then
                                                           the lifecycle: completed, or canceled if unanswered
    CallOver    Hangup, Reject; a call that can't be rung  the lifecycle: its status, or completed. In a document for
                                                           the called party alone, its Dial: only that leg ends
    Ended       API: Status=completed or canceled          as HungUp, except that the line has yet to be hung up
    LegEnded    API: the same, of a leg that was dialled   its Dial, which goes on as if the called party had hung up
    TakenOver   API: other TwiML, for a call or a member   Dial, Enqueue, whose action is still requested; then the
                                                           lifecycle, which executes the other document
    Left        Leave, in the document of a waitUrl        Enqueue: QueueResult is leave; its action is requested
    Dequeued    a Dial of the queue, by another call       Enqueue: play the member its own document, then talk
    Ready       the dequeued call, which can be joined     the Dial of the queue: join the two
    Gone        either of two joined over a queue          the other's Enqueue or Dial: the talk is over
    Arrived     Enqueue, in a queue that was empty         the Dial that waits for a member

`interrupt` of a call's wires raises a signal in the call's thread from another thread: in the method of a line or wires
that is blocking there, or else in the next one. So a signal that arrives while the call is busy is not lost, and none
arrives in the middle of a change to its records.
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
    """The call is over, and no more of its TwiML is executed. An empty `status` stands for the default."""

    def __init__(self, status: str = "", sip_response: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.sip_response = sip_response


class Interruption(Exception):  # noqa: N818 - it is a request and no error
    """The API or another call interrupts what a call is doing."""


class TakenOver(Interruption):
    """Other TwiML takes over."""

    def __init__(self, source: TwimlSource) -> None:
        super().__init__(source.url)
        self.source = source


class Ended(Interruption):
    """The API ends the call."""


class LegEnded(Interruption):
    """The API ends a dialled leg; the call that dialled it goes on."""


# The signals that break off a verb; its action is still requested, and then the signal is raised further up.
BrokenOff = HungUp | Interruption


@dataclass(slots=True)
class LiveCall:
    """One call in progress: its own leg (the parent call), and the legs that it dialled (the child calls)."""

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
        """The line of the call's own leg."""
        return self.own.connected

    def answer(self) -> None:
        """Answer the call, unless it is answered already."""
        if self.own.record.answered is None:
            self.line.answer()
            self.log.answer(self.own)
            self.applications.tell_progress(self.own, "answered")

    def note_end(self, broken_off: BrokenOff | None) -> None:
        """Note that the caller is gone, if a hang-up broke off a verb."""
        self.own.is_gone = self.own.is_gone or isinstance(broken_off, HungUp)

    def alert(self, complaint: Complaint) -> None:
        """Raise an alert about the call itself."""
        self.log.alert(self.own, complaint)

    def alert_time_limit(self, leg: LiveLeg, seconds: float) -> None:
        """Raise the warning that a talk was ended by its time limit, in seconds."""
        self.log.alert(leg, Complaint(32015, f"Call is terminated after {seconds} s, its time limit"))

    def wires_for(self, legs: list[OutgoingLeg]) -> Wires:
        """The wires to ring these legs with; once a real phone is among them, those of the SIP door."""
        if self.door and any(self.door.reaches(leg) for leg in legs):
            self.wires = self.log.wires = self.door.wires()
            self.door = None
        return self.wires
