"""Where calls come in: a phone's SIP domain or a number, who is let in, and which URLs take the call."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from dialtone_nb.rehearsal.exchange.parameters import PHONE_ADDRESS, CallingPhone
from dialtone_nb.rehearsal.exchange.registrations import CALLS, may
from dialtone_nb.rehearsal.exchange.target_checks import owned_number
from dialtone_nb.rehearsal.http.errors import not_modelled
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.domain_access import auth_type, is_let_in
from dialtone_nb.rehearsal.state.store import Tables, Thing

# RFC 3261's way to write digits into a SIP URI: Twilio shows # as %23.
SIP_USER_SAFE = "+*-_.!~'()&=$,;?/"


@dataclass(frozen=True, slots=True)
class Callback:
    """Where progress is told, and of which events."""

    url: str = ""
    method: str = "POST"
    events: tuple[str, ...] = ("completed",)

    @property
    def counts_all(self) -> bool:
        """Whether SequenceNumber counts each event, told or not; the end alone, where only that is told, has 0.

        Recorded: 3 in 2018 where ringing, answered and completed were asked for, 0 in 2016 and 2023 where none were.
        """
        return self.events != ("completed",)


@dataclass(frozen=True, slots=True)
class Entry:
    """A call's ends, the URLs that say what becomes of it, and the phone that calls, where one does."""

    from_: str
    to: str
    voice_url: str
    voice_method: str = "POST"
    fallback_url: str = ""
    fallback_method: str = "POST"
    callback: Callback = Callback()
    phone: CallingPhone | None = None
    number_sid: str = ""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A call that never became one: no record, only SIP's answer and perhaps an alert."""

    sip_response: int
    code: int | None
    reason: str


def admit_phone(
    tables: Tables,
    domain: Thing | None,
    username: str,
    dialled: str,
    *,
    from_uri: str = "",
    to_uri: str = "",
    source_ip: str = PHONE_ADDRESS,
    sip_call_id: str = "",
    sip_headers: dict[str, str] | None = None,
) -> Entry | TurnedAway:
    """The call of a phone whose password was right, at its domain; or why it is turned away, with the alert raised."""
    if domain and auth_type(tables, domain) == "IP_ACL":
        raise not_modelled(f"calls to {domain.name}, which has an IP access control list and no credential list")
    # The address comes first (recorded 2026): who calls from elsewhere is not even asked for a password.
    if domain and not is_let_in(tables, domain, source_ip):
        reason = f"SIP: {source_ip}, which the phone calls from, is in no IP access control list of {domain.name}"
        raise_alert(tables, 32201, domain.sid, reason)
        return TurnedAway(403, 32201, reason)
    if domain is None or not may(tables, domain, username, CALLS):
        where = domain.name if domain else "any SIP domain"
        reason = f"SIP: bad user credentials: no credential list mapped for calls at {where} holds {username}"
        raise_alert(tables, 32202, domain.sid if domain else "", reason)
        return TurnedAway(403, 32202, reason)
    body = domain.body
    return Entry(
        from_=from_uri or f"sip:{username}@{domain.name}",
        to=to_uri or f"sip:{quote(dialled, safe=SIP_USER_SAFE)}@{domain.name}",
        voice_url=body["voice_url"] or "",
        voice_method=body["voice_method"],
        fallback_url=body["voice_fallback_url"] or "",
        fallback_method=body["voice_fallback_method"],
        callback=Callback(body["voice_status_callback_url"] or "", body["voice_status_callback_method"]),
        phone=CallingPhone(domain, username, source_ip, sip_call_id, sip_headers or {}),
    )


def admit_caller(tables: Tables, from_: str, to: str) -> Entry | TurnedAway:
    """The call of an outside number to one of the account's own."""
    number = owned_number(tables, to)
    if number is None:
        return TurnedAway(404, None, f"{to} is not in service: this account does not have it")
    body = number.body
    return Entry(
        from_=from_,
        to=to,
        voice_url=body["voice_url"] or "",
        voice_method=body["voice_method"],
        fallback_url=body["voice_fallback_url"] or "",
        fallback_method=body["voice_fallback_method"],
        callback=Callback(body["status_callback"] or "", body["status_callback_method"]),
        number_sid=number.sid,
    )
