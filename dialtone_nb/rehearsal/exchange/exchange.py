"""The exchange: carries incoming calls and calls that the API places, and lets the API inspect and interrupt them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from dialtone_nb.rehearsal.exchange.call import Interruption, LiveCall
from dialtone_nb.rehearsal.exchange.call_json import tell_call, tell_refused
from dialtone_nb.rehearsal.exchange.call_lifecycle import CallLifecycle
from dialtone_nb.rehearsal.exchange.call_log import CallLog, LiveLeg, move_call
from dialtone_nb.rehearsal.exchange.call_setup import (
    CallRefused,
    CallSetup,
    admit_caller,
    admit_phone,
    take_outbound_call,
    waiting_calls,
)
from dialtone_nb.rehearsal.exchange.lines import Door, Line, OutgoingLeg, Wires, kind_of
from dialtone_nb.rehearsal.exchange.queues import WaitingRoom, leave_queues
from dialtone_nb.rehearsal.exchange.simulated_behaviour import SimulatedCall, SimulatedParty, party_at
from dialtone_nb.rehearsal.exchange.simulated_lines import SimulatedLine, SimulatedWires
from dialtone_nb.rehearsal.exchange.simulated_time import Scheduler, Task
from dialtone_nb.rehearsal.exchange.sip_registrations import CALLS, chosen_domain
from dialtone_nb.rehearsal.exchange.twiml_requests import Applications
from dialtone_nb.rehearsal.exchange.webhooks import CallingPhone, WebhookClient, WebhookResponse
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.own_servers import is_own_server
from dialtone_nb.rehearsal.state.call_records import CallRecord, find_call
from dialtone_nb.rehearsal.state.store import Store, Tables

BETWEEN_CALLS_S = 1.0
BETWEEN_OUTBOUND_S = 1.0  # Twilio places one call per second for an account; others wait in its queue
AS_USUAL = SimulatedCall(SimulatedParty())
Kept = TypeVar("Kept")


class Exchange:
    """Carries calls: simulated ones one after another in simulated time, those of real phones concurrently."""

    def __init__(self, store: Store, base: str) -> None:
        self.store = store
        self.scheduler = Scheduler(store)
        self._webhooks = WebhookClient(base, self._primary_token, lambda host: is_own_server(store, host))
        self._room = WaitingRoom[LiveCall]()
        self._door: Door | None = None
        # Called with each call as it begins.
        self.watch: Callable[[LiveCall], None] = lambda _: None
        # Calls in progress that the API can change, by SID, and the tasks of the simulated ones.
        self._live: dict[str, LiveCall] = {}
        self._tasks: dict[str, Task] = {}
        self._next_outbound = 0.0
        # A thread of its own: waiting calls could otherwise fill the shared pool, which also starts functions.
        self._queue = ThreadPoolExecutor(1, "rehearsal calls")
        with store.transaction() as tables:
            waiting = waiting_calls(tables)
        for call_sid in waiting:
            self.take_up(call_sid)

    def close(self) -> None:
        """Drop calls in progress, and close connections."""
        self._queue.shutdown(wait=False, cancel_futures=True)
        self.scheduler.close()
        self._webhooks.close()

    def _primary_token(self) -> str:
        """The token that signs webhook requests; it may have been rotated since the last one."""
        with self.store.transaction() as tables:
            return tables.identity.auth_token

    def open_door(self, door: Door | None) -> None:
        """Let real phones call and be called through a door; None closes it."""
        self._door = door

    # --- incoming calls ---

    def queue(self, simulated: SimulatedCall) -> Future[dict[str, Any]]:
        """Place a simulated call once those before it are over; the future has its outcome as JSON."""
        return self._queue.submit(self.place, simulated)

    def place(self, simulated: SimulatedCall) -> dict[str, Any]:
        """Place a simulated call and carry it to its end; gives back its outcome as JSON."""
        with self.store.transaction() as tables:
            setup = _admit(tables, simulated)
        if isinstance(setup, CallRefused):
            return tell_refused(setup)
        carried: list[LiveCall] = []

        def carry() -> None:
            line, wires = SimulatedLine(task, simulated.party), self._simulated_wires(task, simulated)
            carried.append(call := self._begin(setup, line, wires))
            with _kept(self._tasks, call.own.record.sid, task):
                CallLifecycle(call, setup.source).run()

        task = self.scheduler.enlist(carry)
        self.scheduler.drive_through(task)
        # A pause between calls, so that no two of them start in the same second.
        self.scheduler.pass_time(BETWEEN_CALLS_S)
        return self._tell(carried[0])

    def carry(
        self, setup: CallSetup, caller: Line, wires: Wires, watch: Callable[[WebhookResponse], None] = lambda _: None
    ) -> dict[str, Any]:
        """Carry a real phone's call to its end, in the calling thread; gives back its outcome as JSON.

        `watch` is called with each webhook response.
        """
        call = self._begin(setup, caller, wires)
        call.applications.watch = watch
        call.door = None  # its wires are the door's already
        with _kept(self._live, call.own.record.sid, call):
            CallLifecycle(call, setup.source).run()
        return self._tell(call)

    def _begin(self, setup: CallSetup, caller: Line, wires: Wires) -> LiveCall:
        log = CallLog(self.store, wires)
        own = log.start(setup.from_, setup.to, "inbound", number_sid=setup.number_sid)
        own.line, own.callback = caller, setup.callback
        return self._open(log, own, setup.phone)

    def _open(self, log: CallLog, own: LiveLeg, phone: CallingPhone | None = None) -> LiveCall:
        applications = Applications(log, self._webhooks, own.record.sid, phone)
        call = LiveCall(own, log.wires, log, applications, self._room, phone, self._door)
        self.watch(call)
        return call

    # --- calls that the API places ---

    def take_up(self, call_sid: str) -> None:
        """Schedule a queued call for when its turn comes; a call to a real phone is placed at once."""
        door, record = self._door, self._record(call_sid)
        if door and record and door.reaches(OutgoingLeg(call_sid, kind_of(record.to), record.to, record.from_)):
            threading.Thread(target=self._carry_outbound, args=(call_sid, door.wires()), daemon=True).start()
            return
        now = self.scheduler.now()
        begins = max(now, self._next_outbound)
        self._next_outbound = begins + BETWEEN_OUTBOUND_S

        def carry() -> None:
            try:
                self._carry_outbound(call_sid, self._simulated_wires(task, AS_USUAL))
            finally:
                del self._tasks[call_sid]

        task = self._tasks[call_sid] = self.scheduler.enlist(carry, begins - now)

    def _carry_outbound(self, call_sid: str, wires: Wires) -> None:
        with self.store.transaction() as tables:
            record, outbound = find_call(tables, call_sid), take_outbound_call(tables, call_sid)
        if record is None or outbound is None:
            return  # another process with the same state file has taken it
        call = self._open(CallLog(self.store, wires), LiveLeg(record, callback=outbound.callback))
        with _kept(self._live, call_sid, call):
            CallLifecycle(call, outbound.source).run_outbound(outbound)

    # --- calls in progress ---

    async def pass_time(self, seconds: float) -> None:
        """Advance simulated time, with all that happens in it, once the calls before it are over.

        This must not block the event loop, because a call in progress may wait for a webhook that the loop answers.
        """
        await asyncio.wrap_future(self._queue.submit(self.scheduler.pass_time, seconds))

    async def look(self, call_sid: str) -> None:
        """Let a simulated call go on until its record changes; no-op while the scheduler is busy anyway."""
        if self._tasks and not self.scheduler.is_busy:
            await asyncio.wrap_future(self._queue.submit(self._go_on, call_sid))

    def _go_on(self, call_sid: str) -> None:
        record = self._record(call_sid)
        task = self._tasks.get(record.parent_call_sid or call_sid) if record else None
        if record and task:
            self.scheduler.drive(lambda: task.is_over or self._record(call_sid) != record)

    async def interrupt(self, record: CallRecord, wanted: Interruption) -> None:
        """Interrupt a call in progress; if no process carries it any more, end its record."""
        call_sid = record.parent_call_sid or record.sid
        task = self._tasks.get(call_sid)
        if task and self.scheduler.is_busy:
            # A function that the call is waiting for may have sent the request; it takes effect once that has answered.
            task.interrupt(wanted)
        elif task:
            await asyncio.wrap_future(self._queue.submit(self._break_in, task, wanted))
        elif call := self._live.get(call_sid):
            call.wires.interrupt(wanted)
        else:
            with self.store.transaction() as tables:
                status = "completed" if record.status == "in-progress" else tables.behaviour.ended_unanswered
                move_call(tables, record, status, ended=tables.now())
                leave_queues(tables, record.sid)

    def _break_in(self, task: Task, wanted: Interruption) -> None:
        task.interrupt(wanted)
        self.scheduler.settle(task)

    # --- shared parts ---

    def _simulated_wires(self, task: Task, simulated: SimulatedCall) -> SimulatedWires:
        return SimulatedWires(task, lambda leg: self._party_of(leg, simulated))

    def _party_of(self, leg: OutgoingLeg, simulated: SimulatedCall) -> SimulatedParty:
        """The called party's behaviour: the call's for this address, or the one set for it, or the call's default."""
        if leg.address in simulated.targets:
            return simulated.targets[leg.address]
        with self.store.transaction() as tables:
            return party_at(tables, leg.address) or simulated.party

    def _record(self, call_sid: str) -> CallRecord | None:
        with self.store.transaction() as tables:
            return find_call(tables, call_sid)

    def _tell(self, call: LiveCall) -> dict[str, Any]:
        with self.store.transaction() as tables:
            return tell_call(tables, call)


@contextmanager
def _kept(registry: dict[str, Kept], call_sid: str, kept: Kept) -> Iterator[None]:
    registry[call_sid] = kept
    try:
        yield
    finally:
        del registry[call_sid]


def _admit(tables: Tables, simulated: SimulatedCall) -> CallSetup | CallRefused:
    if simulated.client:
        domain = chosen_domain(tables, simulated.client, CALLS, simulated.domain)
        return admit_phone(tables, domain, simulated.client, simulated.dial)
    if not simulated.from_.startswith("+"):
        raise Refusal(20001, f"from must be E.164, with a plus sign; it is {simulated.from_!r}")
    return admit_caller(tables, simulated.from_, simulated.to)
