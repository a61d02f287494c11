"""A rehearsed account as a test has it: its client, its phones and whoever is outside, its time, and its calls."""

from __future__ import annotations

import secrets
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import requests
from twilio.rest import Client

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.rehearsal.exchange.call import LiveCall
from dialtone_nb.rehearsal.exchange.call_json import tell_call
from dialtone_nb.rehearsal.exchange.webhooks import WebhookResponse
from dialtone_nb.testing.applications import serve_application
from dialtone_nb.values.phone_numbers import is_e164

CONTROL = "rehearsal.localhost"
GOING_ON = frozenset({"queued", "ringing", "in-progress"})
LONGEST_CALL_S = 4 * 3600  # Twilio ends a call after four hours
LONGEST_BODY = 2000  # characters of a webhook's response that a story shows


@dataclass(frozen=True)
class Leg:
    """Somebody whom a call rang: how that ended, and what they heard."""

    to: str
    from_: str
    status: str
    heard: Sequence[str]
    duration_s: int
    sip_response: int | None
    sip_headers: Mapping[str, str]
    sid: str


@dataclass(frozen=True)
class Alert:
    """An alert as the Console's debugger shows it."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A webhook's response, when it came, and how much the call's own party had heard until then."""

    response: WebhookResponse
    at: datetime
    heard: int


class Call:
    """A call, as it is at the moment: who called whom, what they heard, what your application was asked."""

    def __init__(self, account: RehearsedAccount, carried: LiveCall | None, refused: Mapping[str, Any]) -> None:
        self._account = account
        self._carried = carried
        self._refused = refused
        self._asked: list[Asked] = []
        if carried:
            carried.applications.watch = self._note

    def _note(self, response: WebhookResponse) -> None:
        self._asked.append(Asked(response, self._account.now, len(self.heard)))

    @property
    def webhooks(self) -> list[WebhookResponse]:
        """What your application was asked and answered, in order."""
        return [asked.response for asked in self._asked]

    @property
    def _told(self) -> Mapping[str, Any]:
        if self._carried is None:
            return self._refused
        with self._account.rehearsal.served.store.transaction() as tables:
            return tell_call(tables, self._carried)

    @property
    def sid(self) -> str:
        """Its SID; empty where it was refused before it had any."""
        return self._carried.own.record.sid if self._carried else ""

    @property
    def from_(self) -> str:
        """Who called, as the call has it."""
        return str(self._told.get("from", ""))

    @property
    def to(self) -> str:
        """Who was called."""
        return str(self._told.get("to", ""))

    @property
    def status(self) -> str:
        """Twilio's status of it; refused where it was turned away before it was a call."""
        return str(self._told["status"])

    @property
    def duration_s(self) -> int:
        """For how long it was up, in seconds."""
        return int(self._told["duration_s"])

    @property
    def heard(self) -> list[str]:
        """What its own party heard, in order; of another leg, its `heard` tells."""
        return list(self._told["heard"])

    @property
    def legs(self) -> list[Leg]:
        """Whom it rang, in order."""
        return [
            Leg(
                to=leg["to"],
                from_=leg["from"],
                status=leg["status"],
                heard=leg["heard"],
                duration_s=leg["duration_s"],
                sip_response=leg["sip_response"],
                sip_headers=leg["sip_headers"],
                sid=leg["call_sid"],
            )
            for leg in self._told["children"]
        ]

    @property
    def alerts(self) -> list[Alert]:
        """The alerts that it raised."""
        return [Alert(alert["code"], alert["message"]) for alert in self._told["alerts"]]

    @property
    def story(self) -> str:
        """All of it, to read."""
        return "\n".join(_story_of(self))

    def __repr__(self) -> str:
        return f"<Call {self.sid or 'without SID'} from {self.from_} to {self.to}: {self.status}>"


def _story_of(call: Call) -> list[str]:
    told = [f"{call.sid or 'Call'} from {call.from_} to {call.to}: {call.status}, {call.duration_s} s"]
    if reason := call._told.get("reason"):
        told.append(f"  refused: {reason} (SIP {call._told['sip_response']})")
    heard = [f"  heard: {words}" for words in call.heard]
    before: Mapping[str, str] = {}
    shown = 0
    for asked in call._asked:
        told += [*heard[shown : asked.heard], *_webhook_lines(asked, before)]
        before, shown = asked.response.request.parameters, asked.heard
    told += heard[shown:]
    for leg in call.legs:
        ended = f" (SIP {leg.sip_response})" if leg.sip_response else ""
        told.append(f"  rang {leg.to} as {leg.from_}: {leg.status}{ended}, {leg.duration_s} s")
        told += [f"    heard: {words}" for words in leg.heard]
    told += [f"  alert {alert.code}: {alert.message}" for alert in call.alerts]
    return told


def _webhook_lines(asked: Asked, before: Mapping[str, str]) -> list[str]:
    """What was asked, with the parameters that the webhook before had not, and what came back."""
    response, request = asked.response, asked.response.request
    new = {name: value for name, value in request.parameters.items() if before.get(name) != value}
    shown = new if before else {name: new[name] for name in ("CallStatus",) if name in new}
    parameters = "".join(f"  {name}={value}" for name, value in shown.items())
    led = f"  from {response.final_url}" if response.final_url else ""
    body = textwrap.indent(response.body[:LONGEST_BODY].strip(), " " * 14).splitlines()
    return [
        f"  {asked.at:%H:%M:%S}  {request.method} {request.url}{parameters}",
        f"            -> {response.status or response.reason}  {response.content_type}{led}".rstrip(),
        *body,
    ]


@dataclass(frozen=True)
class FarSide:
    """Somebody outside, at a telephone number or a SIP address."""

    account: RehearsedAccount = field(repr=False)
    number: str

    def behaves(self, **behaviour: Any) -> Self:
        """Set how they behave whenever they are called; without any, as usual: they answer, and talk for a while."""
        self.account.order("POST", f"/numbers/{self.number}", behaviour)
        return self

    def calls(self, to: str, **behaviour: Any) -> Call:
        """Have them call a number of the account; the call, which is over."""
        return self.account.place({"from": self.number, "to": to, **behaviour})


@dataclass(frozen=True)
class Phone:
    """A telephone that is registered at a SIP domain of the account."""

    account: RehearsedAccount = field(repr=False)
    name: str
    domain: str

    @property
    def uri(self) -> str:
        """Its SIP URI, for <Sip>."""
        return f"sip:{self.name}@{self.domain}"

    def behaves(self, **behaviour: Any) -> Self:
        """Set how it behaves whenever it is rung."""
        self.account.order("POST", f"/numbers/{self.uri}", behaviour)
        return self

    def dials(self, digits: str, **behaviour: Any) -> Call:
        """Have somebody dial on it; the call, which is over."""
        return self.account.place({"client": self.name, "domain": self.domain, "dial": digits, **behaviour})

    def registers(self) -> Self:
        """Register it; it can be rung."""
        self.account.order("POST", f"/clients/{self.name}", {"registered": True, "domain": self.domain})
        return self

    def unregisters(self) -> Self:
        """End its registration, as pulling its plug does after a while."""
        self.account.order("POST", f"/clients/{self.name}", {"registered": False, "domain": self.domain})
        return self


class RehearsedAccount:
    """A fresh account of the rehearsal, for one test."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.client = Client(rehearsal.account_sid, rehearsal.auth_token)
        # Every call of the test, in the order in which they began.
        self.calls: list[Call] = []
        self._ending = ExitStack()
        self._ending.callback(self.client.http_client.session.close)
        self._session = self._ending.enter_context(requests.Session())
        self._session.trust_env = False
        rehearsal.served.exchange.watch = self._add

    def _add(self, carried: LiveCall) -> None:
        self.calls.append(Call(self, carried, {}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ending.close()

    @property
    def sid(self) -> str:
        """The account's SID."""
        return self.rehearsal.account_sid

    @property
    def auth_token(self) -> str:
        """The account's auth token; webhooks are signed with it."""
        return self.rehearsal.auth_token

    # --- who calls, and who is called ---

    def far_side(self, number: str, **behaviour: Any) -> FarSide:
        """Somebody outside at a number, who behaves so whenever they are called."""
        if not is_e164(number) and not number.startswith(("sip:", "sips:")):
            repair = "write +, the country code and the number, or a SIP URI"
            raise InputError(Fault(f"far side {number!r}", "is no telephone number", repair))
        one = FarSide(self, number)
        return one.behaves(**behaviour) if behaviour else one

    def phone(self, name: str, *, domain: str = "phones.sip.twilio.com", voice_url: str = "", **options: Any) -> Phone:
        """A registered phone; the SIP domain, credential list and mappings that it needs are made where missing.

        `voice_url` and the other options are a new domain's.
        """
        sip = self.client.sip
        known = next((one for one in sip.domains.list() if one.domain_name == domain), None)
        if known is None:
            known = sip.domains.create(domain_name=domain, voice_url=voice_url, sip_registration=True, **options)
        mappings = sip.domains(known.sid).auth.registrations.credential_list_mappings
        listed = [mapping.sid for mapping in mappings.list()]
        if not listed:
            listed = [sip.credential_lists.create(f"phones of {domain}").sid]
            mappings.create(listed[0])
            sip.domains(known.sid).auth.calls.credential_list_mappings.create(listed[0])
        users = {one.username for sid in listed for one in sip.credential_lists(sid).credentials.list()}
        if name not in users:
            password = f"Aa1{secrets.token_hex(8)}"
            sip.credential_lists(listed[0]).credentials.create(username=name, password=password)
        return Phone(self, name, domain).registers()

    def serve(self, application: Any, host: str = "") -> str:
        """The URL at which a WSGI or ASGI application answers until the test is over.

        It is on this machine; with a `host`, https:// under that name, as behind a proxy that terminates TLS.
        """
        url = self._ending.enter_context(serve_application(application))
        if not host:
            return url
        self.order("POST", "/servers", {"host": host, "address": url})
        return f"https://{host}"

    # --- time ---

    @property
    def now(self) -> datetime:
        """The simulated time, which calls and waits move, and requests do not."""
        with self.rehearsal.served.store.transaction() as tables:
            return datetime.fromtimestamp(tables.now(), UTC)

    def wait(self, seconds: float) -> None:
        """Let simulated time pass, with all that happens in it."""
        self.order("POST", "/clock", {"advance_s": seconds})

    def finish_calls(self) -> None:
        """Let simulated time pass until no call is going on: those that the API placed go on only when time does."""
        waited = 0
        while waited < LONGEST_CALL_S and any(call.status in GOING_ON for call in self.client.calls.list()):
            self.wait(60)
            waited += 60

    # --- what happened ---

    @property
    def alerts(self) -> list[Alert]:
        """Every alert of the test, in order."""
        with self.rehearsal.served.store.transaction() as tables:
            listed = tables.list("alert", "")
        return [Alert(int(one.body["error_code"]), one.body["message"]) for one in reversed(listed)]

    def story(self) -> str:
        """All that happened, to read: each call from its beginning to its end, then alerts that no call raised."""
        told = [call.story for call in self.calls]
        known = [alert for call in self.calls for alert in call.alerts]
        told += [f"alert {one.code}: {one.message}" for one in self.alerts if one not in known]
        return "\n".join(told or ["no call and no alert"])

    def all_sids(self) -> list[str]:
        """The SIDs of all that is on the account."""
        with self.rehearsal.served.store.transaction() as tables:
            return [sid for (sid,) in tables.sql.execute("SELECT sid FROM things UNION ALL SELECT sid FROM calls")]

    # --- orders to the rehearsal itself ---

    def place(self, order: Mapping[str, Any]) -> Call:
        """Place a call as the rehearsal's own host takes it; the call, which is over."""
        told = self.order("POST", "/calls", order)
        if told["call_sid"]:
            return next(call for call in self.calls if call.sid == told["call_sid"])
        ends = {"from": order.get("from") or order.get("client"), "to": order.get("to") or order.get("dial")}
        self.calls.append(call := Call(self, None, {**ends, **told}))
        return call

    def order(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """What rehearsal.localhost answers to an order (docs/rehearsal.md); an `InputError` where it refuses."""
        response = self._session.request(
            method,
            self.rehearsal.url + path,
            json=body,
            headers={"Host": CONTROL},
            auth=(self.sid, self.auth_token),
            timeout=60,
        )
        said: Any = response.json() if response.content else None
        if not response.ok:
            raise InputError(Fault(f"{method} {path}", said["message"]))
        return said
