"""Call setup: admitting calls from phones and outside numbers, and queuing calls that the API places."""

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

# Characters that may be unescaped in the user part of a SIP URI (RFC 3261); # is not among them and becomes %23.
SIP_USER_SAFE = "+*-_.!~'()&=$,;?/"
KIND = "outbound_call"
PROGRESS_EVENTS = ("initiated", "ringing", "answered", "completed")


@dataclass(frozen=True, slots=True)
class TwimlSource:
    """The source of a call's TwiML: a URL, perhaps with a fallback URL, or the text itself."""

    url: str = ""
    method: str = "POST"
    fallback_url: str = ""
    fallback_method: str = "POST"
    twiml: str = ""


@dataclass(frozen=True, slots=True)
class CallSetup:
    """A call's From and To, the source of its TwiML, and the calling phone, if it is one of ours."""

    from_: str
    to: str
    source: TwimlSource
    callback: StatusCallback = NOT_TOLD
    phone: CallingPhone | None = None
    number_sid: str = ""


@dataclass(frozen=True, slots=True)
class CallRefused:
    """A call that is refused before it has a record, with its SIP response and perhaps the code of an alert."""

    sip_response: int
    code: int | None
    reason: str


# --- incoming calls ---


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
    """Admit the call of an authenticated phone at its domain, or raise an alert and give back the refusal."""
    if (status := account_status(tables)) != ACTIVE:
        return _refuse(tables, domain, 10001, f"SIP: the account is {status}")
    if domain and auth_type(tables, domain) == "IP_ACL":
        raise not_modelled(f"calls to {domain.name}, which has an IP access control list and no credential list")
    # The IP address is checked first (recorded 2026): a caller from elsewhere is refused without a digest challenge.
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
    """Admit the call of an outside number to one of the account's numbers, or give back the refusal."""
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
    """The parameters of a call that the API places; times are in seconds. They are stored until the call is placed."""

    source: TwimlSource = TwimlSource()
    callback: StatusCallback = NOT_TOLD
    send_digits: str = ""
    timeout: int = 60
    time_limit: int | None = None
    username: str = ""
    password: str = field(default="", repr=False)


def keep_outbound_call(tables: Tables, call_sid: str, outbound: OutboundCall) -> None:
    """Store the parameters of a queued call until it is placed."""
    tables.add("OR", KIND, call_sid, "", asdict(outbound))


def take_outbound_call(tables: Tables, call_sid: str) -> OutboundCall | None:
    """Take the stored parameters of a queued call, in order to place it; None if another process has taken them."""
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
    """The SIDs of queued calls, oldest first."""
    return [kept.parent for kept in reversed(tables.list(KIND))]
