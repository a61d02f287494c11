"""The exchange: carries the calls that come in and those that the API places, and lets people look and intervene."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from dialtone_nb.rehearsal.assumptions import ENDED_UNANSWERED
from dialtone_nb.rehearsal.exchange.api_calls import take_order, waiting_orders
from dialtone_nb.rehearsal.exchange.call import Interruption, LiveCall, Surroundings, open_call
from dialtone_nb.rehearsal.exchange.call_json import tell_call, tell_turned_away
from dialtone_nb.rehearsal.exchange.call_lifecycle import Carrying
from dialtone_nb.rehearsal.exchange.far_sides import far_side_of
from dialtone_nb.rehearsal.exchange.inbound import Entry, TurnedAway, admit_caller, admit_phone
from dialtone_nb.rehearsal.exchange.lines import Door, Line, OutgoingLeg, Wires, kind_of
from dialtone_nb.rehearsal.exchange.queues import leave_queues
from dialtone_nb.rehearsal.exchange.registrations import CALLS, chosen_domain
from dialtone_nb.rehearsal.exchange.simulated_behaviour import FarSide, Order
from dialtone_nb.rehearsal.exchange.simulated_lines import SimulatedLine, SimulatedWires
from dialtone_nb.rehearsal.exchange.simulated_time import Party, Schedule
from dialtone_nb.rehearsal.exchange.webhooks import Answered, Asker
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.own_servers import is_own_server
from dialtone_nb.rehearsal.state.call_records import CallRecord, change_call, find_call
from dialtone_nb.rehearsal.state.store import Store, Tables

BETWEEN_CALLS_S = 1.0
BETWEEN_OUTGOING_S = 1.0  # one call a second is what Twilio places for an account; what is more waits in its queue
AS_USUAL = Order(FarSide())


class Exchange:
    """Carries calls: simulated ones in simulated time, and those of real phones side by side, in theirs."""

    def __init__(self, store: Store, base: str) -> None:
        self.store = store
        self.schedule = Schedule(store)
        asker = Asker(base, store.identity.auth_token, lambda host: is_own_server(store, host))
        self._surroundings = Surroundings(asker)
        # Calls that others may look at or change while they go on, by SID, and the parties to those that are simulated.
        self._live: dict[str, LiveCall] = {}
        self._parties: dict[str, Party] = {}
        self._next_outgoing = 0.0
        # One thread of its own: were those that all share full of waiting calls, none would be left to start functions.
        self._queue = ThreadPoolExecutor(1, "rehearsal calls")
        with store.transaction() as tables:
            waiting = waiting_orders(tables)
        for call_sid in waiting:
            self.take_up(call_sid)

    def close(self) -> None:
        """Let go of calls that are still going on, and of connections."""
        self._queue.shutdown(wait=False, cancel_futures=True)
        self.schedule.close()
        self._surroundings.asker.close()

    def open_door(self, door: Door | None) -> None:
        """Let real phones call, and be called; with None no more."""
        self._surroundings.door = door

    # --- calls that come in ---

    def queue(self, order: Order) -> Future[dict[str, Any]]:
        """What will come of a simulated call, once those before it are over."""
        return self._queue.submit(self.place, order)

    def place(self, order: Order) -> dict[str, Any]:
        """What came of a simulated call, as JSON: it is over when this returns."""
        with self.store.transaction() as tables:
            entry = _let_in(tables, order)
        if isinstance(entry, TurnedAway):
            return tell_turned_away(entry)
        carried: list[LiveCall] = []

        def carry() -> None:
            call = self._begin(entry, SimulatedLine(party, order.far_side), self._simulated_wires(party, order))
            carried.append(call)
            self._parties[call.own.record.sid] = party
            try:
                Carrying(call, entry).run()
            finally:
                del self._parties[call.own.record.sid]

        party = self.schedule.enlist(carry)
        self.schedule.drive_through(party)
        # Nobody dials again at once; and so no two calls start in the same second.
        self.schedule.pass_time(BETWEEN_CALLS_S)
        return self._tell(carried[0])

    def carry(
        self, entry: Entry, caller: Line, wires: Wires, watch: Callable[[Answered], None] = lambda _: None
    ) -> dict[str, Any]:
        """What came of a real phone's call, as JSON; it is carried out in the thread that asks, to its end.

        Every answer of an application's is shown to `watch` meanwhile.
        """
        call = self._begin(entry, caller, wires)
        call.applications.watch = watch
        call.door = None  # its wires are the door's already
        self._live[call.own.record.sid] = call
        try:
            Carrying(call, entry).run()
        finally:
            del self._live[call.own.record.sid]
        return self._tell(call)

    def _begin(self, entry: Entry, caller: Line, wires: Wires) -> LiveCall:
        call = open_call(self.store, self._surroundings, entry, wires)
        call.own.line = caller
        return call

    # --- calls that the API places ---

    def take_up(self, call_sid: str) -> None:
        """Have a call that is queued carried out when its turn comes."""
        door = self._surroundings.door
        if door and (to := self._called(call_sid)) and door.reaches(to):
            wires = door.wires()
            threading.Thread(target=self._carry_outgoing, args=(call_sid, wires), daemon=True).start()
            return
        now = self.schedule.now()
        begins = max(now, self._next_outgoing)
        self._next_outgoing = begins + BETWEEN_OUTGOING_S

        def carry() -> None:
            try:
                self._carry_outgoing(call_sid, self._simulated_wires(party, AS_USUAL))
            finally:
                del self._parties[call_sid]

        party = self._parties[call_sid] = self.schedule.enlist(carry, begins - now)

    def _carry_outgoing(self, call_sid: str, wires: Wires) -> None:
        with self.store.transaction() as tables:
            record, order = find_call(tables, call_sid), take_order(tables, call_sid)
        if record is None or order is None:
            return  # another process that shares the account has taken it
        entry = order.entry(record.from_, record.to)
        call = open_call(self.store, self._surroundings, entry, wires, record)
        self._live[call_sid] = call
        try:
            Carrying(call, entry).run_outgoing(order)
        finally:
            del self._live[call_sid]

    def _called(self, call_sid: str) -> OutgoingLeg | None:
        with self.store.transaction() as tables:
            record = find_call(tables, call_sid)
        if record is None:
            return None
        return OutgoingLeg(call_sid, kind_of(record.to), record.to, record.from_)

    # --- calls that go on ---

    async def pass_time(self, seconds: float) -> None:
        """Let simulated time pass, with all that happens in it, once the calls before it are over.

        Never here in the loop: a call that has just begun waits for what this loop answers.
        """
        await asyncio.wrap_future(self._queue.submit(self.schedule.pass_time, seconds))

    async def look(self, call_sid: str) -> None:
        """Let a simulated call go on until it has another status; none goes on faster while others do anyway."""
        if self._parties and not self.schedule.is_busy:
            await asyncio.wrap_future(self._queue.submit(self._go_on, call_sid))

    def _go_on(self, call_sid: str) -> None:
        record = self._record(call_sid)
        party = self._parties.get(record.parent_call_sid or call_sid) if record else None
        if record and party:
            self.schedule.drive(lambda: party.is_over or self._record(call_sid) != record)

    async def interrupt(self, record: CallRecord, wanted: Interruption) -> None:
        """Have what the API asks for done to a call that is going on, or to one that nobody carries any more."""
        call_sid = record.parent_call_sid or record.sid
        party = self._parties.get(call_sid)
        if party and self.schedule.is_busy:
            # Perhaps it is a function that asks, for which a call waits: that changes once the function has answered.
            party.interrupt(wanted)
        elif party:
            await asyncio.wrap_future(self._queue.submit(self._break_in, party, wanted))
        elif call := self._live.get(call_sid):
            call.wires.interrupt(wanted)
        else:
            with self.store.transaction() as tables:
                status = "completed" if record.status == "in-progress" else ENDED_UNANSWERED
                change_call(tables, record, status=status, ended=tables.now())
                leave_queues(tables, record.sid)

    def _break_in(self, party: Party, wanted: Interruption) -> None:
        party.interrupt(wanted)
        self.schedule.settle(party)

    # --- what both need ---

    def _simulated_wires(self, party: Party, order: Order) -> SimulatedWires:
        return SimulatedWires(party, lambda leg: self._far_side(leg, order))

    def _far_side(self, leg: OutgoingLeg, order: Order) -> FarSide:
        """How whoever is rung behaves: as the order says of them, or as was said before, or as the order says."""
        if leg.address in order.targets:
            return order.targets[leg.address]
        with self.store.transaction() as tables:
            return far_side_of(tables, leg.address) or order.far_side

    def _record(self, call_sid: str) -> CallRecord | None:
        with self.store.transaction() as tables:
            return find_call(tables, call_sid)

    def _tell(self, call: LiveCall) -> dict[str, Any]:
        with self.store.transaction() as tables:
            return tell_call(tables, call)


def _let_in(tables: Tables, order: Order) -> Entry | TurnedAway:
    if order.client:
        domain = chosen_domain(tables, order.client, CALLS, order.domain)
        return admit_phone(tables, domain, order.client, order.dial)
    if not order.from_.startswith("+"):
        raise Refusal(20001, f"from must be E.164, with a plus sign; it is {order.from_!r}")
    return admit_caller(tables, order.from_, order.to)
