"""The rehearsal as one ASGI application, which dispatches requests by their Host header.

It answers for Twilio's API hosts, the functions' domains (twil.io), rehearsal.localhost, and the public names of our
own servers. Injected faults strike requests to the API, before or after these are carried out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from dialtone_nb.rehearsal.api.all_operations import HOSTS
from dialtone_nb.rehearsal.api.keys import find_key
from dialtone_nb.rehearsal.api.serverless import builds
from dialtone_nb.rehearsal.api.serverless.services import SERVERLESS
from dialtone_nb.rehearsal.exchange.exchange import Exchange
from dialtone_nb.rehearsal.functions.front import Front
from dialtone_nb.rehearsal.functions.packages import Packages
from dialtone_nb.rehearsal.http.control import CONTROL_HOSTS, Control
from dialtone_nb.rehearsal.http.errors import NOT_MODELLED, Refusal, not_modelled, unauthenticated
from dialtone_nb.rehearsal.http.eventual_consistency import Lag
from dialtone_nb.rehearsal.http.faults import GATEWAY_PAGES, REFUSALS, FaultName, InjectedFaults
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Router
from dialtone_nb.rehearsal.http.own_servers import address_of, forward
from dialtone_nb.rehearsal.http.permissions import check_permission
from dialtone_nb.rehearsal.http.requests import ClientDisconnected, HttpRequest, Receive, Scope, read_request, with_body
from dialtone_nb.rehearsal.http.responses import (
    HttpResponse,
    Send,
    close_connection,
    drop_request,
    gateway_response,
    json_response,
    send_response,
)
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.store import Store, Tables

FUNCTIONS_SUFFIX = ".twil.io"


@dataclass(frozen=True, slots=True)
class App:
    """The ASGI application."""

    store: Store
    front: Front
    packages: Packages
    router: Router
    lag: Lag
    exchange: Exchange
    control: Control
    faults: InjectedFaults
    requests: Counter[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            request = await read_request(scope, receive)
        except ClientDisconnected:
            return
        fault = None
        if request.host in HOSTS:
            self.requests[f"{request.method} {request.host}"] += 1
            fault = self.faults.strike(request.method, request.host, request.path)
        if fault in {"timeout-before", "reset"}:
            await drop_request(fault, receive, send)
            return
        response = await self._answer(request, fault)
        if fault in {"timeout-after", "reset-after"}:
            await drop_request(fault, receive, send)
        elif fault == "truncated":
            await send_response(response, send, cut_short=True)
            close_connection(send)
            await receive()
        else:
            await send_response(gateway_response(fault) if fault in GATEWAY_PAGES else response, send)

    async def _answer(self, request: HttpRequest, fault: FaultName | None) -> HttpResponse:
        try:
            if fault in REFUSALS:
                raise REFUSALS[fault]
            if fault in GATEWAY_PAGES and not fault.endswith("-after"):
                return gateway_response(fault)
            if request.host in HOSTS:
                return json_response(await self._answer_as_twilio(request, fault), request, self.store.identity)
            if request.host.endswith(FUNCTIONS_SUFFIX):
                answer = await self.front.answer(request)
                return HttpResponse(answer.status, answer.headers, answer.body)
            if request.host in CONTROL_HOSTS:
                return json_response(await self.control.answer(request), request, self.store.identity)
            with self.store.transaction() as tables:
                address = address_of(tables, request.host)
            if address:
                return await _answer_of_own_server(address, request)
            raise not_modelled(f"the host {request.host}")
        except Refusal as refusal:
            return json_response(ApiResponse(refusal.status, refusal.body()), request, self.store.identity)

    async def _answer_as_twilio(self, http_request: HttpRequest, fault: FaultName | None) -> ApiResponse:
        by_api_key, allowed = self._authenticate(http_request.headers.get("authorization", ""))
        method, host, path = http_request.method, http_request.host, http_request.path
        found = self.router.find(host, method, path)
        if found is None:
            raise not_modelled(f"{method} {host}{path}")
        operation, names = found
        request = ApiRequest(method, host, path, names, http_request.query, by_api_key=by_api_key, allowed=allowed)
        check_permission(operation, request)
        if method == "POST":
            request = await with_body(request, http_request)
        is_build = operation.handler is builds.create
        lacking = await asyncio.to_thread(self.packages.fetch_twilio) if is_build else ""

        def answer() -> ApiResponse:
            with self.store.transaction() as tables:
                response = self.lag.answer(tables, operation, request)
                if is_build:
                    self._decide_fate(tables, response.body["sid"], fault, lacking)
            return response

        response = await operation.at_exchange(self.exchange, request, answer) if operation.at_exchange else answer()
        if host == SERVERLESS.host and method != "GET":
            self.front.end_left_builds()
        return response

    def _decide_fate(self, tables: Tables, build_sid: str, fault: FaultName | None, lacking: str) -> None:
        build = tables.get("build", build_sid)
        if build is None:
            return
        wanted = builds.wanted_versions(build)
        if lacking:
            builds.doom(tables, build_sid, {"fate": "failed", "reason": f"Dependency installation failed: {lacking}"})
            raise_alert(tables, NOT_MODELLED, build_sid, lacking, service_sid=build.parent)
            return
        if missing := self.packages.missing(build.body["given"]):
            reason = f"Dependency installation failed: {missing[0]} is not on this machine (rehearsal --node-modules)"
            builds.doom(tables, build_sid, {"fate": "failed", "reason": reason})
        for name, given in self.packages.serving(wanted).others(wanted).items():
            # Twilio would install it. Which versions npm has is not known here, so no version is refused.
            message = (
                f"The build names {name} {wanted[name]}, and its functions get {given}: "
                "no folder of this machine has the other (rehearsal --node-modules)"
            )
            raise_alert(tables, NOT_MODELLED, build_sid, message, service_sid=build.parent)
        if fault in {"slow-build", "failed-build"}:
            builds.doom(tables, build_sid, {"slow": True} if fault == "slow-build" else {"fate": "failed"})

    def _authenticate(self, authorization: str) -> tuple[bool, frozenset[str] | None]:
        """Whether an API key authenticates the request, and a restricted key's permissions (else None); or a 401."""
        if not authorization:
            raise unauthenticated("Authentication Error - No credentials provided")
        with self.store.transaction() as tables:
            user = tables.identity.user_of(authorization)
            if not user:
                raise unauthenticated()
            by_api_key = user != tables.identity.account_sid
            return by_api_key, find_key(tables, user) if by_api_key else None


async def _answer_of_own_server(address: str, request: HttpRequest) -> HttpResponse:
    target = f"{request.raw_path}?{request.query_string}" if request.query_string else request.raw_path
    status, headers, body = await asyncio.to_thread(
        forward, address, request.method, request.host, target, request.headers, request.body
    )
    return HttpResponse(status, tuple(headers.items()), body)
