"""What the API asked for when it placed a call, kept until the call is carried out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from dialtone_nb.rehearsal.exchange.inbound import Callback, Entry
from dialtone_nb.rehearsal.state.store import Tables

KIND = "call_order"
PROGRESS_EVENTS = ("initiated", "ringing", "answered", "completed")


@dataclass(frozen=True, slots=True)
class OutgoingOrder:
    """How a call is to be placed; times are in seconds. A password for SIP is kept until the call is carried out."""

    url: str = ""
    method: str = "POST"
    twiml: str = ""
    fallback_url: str = ""
    fallback_method: str = "POST"
    callback_url: str = ""
    callback_method: str = "POST"
    callback_events: tuple[str, ...] = ("completed",)
    send_digits: str = ""
    timeout: int = 60
    time_limit: int | None = None
    username: str = ""
    password: str = field(default="", repr=False)

    def entry(self, from_: str, to: str) -> Entry:
        """Where the call goes on once it is answered."""
        return Entry(
            from_,
            to,
            self.url,
            self.method,
            self.fallback_url,
            self.fallback_method,
            Callback(self.callback_url, self.callback_method, self.callback_events),
        )


def keep_order(tables: Tables, call_sid: str, order: OutgoingOrder) -> None:
    """Keep an order with its call."""
    tables.add("OR", KIND, call_sid, "", asdict(order))


def take_order(tables: Tables, call_sid: str) -> OutgoingOrder | None:
    """The order of a call, which is carried out from now on; None where there is none, or somebody took it."""
    for kept in tables.list(KIND, call_sid):
        tables.remove(kept.sid)
        return OutgoingOrder(**(kept.body | {"callback_events": tuple(kept.body["callback_events"])}))
    return None


def waiting_orders(tables: Tables) -> list[str]:
    """The calls whose orders nobody took, oldest first."""
    return [kept.parent for kept in reversed(tables.list(KIND))]
