"""REGISTER: a phone says where it is, proves who it is, and is kept, or is told why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from aiosipua.headers import Address, parse_address
from aiosipua.message import SipResponse

from dialtone_nb.rehearsal.exchange.registrations import REGISTRATIONS
from dialtone_nb.rehearsal.sip.admission import Alerts, UnknownDomain, digest_secrets, find_domain
from dialtone_nb.rehearsal.sip.digest import Digest, DigestResponse, DigestStatus, read_digest_response
from dialtone_nb.rehearsal.sip.journal import Journal
from dialtone_nb.rehearsal.sip.messages import Request, uri_in
from dialtone_nb.rehearsal.sip.registrar import (
    DEFAULT_EXPIRY_S,
    MOST_BINDINGS,
    Aor,
    Binding,
    LocationService,
    OutOfOrder,
    TooManyBindings,
    clamped,
)
from dialtone_nb.rehearsal.sip.responses import refused, response_to
from dialtone_nb.rehearsal.sip.transport import Flow
from dialtone_nb.rehearsal.state.store import Store, Thing
from dialtone_nb.values.sip import parse_sip_uri

LONGEST_CONTACT = 512
RETRY_AFTER_S = 5
# Twilio documents the warnings 32007 and 32008, not what the phone is answered: these two are assumptions.
TOO_MANY_BINDINGS, TOO_FAST = 403, 503


@dataclass(frozen=True, slots=True)
class RequestedBindings:
    """What a REGISTER wants: contacts with the seconds they ask for, or every contact gone."""

    contacts: tuple[tuple[str, int], ...] = ()
    removes_all: bool = False


class SipRegistrar:
    """Answers REGISTER. `own_host` is the address that phones have of this machine."""

    def __init__(
        self,
        store: Store,
        registrar: LocationService,
        digest: Digest,
        alerts: Alerts,
        journal: Journal,
        now: Callable[[], float],
        own_host: str,
    ) -> None:
        self._store = store
        self._registrar = registrar
        self._digest = digest
        self._alerts = alerts
        self._journal = journal
        self._now = now
        self._own_host = own_host

    def answer(self, request: Request, tag: str) -> SipResponse:
        """The response to a REGISTER; a 407 costs nothing and keeps nothing."""
        user, to_host = parse_sip_uri(uri_in(request.header("To")))
        answer = read_digest_response(
            request.message.headers.get("Proxy-Authorization") + request.message.headers.get("Authorization")
        )
        with self._store.transaction() as tables:
            domain = find_domain(tables, (to_host, request.host), user, REGISTRATIONS, self._own_host)
            if isinstance(domain, UnknownDomain):
                return response_to(request.message, 404, tag, reason=f"Not Found: {domain.reason}")
            is_open = bool(domain.body["sip_registration"])
            is_mapped = tables.count(REGISTRATIONS, domain.sid) > 0
            secrets = digest_secrets(tables, domain, answer.username, REGISTRATIONS) if answer else []
        if not is_open:
            message = f"SIP registration is not enabled on {domain.name}"
            return self._refuse(request, tag, domain, user, 32210, message)
        if not is_mapped:
            message = f"{domain.name} has no credential list mapped for registrations"
            return self._refuse(request, tag, domain, user, 32212, message)
        return self._prove(request, tag, domain, user, answer, secrets)

    def _prove(
        self, request: Request, tag: str, domain: Thing, user: str, answer: DigestResponse | None, secrets: list[str]
    ) -> SipResponse:
        verdict = self._digest.judge(answer, "REGISTER", secrets)
        if answer is None or verdict in {DigestStatus.ABSENT, DigestStatus.STALE}:
            challenge = self._digest.challenge(stale=verdict is DigestStatus.STALE)
            return response_to(request.message, 407, tag, Proxy_Authenticate=challenge)
        if verdict is DigestStatus.WRONG:
            known = "its password is wrong" if secrets else f"no list mapped for registrations holds {answer.username}"
            message = f"Registration of {user} at {domain.name} refused: {known}"
            return self._refuse(request, tag, domain, user, 32212, message)
        if answer.username != user:
            message = f"{answer.username} may not register as {user}: the auth name must be the user name"
            return self._refuse(request, tag, domain, answer.username, 32106, message)
        return self._keep(request, tag, domain, user)

    def _keep(self, request: Request, tag: str, domain: Thing, user: str) -> SipResponse:
        aor, now = (user, domain.name), self._now()
        if self._registrar.is_too_fast(aor, now):
            self._alerts.raise_(32008, domain.sid, user, f"More than 5 REGISTER a second of {user} at {domain.name}")
            return response_to(request.message, TOO_FAST, tag, Retry_After=str(RETRY_AFTER_S))
        asked = read_contacts(request)
        if asked is None:
            return response_to(request.message, 400, tag, reason="Bad Contact")
        try:
            self._change(aor, domain, request, asked, now)
        except OutOfOrder:
            return response_to(request.message, 500, tag, reason="Out of order")
        except TooManyBindings:
            message = f"{user} at {domain.name} has {MOST_BINDINGS} bindings already"
            self._alerts.raise_(32007, domain.sid, user, message)
            self._journal.note(user, domain.name, "refused", message)
            return response_to(request.message, TOO_MANY_BINDINGS, tag)
        response = response_to(request.message, 200, tag, Date=formatdate(usegmt=True))
        for one in self._registrar.bindings(aor, now):
            response.headers.append("Contact", f"<{one.contact}>;expires={round(one.expires_at - now)}")
        return response

    def _change(self, aor: Aor, domain: Thing, request: Request, asked: RequestedBindings, now: float) -> None:
        contacts = asked.contacts
        if asked.removes_all:
            contacts = tuple((one.contact, 0) for one in self._registrar.bindings(aor, now))
        for contact, expiry_s in contacts:
            if not expiry_s:
                if self._registrar.unbind(aor, contact, request.call_id, request.cseq):
                    self._journal.note(*aor, "unregistered", _from_where(request.flow))
                continue
            agent = request.header("User-Agent")[:100]
            binding = Binding(contact, request.flow, request.call_id, request.cseq, now + expiry_s, agent, since=now)
            is_new = self._registrar.bind(aor, binding, now)
            detail = f"{agent or 'a phone'}, {_from_where(request.flow)}, for {expiry_s} s"
            self._journal.note(*aor, "registered" if is_new else "refreshed", detail)
        self.settle(aor, domain.sid)

    def settle(self, aor: Aor, domain_sid: str) -> None:
        """Let the account know whether the phone is registered, as its calls ask for it."""
        user, _ = aor
        is_bound = bool(self._registrar.bindings(aor, self._now()))
        with self._store.transaction() as tables:
            known = tables.find("registration", domain_sid, user)
            if is_bound and not known:
                tables.add("RG", "registration", domain_sid, user, {"door": True})
            elif known and not is_bound:
                tables.remove(known.sid)

    def expire(self) -> None:
        """Phones that did not refresh in time are registered no more."""
        for aor, _ in list(self._registrar.expire(self._now())):
            self._journal.note(*aor, "lost", "it did not refresh its registration in time")
            with self._store.transaction() as tables:
                domain = tables.find("sip_domain", "", aor[1])
            if domain:
                self.settle(aor, domain.sid)

    def forget_all(self) -> None:
        """Phones of an earlier door are not registered at this one."""
        with self._store.transaction() as tables:
            for one in tables.list("registration"):
                if one.body.get("door"):
                    tables.remove(one.sid)

    def _refuse(self, request: Request, tag: str, domain: Thing, user: str, code: int, message: str) -> SipResponse:
        self._alerts.raise_(code, domain.sid, user, message)
        self._journal.note(user, domain.name, "refused", f"{message} ({code})")
        return refused(request.message, 403, tag, code)


def read_contacts(request: Request) -> RequestedBindings | None:
    """What a REGISTER wants; None where its Contact or Expires can't be read. No contact asks what is known."""
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
    # Without brackets, aiosipua takes a parameter for the URI's (RFC 3261, 20, says that it is the header's).
    asked = contact.params.get("expires") or contact.uri.params.get("expires")
    return int(asked.strip('"')) if asked else default


def is_reachable(contact: str) -> bool:
    """Whether a contact is a SIP URI that a request could be sent with."""
    return len(contact) <= LONGEST_CONTACT and bool(parse_sip_uri(contact)[1]) and contact.isprintable()


def _from_where(flow: Flow) -> str:
    return f"{flow.transport} from {flow.peer[0]}:{flow.peer[1]}"
