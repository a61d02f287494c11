"""The rehearsal's own API, at rehearsal.localhost: simulated calls, phones, the clock, faults, request counts."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, TypeGuard
from urllib.parse import unquote

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


# Values of Sec-Fetch-Site by which a browser marks a request from a page of another site, or of another local port.
FOREIGN_SITES: Final = frozenset({"cross-site", "same-site"})
UNPROVED: Final = (
    "What leaves this machine takes the account's SID and auth token, as Twilio's API does (HTTP Basic); "
    "the rehearsal's command prints them"
)


def check_sender(request: HttpRequest) -> None:
    """Raise Refusal for a request that a web page in this machine's browser could have sent (CSRF).

    A page can send any request to loopback except JSON, which takes a CORS preflight, and its browser adds Origin and
    Sec-Fetch-*. DNS rebinding is no way in: `App` passes on only requests whose Host is a loopback name.
    """
    headers = request.headers
    origin = headers.get("origin")
    is_page_opened = (request.method, request.path) == ("GET", "/phones") and (
        headers.get("sec-fetch-mode"),
        headers.get("sec-fetch-dest"),
    ) == ("navigate", "document")
    is_foreign = headers.get("sec-fetch-site") in FOREIGN_SITES and not is_page_opened
    if is_foreign or (origin is not None and origin.partition("://")[2] != headers.get("host")):
        raise Refusal(20403, "The rehearsal takes no orders from web pages", 403)
    if (request.method == "POST" or request.body) and request.media_type != "application/json":
        raise Refusal(20415, "rehearsal.localhost takes JSON alone, with Content-Type: application/json", 415)


def leaves_this_machine(method: str, name: str, body: bytes) -> bool:
    """Whether a request opens the rehearsal to the network: SIP beyond loopback, a trunk, or another server."""
    if (method, name) != ("POST", "door"):
        return (method, name) == ("POST", "servers")
    from dialtone_nb.rehearsal.sip.address import DEFAULT, is_loopback, read_address

    said = _read(body)
    try:
        host, _ = read_address(str(said.get("address") or DEFAULT))
    except argparse.ArgumentTypeError:
        return False  # not an address, so nothing will be opened
    return bool(said.get("trunk") or said.get("beyond_this_machine")) or not is_loopback(host)


@dataclass(frozen=True, slots=True)
class Control:
    """The API at rehearsal.localhost."""

    store: Store
    exchange: Exchange
    sip: SipControl
    faults: InjectedFaults
    lag: Lag
    requests: Counter[str]

    async def answer(self, request: HttpRequest) -> ApiResponse:
        """Answer a request, JSON in and out; raises Refusal if its sender is not allowed.

        Requests about real phones go to the process that has the SIP endpoint open, as the calls ring there.
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
                # In the exchange's thread: the call requests webhooks, which this same server answers.
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
        """Answer a request about faults, lagging lists and request counts of Twilio's API."""
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
        """Set how the far side at a number or SIP address behaves from now on; an empty object resets it."""
        party = read_party(behaviour)
        with self.store.transaction() as tables:
            set_party(tables, address, party)
        return ApiResponse(200, {"address": address, "behaviour": party_body(party)})

    def set_registered(self, client: str, body: dict[str, Any]) -> ApiResponse:
        """Register a phone, or end its registration; a 403 with the alert's code if it is turned away.

        Other fields of the body set how the phone behaves when it is called.
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
        """Suspend the account, close it, or make it active again; only an active account's calls go through."""
        with self.store.transaction() as tables:
            set_account_status(tables, body.get("status"))
            return ApiResponse(200, {"status": account_status(tables)})

    def set_lag(self, body: dict[str, Any]) -> ApiResponse:
        """Set how many reads lists lag behind creations and deletions from now on."""
        reads = body.get("reads")
        if not isinstance(reads, int) or isinstance(reads, bool) or reads < 0:
            raise Refusal(20001, 'Lists lag with {"reads": how many}, and no longer with {"reads": 0}')
        self.lag.reads = reads
        return ApiResponse(200, {"reads": reads})

    def about(self) -> dict[str, Any]:
        """Describe the rehearsal: its account, its seed, and how its functions are isolated."""
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
        """Fill an account without calls with a past of so many days and calls; return the number of attempts."""
        days, calls = body.get("days"), body.get("calls")
        if not (_is_count(days, MOST_DAYS) and _is_count(calls, MOST_CALLS)):
            raise Refusal(20001, f'A past is {{"days": 1 to {MOST_DAYS}, "calls": 1 to {MOST_CALLS}}}')
        try:
            truth = fill_history(self.store, days=days, calls=calls, seed=self.store.identity.seed)
        except InputError as error:
            raise Refusal(20001, str(error)) from None
        return {"calls": len(truth["attempts"]), "since": truth["since"], "until": truth["until"]}

    async def advance(self, body: dict[str, Any]) -> dict[str, Any]:
        """Advance simulated time; return the new time."""
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
