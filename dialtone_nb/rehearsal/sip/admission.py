"""Who a phone is and where it belongs: its SIP domain, its credentials there, and the alerts for whom it turns away."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from dialtone_nb.rehearsal.exchange.registrations import domains_of, is_registered
from dialtone_nb.rehearsal.sip.messages import is_this_machine
from dialtone_nb.rehearsal.sip.real_time import RealTime
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.store import Store, Tables, Thing
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX, global_domain


@dataclass(frozen=True, slots=True)
class UnknownDomain:
    """No SIP domain takes this phone; why, in words for whoever sets it up."""

    reason: str


def find_domain(tables: Tables, hosts: tuple[str, ...], user: str, kind: str, own_host: str) -> Thing | UnknownDomain:
    """The SIP domain that one of these hosts names, or, where they only name this machine, the only one for a user.

    Phones say their domain in the Request-URI and have this machine as outbound proxy; the simplest of them know only
    one host, and it is this machine.
    """
    # A phone may register and call by the name of any of Twilio's edges (docs: SIP registration).
    named = [domain for domain in map(global_domain, hosts) if domain.endswith(SIP_DOMAIN_SUFFIX)]
    if named:
        domain = tables.find("sip_domain", "", named[0])
        return domain or UnknownDomain(f"{named[0]} is no SIP domain of this account")
    if not any(is_this_machine(host, own_host) for host in hosts):
        return UnknownDomain(f"{hosts[0] or 'nothing'} is no SIP domain")
    fitting = domains_of(tables, user, kind)
    if len(fitting) > 1:
        fitting = [domain for domain in fitting if is_registered(tables, domain, user)] or fitting
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        return UnknownDomain(f"no SIP domain of this account knows {user or 'this user'}")
    names = " or ".join(domain.name for domain in fitting)
    return UnknownDomain(f"which domain? Let the phone use {names}, with this machine as its outbound proxy")


def digest_secrets(tables: Tables, domain: Thing, user: str, kind: str) -> list[str]:
    """What the digests of a user are checked against: of each credential list that is mapped there, for this kind."""
    found = (tables.find("credential", mapping.name, user) for mapping in tables.list(kind, domain.sid))
    return [credential.body["digest_secret"] for credential in found if credential]


ONCE_S = 60.0  # the same alert comes at most once in this time
MOST_A_MINUTE = 60
MOST_REMEMBERED = 1000


class Alerts:
    """Alerts of what phones do wrong: a phone that tries all night, or a flood, does not fill the account with them."""

    def __init__(self, store: Store, real_time: RealTime, now: Callable[[], float]) -> None:
        self._store = store
        self._real_time = real_time
        self._now = now
        self._last: OrderedDict[tuple[int, str, str], float] = OrderedDict()
        self._recent: deque[float] = deque(maxlen=MOST_A_MINUTE)

    def may(self, code: int, resource_sid: str, who: str) -> bool:
        """Whether this alert is to be raised now; it is counted."""
        now, key = self._now(), (code, resource_sid, who)
        if now - self._last.get(key, -ONCE_S) < ONCE_S:
            return False
        if len(self._recent) == MOST_A_MINUTE and now - self._recent[0] < ONCE_S:
            return False
        self._recent.append(now)
        self._last[key] = now
        self._last.move_to_end(key)
        while len(self._last) > MOST_REMEMBERED:
            self._last.popitem(last=False)
        return True

    def raise_(self, code: int, resource_sid: str, who: str, message: str) -> None:
        """Raise an alert, unless there were too many."""
        if self.may(code, resource_sid, who):
            with self._store.transaction() as tables:
                self._real_time.catch_up(tables)
                raise_alert(tables, code, resource_sid, message)
