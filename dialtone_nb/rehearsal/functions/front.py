"""The front end of *.twil.io: finds the function or asset of a URL, checks access, and runs or serves it."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from dialtone_nb.rehearsal.functions.deployed import (
    DeployedAsset,
    DeployedFunction,
    build_contents,
    find_deployed,
    live_places,
)
from dialtone_nb.rehearsal.functions.function_request import event_of, is_signed
from dialtone_nb.rehearsal.functions.node_processes import Crashed, NodeProcesses, VersionContent
from dialtone_nb.rehearsal.functions.packages import Packages
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.store import Store, Tables

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.http.requests import HttpRequest

TIME_LIMIT_S = 10.0
# Seconds after which none of a replaced build's requests can still be under way.
ALL_ANSWERED_S = TIME_LIMIT_S + 1
LARGEST_CONTEXT = 3583  # bytes of JSON, as others measured it; Twilio documents about 3 KB
LARGEST_HEADERS = 4096  # bytes
METHODS = ("GET", "POST")
ASSET_METHODS = ("GET", "HEAD")
# A request for / gets this asset if nothing has that path itself.
ROOT, INDEX = "/", "/assets/index.html"
# The platform answers OPTIONS itself, and no function sees it (twilio-labs/serverless-toolkit#141, #195).
CORS = (
    ("access-control-allow-origin", "*"),
    (
        "access-control-allow-headers",
        "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since",
    ),
    ("access-control-allow-methods", "GET, POST, OPTIONS"),
    ("access-control-expose-headers", "ETag"),
    ("access-control-max-age", "86400"),
    ("access-control-allow-credentials", "true"),
)
# Twilio's documentation has 400 in one place and 403 in another.
SIGNATURE_REFUSED = 403
# A header with the function's own time in milliseconds (W3C Server Timing); Twilio sends no such header.
SERVER_TIMING, FUNCTION_METRIC = "server-timing", "function"


@dataclass(frozen=True, slots=True)
class FunctionResponse:
    """The response of a function's or an asset's URL."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def plain(status: int, text: str) -> FunctionResponse:
    """A response in plain text."""
    return FunctionResponse(status, (("content-type", "text/plain; charset=utf-8"),), text.encode())


@dataclass(frozen=True, slots=True)
class Invocation:
    """The outcome of one invocation: its response, the alert for its fault (code and text), and its log lines."""

    response: FunctionResponse | None = None
    fault: tuple[int, str] | None = None
    logs: Sequence[tuple[str, str]] = ()  # level and text

    @property
    def alerts(self) -> list[tuple[int, str]]:
        """The alerts to raise: one for each logged error and warning, and one for the fault."""
        errors = [(82005, text) for level, text in self.logs if level == "error"]
        warnings = [(82004, text) for level, text in self.logs if level == "warn"]
        return [*errors, *warnings, *([self.fault] if self.fault else [])]


class Front:
    """Answers requests at *.twil.io."""

    def __init__(self, store: Store, base: str, packages: Packages) -> None:
        self._store = store
        self._processes = NodeProcesses(base, packages)
        self._time_limit_s = TIME_LIMIT_S
        self._ending: threading.Timer | None = None

    def close(self) -> None:
        """End the functions' processes."""
        if self._ending:
            self._ending.cancel()
        self._processes.close()

    def end_left_builds(self) -> None:
        """End the processes of builds that are no longer live, once their pending requests have been answered."""
        if self._ending:
            self._ending.cancel()
        if not self._processes.places():
            return
        self._ending = threading.Timer(ALL_ANSWERED_S, self.end_left_builds_now)
        self._ending.daemon = True
        self._ending.start()

    def end_left_builds_now(self) -> None:
        """End these processes at once."""
        try:
            with self._store.transaction() as tables:
                live = live_places(tables)
        except sqlite3.ProgrammingError:  # the rehearsal has just been closed, with all its processes
            return
        for place in self._processes.places() - live:
            self._processes.drop(place)

    async def answer(self, incoming: HttpRequest) -> FunctionResponse:
        """The response of the function at a URL, or the content of the asset there."""
        if incoming.method not in {*METHODS, *ASSET_METHODS, "OPTIONS"}:
            return plain(405, "Method Not Allowed")
        with self._store.transaction() as tables:
            deployed = find_deployed(tables, incoming.host, incoming.path)
            if deployed is None and incoming.path == ROOT:
                deployed = find_deployed(tables, incoming.host, INDEX)
            token = tables.identity.auth_token
        if deployed is None:
            return plain(404, "Not Found")
        if incoming.method == "OPTIONS":
            return FunctionResponse(204, CORS, b"")
        if deployed.version.body["visibility"] == "protected" and not is_signed(incoming, token):
            return plain(SIGNATURE_REFUSED, "The X-Twilio-Signature does not fit this request")
        if incoming.method not in (ASSET_METHODS if isinstance(deployed, DeployedAsset) else METHODS):
            return plain(405, "Method Not Allowed")
        if isinstance(deployed, DeployedAsset):
            return serve_asset(deployed)
        if incoming.method == "GET" and incoming.body:
            return plain(403, "A GET request can't have a body")
        invocation = await self._run(deployed, incoming)
        with self._store.transaction() as tables:
            note_invocation(tables, deployed, incoming, invocation)
        return invocation.response or plain(500, invocation.fault[1] if invocation.fault else "")

    async def _run(self, function: DeployedFunction, incoming: HttpRequest) -> Invocation:
        if len(orjson.dumps(function.context)) > LARGEST_CONTEXT:
            return Invocation(fault=(82006, "The function's context is too large"))
        try:
            reply = await self._invoke(function, incoming)
        except TimeoutError:
            # Only ending the process can stop a function that runs away.
            await asyncio.to_thread(self._processes.drop, function.place)
            return Invocation(fault=(82002, f"Runtime application timed out after {self._time_limit_s:g} s"))
        except Crashed as error:
            return Invocation(fault=(82002, f"Runtime application crashed: {error}"))
        if reply["fatal"]:
            await asyncio.to_thread(self._processes.drop, function.place)
        return read_reply(reply)

    async def _invoke(self, function: DeployedFunction, incoming: HttpRequest) -> dict[str, Any]:
        def contents() -> list[VersionContent]:
            with self._store.transaction() as tables:
                return build_contents(tables, function.build_sid)

        process = await asyncio.to_thread(self._processes.get, function.place, contents, function.wanted)
        message = {
            "file": str(self._processes.file(function.place, function.version.sid)),
            "context": function.context,
            "variables": function.process_env,
            "event": event_of(incoming),
            "now": round(function.now * 1000),
        }
        async with asyncio.timeout(self._time_limit_s):
            return await asyncio.wrap_future(process.invoke(message))


def read_reply(reply: Mapping[str, Any]) -> Invocation:
    """The outcome of an invocation, from its process's reply."""
    logs = reply["logs"]
    if "error" in reply:
        error = reply["error"]
        message = str(error.get("message", error)) if isinstance(error, Mapping) else str(error)
        response = FunctionResponse(500, (("content-type", "application/json"),), orjson.dumps(error))
        return Invocation(response, (82002, message), logs)
    status, pairs, body = reply["result"]
    headers = tuple((name.lower(), value) for name, value in pairs)
    if sum(len(name) + len(value) for name, value in headers) > LARGEST_HEADERS:
        return Invocation(fault=(82008, "Headers or cookies too large"), logs=logs)
    took = (SERVER_TIMING, f"{FUNCTION_METRIC};dur={reply['took_ms']:.3f}")
    fault: tuple[int, str] | None = None
    if status >= 400:
        fault = (82002 if status >= 500 else 82001, f"The function answered with status {status}")
    return Invocation(FunctionResponse(status, (*headers, took), body.encode()), fault, logs)


def note_invocation(tables: Tables, function: DeployedFunction, incoming: HttpRequest, invocation: Invocation) -> None:
    """Store an invocation's log lines, and raise its alerts."""
    request_sid = request_sid_of(tables, function, incoming)
    for place, (level, text) in enumerate(invocation.logs):
        body = {
            "build_sid": function.build_sid,
            "deployment_sid": function.deployment_sid,
            "function_sid": function.version.parent,
            "request_sid": request_sid,
            "level": level,
            "message": text,
        }
        tables.add("NO", "log", function.environment.sid, f"{request_sid} {place:05}", body)
    response = invocation.response if invocation.fault else None
    shown = response.body.decode("utf-8", "replace") if response else ""
    for code, text in invocation.alerts:
        raise_alert(
            tables,
            code,
            function.version.parent,
            text,
            service_sid=function.service.sid,
            request=(incoming.method, f"https://{incoming.host}{incoming.path}", ""),
            response=("", shown),
        )


def serve_asset(asset: DeployedAsset) -> FunctionResponse:
    """The asset as uploaded, with the upload's content type, or else the one of its path's suffix."""
    said, guessed = asset.version.body["content_type"], mimetypes.guess_type(asset.version.body["path"])[0]
    return FunctionResponse(200, (("content-type", said or guessed or "application/octet-stream"),), asset.content)


def request_sid_of(tables: Tables, function: DeployedFunction, incoming: HttpRequest) -> str:
    """The SID of a request to a function, derived from the request and the number of equal ones before it."""
    asked = f"{incoming.method} {incoming.path}?{incoming.query_string}".encode() + incoming.body
    key = incoming.headers.get("i-twilio-idempotency-token") or hashlib.sha256(asked).hexdigest()
    nth = tables.next_nth("function_request", function.environment.sid, key)
    return tables.identity.sid("RQ", "function_request", function.environment.sid, key, nth)
