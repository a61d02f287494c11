"""The exchange: takes an order for a call, lets it in or turns it away, and tells what came of it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from dialtone_nb.rehearsal.exchange.applications import Applications
from dialtone_nb.rehearsal.exchange.carrying import Carrying
from dialtone_nb.rehearsal.exchange.entries import Entry, TurnedAway, admit_caller, admit_phone
from dialtone_nb.rehearsal.exchange.far_sides import far_side_of
from dialtone_nb.rehearsal.exchange.ledger import Ledger, Leg
from dialtone_nb.rehearsal.exchange.lines import Door, Line, OutgoingLeg, Wires
from dialtone_nb.rehearsal.exchange.live_call import LiveCall
from dialtone_nb.rehearsal.exchange.orders import FarSide, Order
from dialtone_nb.rehearsal.exchange.phones import CALLS, chosen_domain
from dialtone_nb.rehearsal.exchange.schedule import Party, Schedule
from dialtone_nb.rehearsal.exchange.simulated import SimulatedLine, SimulatedWires
from dialtone_nb.rehearsal.exchange.telling import tell_call, tell_turned_away
from dialtone_nb.rehearsal.exchange.webhooks import Asker
from dialtone_nb.rehearsal.own_servers import is_own_server
from dialtone_nb.rehearsal.refusal import Refusal
from dialtone_nb.rehearsal.store import Store, Tables

BETWEEN_CALLS_S = 1.0


class Exchange:
    """Carries calls: simulated ones in simulated time, and those of real phones side by side, in theirs."""

    def __init__(self, store: Store, base: str) -> None:
        self._store = store
        self._asker = Asker(base, store.identity.auth_token, lambda host: is_own_server(store, host))
        self._door: Door | None = None
        self.schedule = Schedule(store)
        # One thread of its own: were those that all share full of waiting calls, none would be left to start functions.
        self._queue = ThreadPoolExecutor(1, "rehearsal calls")

    def close(self) -> None:
        """Let go of calls that are still going on, and of connections."""
        self._queue.shutdown(wait=False, cancel_futures=True)
        self.schedule.close()
        self._asker.close()

    def queue(self, order: Order) -> Future[dict[str, Any]]:
        """What will come of a simulated call, once those before it are over."""
        return self._queue.submit(self.place, order)

    def open_door(self, door: Door) -> None:
        """Let real phones call, and be called."""
        self._door = door

    def place(self, order: Order) -> dict[str, Any]:
        """What came of a simulated call, as JSON: it is over when this returns."""
        with self._store.transaction() as tables:
            entry = _let_in(tables, order)
        if isinstance(entry, TurnedAway):
            return tell_turned_away(entry)
        carried: list[LiveCall] = []
        party = self.schedule.enlist(lambda: self._carry_simulated(party, entry, order, carried))
        self.schedule.drive_through(party)
        # Nobody dials again at once; and so no two calls start in the same second.
        self.schedule.pass_time(BETWEEN_CALLS_S)
        return self._tell(carried[0])

    def carry(self, entry: Entry, caller: Line, wires: Wires) -> dict[str, Any]:
        """What came of a real phone's call, as JSON; it is carried out in the thread that asks, to its end."""
        call = self._begin(entry, caller, wires)
        Carrying(call, entry).run()
        return self._tell(call)

    def _carry_simulated(self, party: Party, entry: Entry, order: Order, carried: list[LiveCall]) -> None:
        wires = SimulatedWires(party, lambda leg: self._far_side(leg, order))
        call = self._begin(entry, SimulatedLine(party, order.far_side), wires)
        carried.append(call)
        Carrying(call, entry).run()

    def _begin(self, entry: Entry, caller: Line, wires: Wires) -> LiveCall:
        ledger = Ledger(self._store, wires)
        record = ledger.start(entry.from_, entry.to, "inbound", "ringing", number_sid=entry.number_sid)
        own = Leg(record, line=caller, callback=entry.callback)
        applications = Applications(ledger, self._asker, record.sid, entry.phone)
        return LiveCall(own, wires, ledger, applications, entry.phone, self._door)

    def _far_side(self, leg: OutgoingLeg, order: Order) -> FarSide:
        """How whoever is rung behaves: as the order says of them, or as was said before, or as the order says."""
        if leg.address in order.targets:
            return order.targets[leg.address]
        with self._store.transaction() as tables:
            return far_side_of(tables, leg.address) or order.far_side

    def _tell(self, call: LiveCall) -> dict[str, Any]:
        with self._store.transaction() as tables:
            return tell_call(tables, call)


def _let_in(tables: Tables, order: Order) -> Entry | TurnedAway:
    if order.client:
        domain = chosen_domain(tables, order.client, CALLS, order.domain)
        return admit_phone(tables, domain, order.client, order.dial)
    if not order.from_.startswith("+"):
        raise Refusal(20001, f"from must be E.164, with a plus sign; it is {order.from_!r}")
    return admit_caller(tables, order.from_, order.to)
