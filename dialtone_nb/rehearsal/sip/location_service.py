"""The location service (RFC 3261, 10): the bindings of users at domains to phones, with their expiry."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dialtone_nb.rehearsal.sip.transport import Flow

SHORTEST_EXPIRY_S, LONGEST_EXPIRY_S = 600, 3600  # the range to which Twilio moves an expiry (docs: SIP registration)
DEFAULT_EXPIRY_S = 3600
MOST_BINDINGS = 10
MOST_A_SECOND = 5

Aor = tuple[str, str]  # an address-of-record: user and SIP domain


@dataclass(frozen=True, slots=True)
class Binding:
    """One phone at an address-of-record; times are seconds by the endpoint's clock."""

    contact: str
    flow: Flow
    call_id: str
    cseq: int
    expires_at: float
    user_agent: str
    since: float
    refreshes: int = 0


class OutOfOrder(Exception):  # noqa: N818 - it is a finding about a request
    """A REGISTER is older than the last one of the same phone (RFC 3261, 10.3, step 7)."""


class TooManyBindings(Exception):  # noqa: N818 - it is a finding about a request
    """A user has the most bindings already."""


class LocationService:
    """All bindings. There is no clock here: times are arguments, and never go back."""

    def __init__(self) -> None:
        self._bindings: dict[Aor, dict[str, Binding]] = {}
        self._recent: dict[Aor, deque[float]] = {}

    def is_too_fast(self, aor: Aor, now: float) -> bool:
        """Whether a user has sent more than five REGISTER in a second; counts this one if not."""
        recent = self._recent.setdefault(aor, deque(maxlen=MOST_A_SECOND))
        is_full = len(recent) == MOST_A_SECOND and now - recent[0] < 1
        if not is_full:
            recent.append(now)
        return is_full

    def bind(self, aor: Aor, binding: Binding, now: float) -> bool:
        """Add or refresh a binding; gives back whether it is new.

        Raises `OutOfOrder` if a later request of the same phone is known, `TooManyBindings` if the user has ten others.
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
        """Remove a binding and give it back; None if there was none. Raises `OutOfOrder` as `bind` does."""
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
        """Remove and yield the expired bindings."""
        for aor, bindings in list(self._bindings.items()):
            for contact, binding in list(bindings.items()):
                if binding.expires_at <= now:
                    del bindings[contact]
                    yield aor, binding
            if not bindings:
                del self._bindings[aor]
                self._recent.pop(aor, None)

    def all_bindings(self) -> list[tuple[Aor, Binding]]:
        """All bindings, sorted by domain and user."""
        found = [(aor, binding) for aor, bindings in self._bindings.items() for binding in bindings.values()]
        return sorted(found, key=lambda one: (one[0][1], one[0][0], one[1].since))

    @staticmethod
    def _in_order(bindings: dict[str, Binding], contact: str, call_id: str, cseq: int) -> Binding | None:
        known = bindings.get(contact)
        if known and known.call_id == call_id and cseq <= known.cseq:
            raise OutOfOrder
        return known


def clamped(expiry_s: int) -> int:
    """The expiry in seconds that Twilio grants for a requested one; 0 stays 0."""
    return 0 if expiry_s <= 0 else min(max(expiry_s, SHORTEST_EXPIRY_S), LONGEST_EXPIRY_S)
