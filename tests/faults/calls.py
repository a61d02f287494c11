"""Calls placed during an apply or after its interruption: each must end as before the apply or as after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dialtone_nb.account.account import CONTROL
from tests.faults.applies import Order
from tests.infrastructure.desk import Desk


@dataclass(frozen=True)
class Reached:
    """The end of a call: who answered, the caller ID shown, and what the caller heard."""

    reached: tuple[tuple[str, str], ...] = ()
    heard: tuple[str, ...] = ()
    # Why, where something went wrong; calls that went alike may differ in it.
    alerts: tuple[str, ...] = field(default=(), compare=False)


Routing = tuple[Reached, ...]


def place_calls(desk: Desk, orders: Iterable[Order]) -> Routing:
    """Place each call now and return how it ended."""
    return tuple(_place(desk, order) for order in orders)


def _place(desk: Desk, order: Order) -> Reached:
    answer: dict[str, Any] = desk.account.transport.send("POST", f"{CONTROL}/calls", json=order).json()
    legs = [leg for leg in answer.get("children", ()) if leg["status"] == "completed"]
    alerts = tuple(f"{alert['code']} {alert['message']}" for alert in answer.get("alerts", ()))
    return Reached(tuple((leg["from"], leg["to"]) for leg in legs), tuple(answer.get("heard", ())), alerts)


def misrouted(found: Routing, before: Routing, after: Routing, orders: Sequence[Order]) -> tuple[str, ...]:
    """The calls that ended otherwise than before and after the apply.

    A call that reaches nobody before or after the apply may reach nobody meanwhile, with any message.
    """
    wrong = []
    for order, now, one, other in zip(orders, found, before, after, strict=True):
        may_fail = not (one.reached and other.reached)
        if now not in (one, other) and not (may_fail and not now.reached):
            wrong.append(f"{order.get('client') or order['from']} to {order.get('dial') or order['to']}: {now}")
    return tuple(wrong)
