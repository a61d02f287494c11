"""The registrar (RFC 3261, 10.3): authenticates REGISTER requests, and binds or refuses their phones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from aiosipua.headers import Address, parse_address
from aiosipua.message import SipResponse

from dialtone_nb.rehearsal.exchange.sip_registrations import REGISTRATIONS
from dialtone_nb.rehearsal.exchange.verbs import Complaint
from dialtone_nb.rehearsal.sip.admission import Admission, UnknownDomain, digest_secrets
from dialtone_nb.rehearsal.sip.digest import DigestStatus, read_digest_response
from dialtone_nb.rehearsal.sip.journal import Journal
from dialtone_nb.rehearsal.sip.location_service import (
    DEFAULT_EXPIRY_S,
    MOST_BINDINGS,
    Aor,
    Binding,
    LocationService,
    OutOfOrder,
    TooManyBindings,
    clamped,
)
from dialtone_nb.rehearsal.sip.messages import Request, response_to, uri_in
from dialtone_nb.rehearsal.sip.transport import Flow
from dialtone_nb.rehearsal.state.store import Store, Thing
from dialtone_nb.values.sip import parse_sip_uri

LONGEST_CONTACT = 512
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class RequestedBindings:
    """The bindings that a REGISTER asks for: contacts with their expiry in seconds, or the removal of all."""

    contacts: tuple[tuple[str, int], ...] = ()
    removes_all: bool = False


@dataclass(frozen=True, slots=True)
class SipRegistrar:
    """Answers REGISTER, and keeps the account's registrations in step with the location service."""

    store: Store
    locations: LocationService
    admission: Admission
    journal: Journal
    now: Callable[[], float]

    def answer(self, request: Request, tag: str) -> SipResponse:
        """The response to a REGISTER, whose bindings are added, refreshed or removed."""
        user, to_host = parse_sip_uri(uri_in(request.header("To")))
        digest = read_digest_response(request.message)
        with self.store.transaction() as tables:
            domain = self.admission.find_domain(tables, (to_host, request.host), user, REGISTRATIONS)
            if isinstance(domain, UnknownDomain):
                return response_to(request.message, 404, tag, reason=f"Not Found: {domain.reason}")
            is_mapped = tables.count(REGISTRATIONS, domain.sid) > 0
            secrets = digest_secrets(tables, domain, digest.username, REGISTRATIONS) if digest else []

        def refuse(code: int, message: str, who: str = user) -> SipResponse:
            return self.admission.refuse(request, tag, domain, who, Complaint(code, message))

        if not domain.body["sip_registration"]:
            return refuse(32210, f"SIP registration is not enabled on {domain.name}")
        if not is_mapped:
            return refuse(32212, f"{domain.name} has no credential list mapped for registrations")
        status = self.admission.check(request, tag, digest, secrets)
        if isinstance(status, SipResponse):
            return status
        if digest is None or status in {DigestStatus.ABSENT, DigestStatus.STALE}:
            return self.admission.challenge(request, tag, status)
        if status is DigestStatus.WRONG:
            known = "its password is wrong" if secrets else f"no list mapped for registrations holds {digest.username}"
            return refuse(32212, f"Registration of {user} at {domain.name} refused: {known}")
        if digest.username != user:
            message = f"{digest.username} may not register as {user}: the auth name must be the user name"
            return refuse(32106, message, who=digest.username)
        return self._keep(request, tag, domain, user)

    def _keep(self, request: Request, tag: str, domain: Thing, user: str) -> SipResponse:
        aor, now = (user, domain.name), self.now()
        if self.locations.is_too_fast(aor, now):
            self.admission.alerts.raise_(
                32008, domain.sid, user, f"More than 5 REGISTER a second of {user} at {domain.name}"
            )
            return response_to(
                request.message, self.store.behaviour.too_fast_response, tag, Retry_After=str(RETRY_AFTER_S)
            )
        asked = read_contacts(request)
        if asked is None:
            return response_to(request.message, 400, tag, reason="Bad Contact")
        try:
            self._change(aor, domain, request, asked, now)
        except OutOfOrder:
            return response_to(request.message, 500, tag, reason="Out of order")
        except TooManyBindings:
            message = f"{user} at {domain.name} has {MOST_BINDINGS} bindings already"
            self.admission.alerts.raise_(32007, domain.sid, user, message)
            self.journal.note(user, domain.name, "refused", message)
            return response_to(request.message, self.store.behaviour.too_many_bindings_response, tag)
        response = response_to(request.message, 200, tag, Date=formatdate(usegmt=True))
        for one in self.locations.bindings(aor, now):
            response.headers.append("Contact", f"<{one.contact}>;expires={round(one.expires_at - now)}")
        return response

    def _change(self, aor: Aor, domain: Thing, request: Request, asked: RequestedBindings, now: float) -> None:
        contacts = asked.contacts
        if asked.removes_all:
            contacts = tuple((one.contact, 0) for one in self.locations.bindings(aor, now))
        for contact, expiry_s in contacts:
            if not expiry_s:
                if self.locations.unbind(aor, contact, request.call_id, request.cseq):
                    self.journal.note(*aor, "unregistered", _from_where(request.flow))
                continue
            agent = request.header("User-Agent")[:100]
            binding = Binding(contact, request.flow, request.call_id, request.cseq, now + expiry_s, agent, since=now)
            is_new = self.locations.bind(aor, binding, now)
            detail = f"{agent or 'a phone'}, {_from_where(request.flow)}, for {expiry_s} s"
            self.journal.note(*aor, "registered" if is_new else "refreshed", detail)
        self._settle(aor, domain.sid)

    def _settle(self, aor: Aor, domain_sid: str) -> None:
        """Record in the account whether the phone is registered, which calls to it check."""
        user, _ = aor
        is_bound = bool(self.locations.bindings(aor, self.now()))
        with self.store.transaction() as tables:
            known = tables.find("registration", domain_sid, user)
            if is_bound and not known:
                tables.add("RG", "registration", domain_sid, user, {"door": True})
            elif known and not is_bound:
                tables.remove(known.sid)

    def expire(self) -> None:
        """Remove the registrations of phones that did not refresh them in time."""
        for aor, _ in list(self.locations.expire(self.now())):
            self.journal.note(*aor, "lost", "it did not refresh its registration in time")
            with self.store.transaction() as tables:
                domain = tables.find("sip_domain", "", aor[1])
            if domain:
                self._settle(aor, domain.sid)

    def forget_all(self) -> None:
        """Remove all registrations of real phones: those of an earlier endpoint have no binding here."""
        with self.store.transaction() as tables:
            for one in tables.list("registration"):
                if one.body.get("door"):
                    tables.remove(one.sid)


def read_contacts(request: Request) -> RequestedBindings | None:
    """The bindings that a REGISTER asks for; None if Contact or Expires is invalid. Without Contact it is a query."""
    values = request.message.headers.get("Contact")
    try:
        default = int(request.header("Expires") or DEFAULT_EXPIRY_S)
        if "*" in [value.strip() for value in values]:
            return RequestedBindings(removes_all=True) if len(values) == 1 and default == 0 else None
        asked = tuple((uri_in(value), clamped(_expiry(parse_address(value), default))) for value in values)
    except ValueError:
        return None
    if len(asked) > MOST_BINDINGS or not all(is_reachable(contact) for contact, _ in asked):
        return None
    return RequestedBindings(asked)


def _expiry(contact: Address, default: int) -> int:
    # Without brackets, parameters belong to the header (RFC 3261, 20), but aiosipua takes them for the URI's.
    asked = contact.params.get("expires") or contact.uri.params.get("expires")
    return int(asked.strip('"')) if asked else default


def is_reachable(contact: str) -> bool:
    """Whether a contact is a usable SIP URI."""
    return len(contact) <= LONGEST_CONTACT and bool(parse_sip_uri(contact)[1]) and contact.isprintable()


def _from_where(flow: Flow) -> str:
    return f"{flow.transport} from {flow.peer[0]}:{flow.peer[1]}"
