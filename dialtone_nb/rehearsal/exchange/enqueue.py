"""Enqueue, and Dial with Queue: waiting in a queue, the document heard there, and joining two calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dialtone_nb.rehearsal.exchange.call import BrokenOff, CallOver, Ended, Interruption, LiveCall, TakenOver
from dialtone_nb.rehearsal.exchange.dial import DialResult
from dialtone_nb.rehearsal.exchange.lines import HungUp
from dialtone_nb.rehearsal.exchange.queues import (
    average_wait,
    find_place,
    find_queue,
    is_full,
    join_queue,
    leave_queue,
    list_places,
    make_queue,
)
from dialtone_nb.rehearsal.exchange.simulated_lines import SimulatedLine
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Dial, Enqueue, Target

HOLD_MUSIC = "https://com.twilio.music.classical.example/hold"
DAY_S = 86_400.0
QUEUE_FULL = 14207


class Left(Interruption):
    """The document of the waitUrl has a Leave."""


class Dequeued(Interruption):
    """Another call has dialled the queue and takes this member, which first hears the document at `url`, if any."""

    def __init__(self, by: LiveCall, method: str, url: str) -> None:
        super().__init__(by.own.record.sid)
        self.by = by
        self.method = method
        self.url = url


class Ready(Interruption):
    """The dequeued call has heard its own document, and can be joined."""


class Gone(Interruption):
    """The other call has hung up, or has ended the talk."""


class Arrived(Interruption):
    """A call has joined a queue that was empty."""


@dataclass(slots=True)
class EnqueueRun:
    """One Enqueue being executed; `hear` executes the waitUrl's document, `whisper` the one before being joined."""

    call: LiveCall
    enqueue: Enqueue
    hear: Callable[[Callable[[], dict[str, str]]], None]
    whisper: Callable[[str, str, dict[str, str]], None]
    _queue_sid: str = field(default="", init=False)
    _began: float = field(default=0.0, init=False)

    def run(self) -> tuple[dict[str, str], BrokenOff | None]:
        """Wait in the queue; gives back the action's parameters, and the signal that broke the verb off, if any."""
        if not self._join():
            self.call.alert(Complaint(QUEUE_FULL, f"Enqueue: queue {self.enqueue.name} is full"))
            return self._result("queue-full", 0), None
        result = "hangup"
        broken_off: BrokenOff | None = None
        dequeued: Dequeued | None = None
        try:
            self._wait()
        except Left:
            result = "leave"
        except Dequeued as by:
            result, dequeued = "bridged", by
        except TakenOver as other:
            result, broken_off = "redirected", other
        except (HungUp, Ended) as end:
            self.call.note_end(end)
            broken_off = end
        finally:
            waited = self._leave()
        if dequeued:
            broken_off = self._talk(dequeued, waited)
        return self._result(result, waited), broken_off

    def _join(self) -> bool:
        with self.call.log.writing() as tables:
            queue = find_queue(tables, self.enqueue.name) or make_queue(tables, self.enqueue.name)
            self._queue_sid, self._began = queue.sid, tables.now()
            if is_full(tables, queue):
                return False
            join_queue(tables, queue, self.call.own.record.sid)
        if taker := self.call.room.enter(self._queue_sid, self.call):
            taker.wires.interrupt(Arrived())
        return True

    def _leave(self) -> int:
        self.call.room.leave(self._queue_sid, self.call)
        with self.call.log.writing() as tables:
            leave_queue(tables, self._queue_sid, self.call.own.record.sid)
            return int(tables.now() - self._began)

    def _wait(self) -> None:
        line = self.call.line
        if isinstance(line, SimulatedLine):
            line.be_patient(line.party.waits)
        while True:
            if self.enqueue.wait_url:
                self.hear(self._place)
            else:
                line.play(HOLD_MUSIC)

    def _place(self) -> dict[str, str]:
        """The parameters of the request to the waitUrl."""
        with self.call.log.writing() as tables:
            places = list_places(tables, self._queue_sid)
            own = find_place(tables, self._queue_sid, self.call.own.record.sid)
        return {
            "QueueSid": self._queue_sid,
            "QueuePosition": str(own.position if own else 0),
            "QueueTime": str(own.waited_s if own else 0),
            "AvgQueueTime": str(average_wait(places)),
            "CurrentQueueSize": str(len(places)),
        }

    def _talk(self, dequeued: Dequeued, waited: int) -> BrokenOff | None:
        """Play the member its own document, then talk; gives back the signal that broke that off, if any."""
        by, line = dequeued.by, self.call.line
        if isinstance(line, SimulatedLine):
            line.be_patient(None)
        try:
            if dequeued.url:
                # Twilio's documentation spells the name like this.
                told = {"QueueSid": self._queue_sid, "QueueTime": str(waited), "DequeingCallSid": by.own.record.sid}
                self.whisper(dequeued.method, dequeued.url, told)
            by.wires.interrupt(Ready())
            line.pause(DAY_S)
        except Gone:
            return None
        except CallOver:
            # Its document hangs up, or can't be fetched: the other must not wait for somebody who is gone.
            by.wires.interrupt(Gone())
            raise
        except (HungUp, Interruption) as end:
            self.call.note_end(end)
            by.wires.interrupt(Gone())
            return end
        return None

    def _result(self, result: str, waited: int) -> dict[str, str]:
        return {"QueueResult": result, "QueueSid": self._queue_sid, "QueueTime": str(waited)}


@dataclass(slots=True)
class QueueDialRun:
    """One Dial of a queue being executed; `url` is the document that the member hears first, or empty."""

    call: LiveCall
    dial: Dial
    target: Target
    url: str

    def run(self) -> DialResult:
        """Connect the caller who has waited longest, or one who arrives before the timeout."""
        with self.call.log.writing() as tables:
            queue = find_queue(tables, self.target.address)
        if queue is None:
            return DialResult("failed", of_queue={"DequeueResult": "queue-not-found"})
        of_queue = {"QueueSid": queue.sid}
        try:
            other = self._find_other(queue.sid)
            if other is None:
                return DialResult("no-answer", of_queue=of_queue | {"DequeueResult": "queue-empty"})
            waited_s = self._waited(queue.sid, other)
            result = self._talk(other)
        except (HungUp, Interruption) as broken_off:
            self.call.note_end(broken_off)
            return DialResult("canceled", broken_off=broken_off, of_queue=of_queue | {"DequeueResult": "hangup"})
        # Parameter names as others have received them; the result if the two were never joined is assumed.
        never_joined = self.call.log.store.behaviour.dequeued_never_joined
        of_queue |= {
            "DequeueResult": "bridged" if result.is_bridged else never_joined,
            "DequeuedCallSid": other.own.record.sid,
            "DequeuedCallQueueTime": str(waited_s),
            "DequeuedCallDuration": str(result.talked_s or 0),
        }
        return replace(result, of_queue=of_queue)

    def _find_other(self, queue_sid: str) -> LiveCall | None:
        room = self.call.room
        if other := room.take(queue_sid):
            return other
        room.await_arrival(queue_sid, self.call)
        try:
            self.call.line.pause(self.dial.timeout)
        except Arrived:
            return room.take(queue_sid)
        finally:
            room.await_no_more(queue_sid, self.call)
        return None

    def _waited(self, queue_sid: str, other: LiveCall) -> int:
        with self.call.log.writing() as tables:
            place = find_place(tables, queue_sid, other.own.record.sid)
        return place.waited_s if place else 0

    def _talk(self, other: LiveCall) -> DialResult:
        self.call.answer()
        other.wires.interrupt(Dequeued(self.call, self.target.method, self.url))
        bridged_at: float | None = None
        broken_off: BrokenOff | None = None
        has_gone = False
        try:
            self._await_ready()
            bridged_at = self.call.log.now()
            limit, star = self.dial.time_limit, self.dial.hangup_on_star
            if self.call.wires.bridge(self.call.line, other.line, limit, hangup_on_star=star) == "time limit":
                self.call.alert_time_limit(self.call.own, limit)
        except Gone:
            has_gone = True
        except (HungUp, Interruption) as by:
            self.call.note_end(by)
            broken_off = by
        if not has_gone:
            other.wires.interrupt(Gone())
        return DialResult(
            "completed",
            other.own,
            is_bridged=bridged_at is not None,
            talked_s=0 if bridged_at is None else round(self.call.log.now() - bridged_at),
            broken_off=broken_off,
        )

    def _await_ready(self) -> None:
        try:
            self.call.line.pause(DAY_S)
        except Ready:
            return
