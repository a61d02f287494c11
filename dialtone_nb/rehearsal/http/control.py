"""The rehearsal's own API, at rehearsal.localhost: calls, phones, the clock, faults, counts of requests."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, TypeGuard
from urllib.parse import unquote, urlsplit

import orjson

from dialtone_nb.errors import InputError
from dialtone_nb.rehearsal.exchange.exchange import Exchange
from dialtone_nb.rehearsal.exchange.simulated_behaviour import (
    BEHAVIOUR,
    party_body,
    read_party,
    read_simulated_call,
    set_party,
)
from dialtone_nb.rehearsal.exchange.sip_registrations import RegistrationRefused, list_phones, register, unregister
from dialtone_nb.rehearsal.functions.fence import describe_fence
from dialtone_nb.rehearsal.http.errors import Refusal, not_modelled
from dialtone_nb.rehearsal.http.eventual_consistency import Lag
from dialtone_nb.rehearsal.http.faults import InjectedFaults, read_fault
from dialtone_nb.rehearsal.http.operations import ApiResponse
from dialtone_nb.rehearsal.http.own_servers import add_own_server, list_own_servers
from dialtone_nb.rehearsal.http.requests import HttpRequest
from dialtone_nb.rehearsal.http.sip_control import PATHS, SipControl
from dialtone_nb.rehearsal.state.account_status import account_status, set_account_status
from dialtone_nb.rehearsal.state.clock import LATEST, iso8601
from dialtone_nb.rehearsal.state.history import MOST_DAYS, fill_history
from dialtone_nb.rehearsal.state.store import Store

MOST_CALLS: Final = 100_000
CONTROL_HOSTS = frozenset({"rehearsal.localhost", "localhost", "127.0.0.1"})


# A browser says from where a request comes: from a page of another site, or of another port of this machine.
FOREIGN_SITES: Final = frozenset({"cross-site", "same-site"})
UNPROVED: Final = (
    "What leaves this machine takes the account's SID and auth token, as Twilio's API does (HTTP Basic); "
    "the rehearsal's command prints them"
)


def check_sender(request: HttpRequest) -> None:
    """Refuse what a web page open in this machine's browser could send without its user's intent.

    A page can send any request to loopback, only not JSON without being asked first (CORS), and its browser adds who
    it is. Host is a loopback name already, or no request comes here, so a name that was rebound to 127.0.0.1 is none.
    """
    headers = request.headers
    origin = headers.get("origin")
    is_page_opened = (request.method, request.path) == ("GET", "/phones") and (
        headers.get("sec-fetch-mode"),
        headers.get("sec-fetch-dest"),
    ) == ("navigate", "document")
    is_foreign = headers.get("sec-fetch-site") in FOREIGN_SITES and not is_page_opened
    if is_foreign or (origin is not None and urlsplit(origin).netloc != headers.get("host")):
        raise Refusal(20403, "The rehearsal takes no orders from web pages", 403)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if (request.method == "POST" or request.body) and kind != "application/json":
        raise Refusal(20415, "rehearsal.localhost takes JSON alone, with Content-Type: application/json", 415)


def leaves_this_machine(method: str, name: str, body: bytes) -> bool:
    """Whether a request lets others in, or calls and requests out: a trunk, SIP for a network, another server."""
    if (method, name) != ("POST", "door"):
        return (method, name) == ("POST", "servers")
    from dialtone_nb.rehearsal.sip.address import DEFAULT, is_loopback, read_address

    said = _read(body)
    try:
        host, _ = read_address(str(said.get("address") or DEFAULT))
    except argparse.ArgumentTypeError:
        return False  # there is no such address, so nothing will be opened
    return bool(said.get("trunk") or said.get("beyond_this_machine")) or not is_loopback(host)


@dataclass(frozen=True, slots=True)
class Control:
    """Answers at rehearsal.localhost."""

    store: Store
    exchange: Exchange
    sip: SipControl
    faults: InjectedFaults
    lag: Lag
    requests: Counter[str]

    async def answer(self, request: HttpRequest) -> ApiResponse:
        """Answer a request, in JSON both ways; a Refusal to a sender who is not allowed.

        What concerns real phones is answered by the process that has the SIP endpoint open: their calls ring there.
        """
        check_sender(request)
        method, path, body = request.method, request.path, request.body
        name = path.strip("/")
        if leaves_this_machine(method, name, body):
            with self.store.transaction() as tables:
                known = tables.identity
            if known.user_of(request.headers.get("authorization", "")) not in {known.account_sid, known.api_key_sid}:
                raise Refusal(20003, UNPROVED, 401)
        if name in PATHS or (method, name) == ("POST", "calls"):
            if forwarded := await self.sip.forward(method, path, body):
                return forwarded
            if name in PATHS and (answered := await self.sip.answer(method, name, _read(body))):
                return answered
        return await self._answer_here(method, path, body)

    async def _answer_here(self, method: str, path: str, body: bytes) -> ApiResponse:
        match (method, path.strip("/").split("/")):
            case ("GET", [""]):
                return ApiResponse(200, self.about())
            case ("GET", ["clock"]):
                return ApiResponse(200, self.clock())
            case ("POST", ["clock"]):
                return ApiResponse(200, await self.advance(_read(body)))
            case ("POST", ["calls"]):
                # In another thread: the call asks webhooks, which this very server answers.
                return ApiResponse(
                    201, await asyncio.wrap_future(self.exchange.queue(read_simulated_call(_read(body))))
                )
            case ("POST", ["history"]):
                return ApiResponse(201, await asyncio.to_thread(self.fill_history, _read(body)))
            case ("GET", ["clients"]):
                return ApiResponse(200, {"clients": list_phones(self.store)})
            case ("POST", ["clients", client]):
                return self.set_registered(client, _read(body))
            case ("POST", ["numbers", number]):
                return self.set_party(unquote(number), _read(body))
            case ("POST", ["account"]):
                return self.set_account(_read(body))
            case ("GET", ["servers"]):
                return ApiResponse(200, {"servers": list_own_servers(self.store)})
            case ("POST", ["servers"]):
                said = _read(body)
                return ApiResponse(
                    201, add_own_server(self.store, str(said.get("host", "")), str(said.get("address", "")))
                )
        return self.answer_about_requests(method, path, body)

    def answer_about_requests(self, method: str, path: str, body: bytes) -> ApiResponse:
        """Answer what concerns the requests to Twilio's API: faults, lists that lag, and counts."""
        match (method, path.strip("/")):
            case ("POST", "faults"):
                self.faults.add(read_fault(_read(body)))
                return ApiResponse(201, {})
            case ("DELETE", "faults"):
                self.faults.clear()
                return ApiResponse(204)
            case ("POST", "lag"):
                return self.set_lag(_read(body))
            case ("GET", "requests"):
                return ApiResponse(
                    200, {"total": self.requests.total(), "requests": dict(sorted(self.requests.items()))}
                )
            case ("DELETE", "requests"):
                self.requests.clear()
                return ApiResponse(204)
        raise not_modelled(f"{method} {path} at rehearsal.localhost")

    def set_party(self, address: str, behaviour: dict[str, Any]) -> ApiResponse:
        """Set how the far side at a number or a SIP address behaves from now on; an empty object is as usual."""
        party = read_party(behaviour)
        with self.store.transaction() as tables:
            set_party(tables, address, party)
        return ApiResponse(200, {"address": address, "behaviour": party_body(party)})

    def set_registered(self, client: str, body: dict[str, Any]) -> ApiResponse:
        """Register a phone, or end its registration; a 403 with the alert's code where it is turned away.

        What else is said of it is how it behaves there when it is rung.
        """
        registered, domain = body.get("registered", False), str(body.get("domain", ""))
        if not isinstance(registered, bool):
            raise Refusal(20001, "registered must be true or false")
        behaviour = {name: value for name, value in body.items() if name in BEHAVIOUR}
        read_party(behaviour)
        if not registered:
            unregister(self.store, client, domain)
            return ApiResponse(200, {"client": client, "registered": False})
        where = register(self.store, client, domain)
        if isinstance(where, RegistrationRefused):
            raise Refusal(where.code, where.message, 403)
        if behaviour:
            self.set_party(f"sip:{client}@{where}", behaviour)
        return ApiResponse(200, {"client": client, "registered": True, "domain": where})

    def set_account(self, body: dict[str, Any]) -> ApiResponse:
        """Suspend the account, close it, or make it active again: Twilio carries calls of an active one alone."""
        with self.store.transaction() as tables:
            set_account_status(tables, body.get("status"))
            return ApiResponse(200, {"status": account_status(tables)})

    def set_lag(self, body: dict[str, Any]) -> ApiResponse:
        """Set for how many reads lists lag behind creations and deletions from now on."""
        reads = body.get("reads")
        if not isinstance(reads, int) or isinstance(reads, bool) or reads < 0:
            raise Refusal(20001, 'Lists lag with {"reads": how many}, and no longer with {"reads": 0}')
        self.lag.reads = reads
        return ApiResponse(200, {"reads": reads})

    def about(self) -> dict[str, Any]:
        """Describe the rehearsal: whose account it is, and that it is not Twilio."""
        identity = self.store.identity
        return {
            "rehearsal": "This is not Twilio.",
            "account_sid": identity.account_sid,
            "seed": identity.seed,
            "functions": f"kept in by {describe_fence()}",
        }

    def clock(self) -> dict[str, Any]:
        """The simulated time."""
        with self.store.transaction() as tables:
            now = tables.now()
        return {"now": iso8601(now), "seconds": now}

    def fill_history(self, body: dict[str, Any]) -> dict[str, Any]:
        """Give an account without calls this many calls in the days before now; return how many it has."""
        days, calls = body.get("days"), body.get("calls")
        if not (_is_count(days, MOST_DAYS) and _is_count(calls, MOST_CALLS)):
            raise Refusal(20001, f'A past is {{"days": 1 to {MOST_DAYS}, "calls": 1 to {MOST_CALLS}}}')
        try:
            truth = fill_history(self.store, days=days, calls=calls, seed=self.store.identity.seed)
        except InputError as error:
            raise Refusal(20001, str(error)) from None
        return {"calls": len(truth["attempts"]), "since": truth["since"], "until": truth["until"]}

    async def advance(self, body: dict[str, Any]) -> dict[str, Any]:
        """Let simulated time pass; return the time after it."""
        seconds = body.get("advance_s")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            raise Refusal(20001, 'Time passes with {"advance_s": seconds}, and never backwards')
        if self.clock()["seconds"] + seconds > LATEST:
            raise Refusal(20001, f"Time passes until {iso8601(LATEST)[:10]} here, and no further")
        await self.exchange.pass_time(seconds)
        return self.clock()


def _read(body: bytes) -> dict[str, Any]:
    try:
        read = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise Refusal(20001, f"The body is not JSON: {error}") from None
    if not isinstance(read, dict):
        raise Refusal(20001, "The body must be a JSON object")
    return read


def _is_count(number: object, most: int) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= most
