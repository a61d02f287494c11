"""Admission of phones: finding their SIP domain, checking credentials and secure transport, and refusing others."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from aiosipua.message import SipResponse

from dialtone_nb.rehearsal.exchange.sip_registrations import domains_of, is_registered
from dialtone_nb.rehearsal.exchange.verbs import Complaint
from dialtone_nb.rehearsal.http.errors import NOT_MODELLED
from dialtone_nb.rehearsal.sip.digest import Digest, DigestResponse, DigestStatus
from dialtone_nb.rehearsal.sip.journal import Journal
from dialtone_nb.rehearsal.sip.messages import Request, is_this_machine, refusal_of, response_to
from dialtone_nb.rehearsal.sip.real_time import RealTime
from dialtone_nb.rehearsal.sip.transport import Transport
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.store import Store, Tables, Thing
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX, global_domain

SECURE_PROFILES = ("RTP/SAVP", "RTP/SAVPF")
ONCE_S = 60.0  # the same alert is raised at most once in this time
MOST_A_MINUTE = 60
MOST_REMEMBERED = 1000
# So many wrong passwords are not slowed down: people mistype, and phones try two lines with the same password.
FREE_GUESSES = 10
LONGEST_PAUSE_S = 60.0
FORGOTTEN_S = 600.0


@dataclass(frozen=True, slots=True)
class UnknownDomain:
    """No SIP domain fits this phone, with the reason in words for the person who sets it up."""

    reason: str


class Admission:
    """What registering and calling have in common: finding the domain, the challenge, the refusal with its alert."""

    def __init__(
        self, store: Store, journal: Journal, real_time: RealTime, now: Callable[[], float], own_host: str
    ) -> None:
        self.digest = Digest(now)
        self.alerts = Alerts(store, real_time, now)
        self._guesses = WrongPasswords(now)
        self._journal = journal
        self._own_host = own_host
        self._in_words = store.behaviour.twilio_error_header == "words"

    def find_domain(self, tables: Tables, hosts: tuple[str, ...], user: str, kind: str) -> Thing | UnknownDomain:
        """The SIP domain that one of these hosts names, or, if they only name this machine, the user's only one.

        Most phones have their domain in the Request-URI and this machine as outbound proxy. The simplest ones can be
        given only one host, which is this machine.
        """
        # A phone may register and call by a domain's name at any of Twilio's edges (docs: SIP registration).
        named = [domain for domain in map(global_domain, hosts) if domain.endswith(SIP_DOMAIN_SUFFIX)]
        if named:
            domain = tables.find("sip_domain", "", named[0])
            return domain or UnknownDomain(f"{named[0]} is not a SIP domain of this account")
        if not any(is_this_machine(host, self._own_host) for host in hosts):
            return UnknownDomain(f"{hosts[0] or 'nothing'} is not a SIP domain")
        fitting = domains_of(tables, user, kind)
        if len(fitting) > 1:
            fitting = [domain for domain in fitting if is_registered(tables, domain, user)] or fitting
        if len(fitting) == 1:
            return fitting[0]
        if not fitting:
            return UnknownDomain(f"no SIP domain of this account knows {user or 'this user'}")
        names = " or ".join(domain.name for domain in fitting)
        return UnknownDomain(f"which domain? Let the phone use {names}, with this machine as its outbound proxy")

    def check(
        self, request: Request, tag: str, digest: DigestResponse | None, secrets: list[str]
    ) -> DigestStatus | SipResponse:
        """Check a digest response; after too many wrong ones from its source, any gets a 503 for a while."""
        source = request.flow.peer[0]
        if digest is not None and (wait := self._guesses.wait_s(source)) > 0:
            return response_to(request.message, 503, tag, Retry_After=str(ceil(wait)))
        status = self.digest.check(digest, request.method, secrets)
        if status is DigestStatus.WRONG:
            self._guesses.add(source)
        return status

    def challenge(self, request: Request, tag: str, status: DigestStatus) -> SipResponse:
        """The challenge for a digest response (407); it takes no memory, however many strangers ask for one."""
        challenge = self.digest.challenge(stale=status is DigestStatus.STALE)
        return response_to(request.message, 407, tag, Proxy_Authenticate=challenge)

    def refuse(
        self, request: Request, tag: str, domain: Thing, user: str, complaint: Complaint, *, status: int = 403
    ) -> SipResponse:
        """Refuse a phone: raise Twilio's alert, note it in the phone's journal, and give back the response."""
        self.alerts.raise_(complaint.code, domain.sid, user, complaint.message)
        self._journal.note(user, domain.name, "refused", f"{complaint.message} ({complaint.code})")
        return refusal_of(request.message, status, tag, complaint.code, in_words=self._in_words)


def digest_secrets(tables: Tables, domain: Thing, user: str, kind: str) -> list[str]:
    """The HA1s to check a user's digest against, from the credential lists mapped to the domain for this kind."""
    found = (tables.find("credential", mapping.name, user) for mapping in tables.list(kind, domain.sid))
    return [credential.body["digest_secret"] for credential in found if credential]


# --- domains with Secure take only TLS with SRTP; domains without it take no SRTP (docs: Secure Media) ---


def call_complaint(domain: Thing, transport: Transport, profile: str) -> Complaint | None:
    """The complaint about a call over this transport with this audio profile, such as RTP/AVP; None if it is fine."""
    is_srtp = profile.upper() in SECURE_PROFILES
    if not domain.body["secure"]:
        message = f"SIP: secure media not accepted: {domain.name} does not have Secure, and the phone offers SRTP"
        return Complaint(32207, message) if is_srtp else None
    if transport != "TLS":
        return Complaint(32209, f"SIP: secure transport required: {domain.name} was called over {transport}")
    if not is_srtp:
        return Complaint(32208, f"SIP: secure media required: {domain.name} was called without SRTP")
    return _srtp_complaint(domain)


def ringing_complaint(domain: Thing, transports: set[Transport]) -> Complaint | None:
    """The complaint about ringing phones that registered over these transports; None if it is fine."""
    if not domain.body["secure"]:
        return None
    if "TLS" not in transports:
        return Complaint(32209, f"SIP: secure transport required: no phone at {domain.name} registered over TLS")
    return _srtp_complaint(domain)


def _srtp_complaint(domain: Thing) -> Complaint:
    return Complaint(NOT_MODELLED, f"The rehearsal does not carry SRTP, which {domain.name} asks for")


class WrongPasswords:
    """Slows down password guessing: after a few wrong passwords, a source has to wait, twice as long each time.

    A right password does not reset this, because somebody who guesses may have a phone of their own here.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._guessed: OrderedDict[str, tuple[int, float]] = OrderedDict()  # by source: wrong passwords, last time

    def add(self, source: str) -> None:
        """Count one more wrong password of a source; a long enough pause resets the count."""
        times, last = self._guessed.get(source, (0, 0.0))
        now = self._now()
        self._guessed[source] = (times + 1 if now - last < FORGOTTEN_S else 1, now)
        self._guessed.move_to_end(source)
        while len(self._guessed) > MOST_REMEMBERED:
            self._guessed.popitem(last=False)

    def wait_s(self, source: str) -> float:
        """The seconds for which digest responses of a source are not checked."""
        times, last = self._guessed.get(source, (0, 0.0))
        if times < FREE_GUESSES:
            return 0.0
        pause = min(2.0 ** min(times - FREE_GUESSES, 10), LONGEST_PAUSE_S)
        return max(0.0, last + pause - self._now())


class Alerts:
    """Alerts about phones, limited in number, so that a phone that retries all night does not fill the account."""

    def __init__(self, store: Store, real_time: RealTime, now: Callable[[], float]) -> None:
        self._store = store
        self._real_time = real_time
        self._now = now
        self._last: OrderedDict[tuple[int, str, str], float] = OrderedDict()
        self._recent: deque[float] = deque(maxlen=MOST_A_MINUTE)

    def raise_(self, code: int, resource_sid: str, who: str, message: str) -> None:
        """Raise an alert, unless the limits are reached."""
        if self._may(code, resource_sid, who):
            with self._store.transaction() as tables:
                self._real_time.catch_up(tables)
                raise_alert(tables, code, resource_sid, message)

    def _may(self, code: int, resource_sid: str, who: str) -> bool:
        """Whether this alert may be raised now; counts it if so."""
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
