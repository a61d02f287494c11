"""The location service (RFC 3261, 10): which phones are registered as a user at a domain, where, and until when."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dialtone_nb.rehearsal.sip.transport import Flow

SHORTEST_EXPIRY_S, LONGEST_EXPIRY_S = 600, 3600  # Twilio, SIP registration: what is asked for is moved in between
DEFAULT_EXPIRY_S = 3600
MOST_BINDINGS = 10
MOST_A_SECOND = 5

Aor = tuple[str, str]  # an address-of-record: user and SIP domain


@dataclass(frozen=True, slots=True)
class Binding:
    """One phone at an address-of-record; times are the endpoint's seconds."""

    contact: str
    flow: Flow
    call_id: str
    cseq: int
    expires_at: float
    user_agent: str
    since: float
    refreshes: int = 0


class OutOfOrder(Exception):  # noqa: N818 - it is a finding about somebody's request
    """A REGISTER older than the last one of the same phone (RFC 3261, 10.3, step 7)."""


class TooManyBindings(Exception):  # noqa: N818 - it is a finding about somebody's request
    """One phone more than a user may have."""


class LocationService:
    """All bindings. It has no clock: the time is an argument, and never goes back."""

    def __init__(self) -> None:
        self._bindings: dict[Aor, dict[str, Binding]] = {}
        self._recent: dict[Aor, deque[float]] = {}

    def is_too_fast(self, aor: Aor, now: float) -> bool:
        """Whether this is more than the fifth REGISTER of a user within a second; it counts it."""
        recent = self._recent.setdefault(aor, deque(maxlen=MOST_A_SECOND))
        is_full = len(recent) == MOST_A_SECOND and now - recent[0] < 1
        if not is_full:
            recent.append(now)
        return is_full

    def bind(self, aor: Aor, binding: Binding, now: float) -> bool:
        """Keep a binding; return whether it is new, and not refreshed.

        `OutOfOrder` where a later one of the same phone is known, `TooManyBindings` where the user has ten others.
        """
        bindings = self._bindings.setdefault(aor, {})
        known = self._in_order(bindings, binding.contact, binding.call_id, binding.cseq)
        if known is None and len(self.bindings(aor, now)) >= MOST_BINDINGS:
            raise TooManyBindings
        if known:
            binding = replace(binding, since=known.since, refreshes=known.refreshes + 1)
        bindings[binding.contact] = binding
        return known is None

    def unbind(self, aor: Aor, contact: str, call_id: str, cseq: int) -> Binding | None:
        """The binding that is no more; None where there was none. `OutOfOrder` as with `bind`."""
        bindings = self._bindings.get(aor, {})
        self._in_order(bindings, contact, call_id, cseq)
        gone = bindings.pop(contact, None)
        if not bindings:
            self._bindings.pop(aor, None)
        return gone

    def bindings(self, aor: Aor, now: float) -> list[Binding]:
        """A user's bindings that have not expired, oldest first."""
        return [one for one in self._bindings.get(aor, {}).values() if one.expires_at > now]

    def expire(self, now: float) -> Iterator[tuple[Aor, Binding]]:
        """Take out the bindings whose end has come."""
        for aor, bindings in list(self._bindings.items()):
            for contact, binding in list(bindings.items()):
                if binding.expires_at <= now:
                    del bindings[contact]
                    yield aor, binding
            if not bindings:
                del self._bindings[aor]
                self._recent.pop(aor, None)

    def all_bindings(self) -> list[tuple[Aor, Binding]]:
        """Every binding, by domain and user."""
        found = [(aor, binding) for aor, bindings in self._bindings.items() for binding in bindings.values()]
        return sorted(found, key=lambda one: (one[0][1], one[0][0], one[1].since))

    @staticmethod
    def _in_order(bindings: dict[str, Binding], contact: str, call_id: str, cseq: int) -> Binding | None:
        known = bindings.get(contact)
        if known and known.call_id == call_id and cseq <= known.cseq:
            raise OutOfOrder
        return known


def clamped(expiry_s: int) -> int:
    """The expiry that Twilio gives where this one is asked for; 0 stays 0."""
    return 0 if expiry_s <= 0 else min(max(expiry_s, SHORTEST_EXPIRY_S), LONGEST_EXPIRY_S)
