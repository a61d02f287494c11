"""How a call begins: a phone or an outside number calls and is let in, or the API asks for a call to be placed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from dialtone_nb.rehearsal.exchange.sip_registrations import CALLS, may
from dialtone_nb.rehearsal.exchange.verbs import NOT_TOLD, StatusCallback
from dialtone_nb.rehearsal.exchange.webhooks import PHONE_ADDRESS, CallingPhone
from dialtone_nb.rehearsal.http.errors import not_modelled
from dialtone_nb.rehearsal.state.account_status import ACTIVE, account_status
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.domain_access import auth_type, is_let_in
from dialtone_nb.rehearsal.state.store import Tables, Thing

# RFC 3261's way to write digits into a SIP URI: Twilio shows # as %23.
SIP_USER_SAFE = "+*-_.!~'()&=$,;?/"
KIND = "outbound_call"
PROGRESS_EVENTS = ("initiated", "ringing", "answered", "completed")


@dataclass(frozen=True, slots=True)
class TwimlSource:
    """Where a call's TwiML comes from: a URL with perhaps a fallback, or the text itself."""

    url: str = ""
    method: str = "POST"
    fallback_url: str = ""
    fallback_method: str = "POST"
    twiml: str = ""


@dataclass(frozen=True, slots=True)
class CallSetup:
    """A call's ends, the TwiML that says what becomes of it, and the phone that calls, where one does."""

    from_: str
    to: str
    source: TwimlSource
    callback: StatusCallback = NOT_TOLD
    phone: CallingPhone | None = None
    number_sid: str = ""


@dataclass(frozen=True, slots=True)
class CallRefused:
    """A call that is refused before it has a record: its SIP response, and perhaps the code of an alert."""

    sip_response: int
    code: int | None
    reason: str


# --- calls that come in ---


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
) -> CallSetup | CallRefused:
    """The call of a phone whose password was right, at its domain; or why it is refused, with the alert raised."""
    if (status := account_status(tables)) != ACTIVE:
        return _refuse(tables, domain, 10001, f"SIP: the account is {status}")
    if domain and auth_type(tables, domain) == "IP_ACL":
        raise not_modelled(f"calls to {domain.name}, which has an IP access control list and no credential list")
    # The address is checked first (recorded 2026): a caller from elsewhere is not even asked for a password.
    if domain and not is_let_in(tables, domain, source_ip):
        reason = f"SIP: {source_ip}, which the phone calls from, is in no IP access control list of {domain.name}"
        return _refuse(tables, domain, 32201, reason)
    if domain is None or not may(tables, domain, username, CALLS):
        where = domain.name if domain else "any SIP domain"
        reason = f"SIP: bad user credentials: no credential list mapped for calls at {where} holds {username}"
        return _refuse(tables, domain, 32202, reason)
    return CallSetup(
        from_=from_uri or f"sip:{username}@{domain.name}",
        to=to_uri or f"sip:{quote(dialled, safe=SIP_USER_SAFE)}@{domain.name}",
        source=_voice_source(domain.body),
        callback=StatusCallback(
            domain.body["voice_status_callback_url"] or "", domain.body["voice_status_callback_method"]
        ),
        phone=CallingPhone(domain, username, source_ip, sip_call_id, sip_headers or {}),
    )


def _refuse(tables: Tables, domain: Thing | None, code: int, reason: str) -> CallRefused:
    raise_alert(tables, code, domain.sid if domain else "", reason)
    return CallRefused(403, code, reason)


def admit_caller(tables: Tables, from_: str, to: str) -> CallSetup | CallRefused:
    """The call of an outside number to one of the account's own."""
    number = tables.find("phone_number", "", to)
    if number is None:
        return CallRefused(404, None, f"{to} is not in service: this account does not have it")
    if (status := account_status(tables)) != ACTIVE:
        raise_alert(tables, 10003, number.sid, f"Incoming call to {to} refused: the account is {status}")
        return CallRefused(403, 10003, f"the account is {status}")
    callback = StatusCallback(number.body["status_callback"] or "", number.body["status_callback_method"])
    return CallSetup(from_, to, _voice_source(number.body), callback, number_sid=number.sid)


def _voice_source(body: dict[str, Any]) -> TwimlSource:
    return TwimlSource(
        body["voice_url"] or "",
        body["voice_method"],
        body["voice_fallback_url"] or "",
        body["voice_fallback_method"],
    )


# --- calls that the API places ---


@dataclass(frozen=True, slots=True)
class OutboundCall:
    """How a call is to be placed; times are in seconds. A password for SIP is kept until the call is carried out."""

    source: TwimlSource = TwimlSource()
    callback: StatusCallback = NOT_TOLD
    send_digits: str = ""
    timeout: int = 60
    time_limit: int | None = None
    username: str = ""
    password: str = field(default="", repr=False)


def keep_outbound_call(tables: Tables, call_sid: str, outbound: OutboundCall) -> None:
    """Keep what the API asked for until the call is carried out."""
    tables.add("OR", KIND, call_sid, "", asdict(outbound))


def take_outbound_call(tables: Tables, call_sid: str) -> OutboundCall | None:
    """Take what was kept for a call, which the taker carries; None where another process took it."""
    for kept in tables.list(KIND, call_sid):
        tables.remove(kept.sid)
        callback = kept.body["callback"]
        return OutboundCall(
            **kept.body
            | {
                "source": TwimlSource(**kept.body["source"]),
                "callback": StatusCallback(**callback | {"events": tuple(callback["events"])}),
            }
        )
    return None


def waiting_calls(tables: Tables) -> list[str]:
    """The calls that still wait to be placed, oldest first."""
    return [kept.parent for kept in reversed(tables.list(KIND))]
