"""The front of *.twil.io: finds what a URL belongs to, decides who may have it, and runs it or hands it out."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from dialtone_nb.rehearsal.functions.child import Crashed
from dialtone_nb.rehearsal.functions.children import Children, Source
from dialtone_nb.rehearsal.functions.event import event_of
from dialtone_nb.rehearsal.functions.live import LiveAsset, Target, build_sources, find_live
from dialtone_nb.rehearsal.functions.packages import Packages
from dialtone_nb.rehearsal.functions.signature import is_signed
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.store import Store, Tables

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.http.requests import HttpRequest

TIME_LIMIT_S = 10.0
LARGEST_CONTEXT = 3583  # bytes of JSON, as measured by others; Twilio says about 3 KB
LARGEST_HEADERS = 4096  # bytes
METHODS = ("GET", "POST")
ASSET_METHODS = ("GET", "HEAD")
# What asks for / gets, where nothing has that path.
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
# How long a function took by itself, in milliseconds; Twilio tells nobody (W3C, Server Timing).
SERVER_TIMING, FUNCTION_METRIC = "server-timing", "function"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function's URL answers."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def plain(status: int, text: str) -> Answer:
    """An answer in plain text."""
    return Answer(status, (("content-type", "text/plain; charset=utf-8"),), text.encode())


class Front:
    """Answers at *.twil.io."""

    def __init__(self, store: Store, base: str, packages: Packages) -> None:
        self._store = store
        self._children = Children(base, packages)
        self._time_limit_s = TIME_LIMIT_S

    def close(self) -> None:
        """End the functions' processes."""
        self._children.close()

    async def answer(self, incoming: HttpRequest) -> Answer:
        """The answer of the function, or the content of the asset, that a URL belongs to."""
        if incoming.method not in {*METHODS, *ASSET_METHODS, "OPTIONS"}:
            return plain(405, "Method Not Allowed")
        with self._store.transaction() as tables:
            live = find_live(tables, incoming.host, incoming.path)
            if live is None and incoming.path == ROOT:
                live = find_live(tables, incoming.host, INDEX)
            token = tables.identity.auth_token
        if live is None:
            return plain(404, "Not Found")
        if incoming.method == "OPTIONS":
            return Answer(204, CORS, b"")
        if live.version.body["visibility"] == "protected" and not is_signed(incoming, token):
            return plain(SIGNATURE_REFUSED, "The X-Twilio-Signature does not fit this request")
        if incoming.method not in (ASSET_METHODS if isinstance(live, LiveAsset) else METHODS):
            return plain(405, "Method Not Allowed")
        if isinstance(live, LiveAsset):
            return hand_out(live)
        if incoming.method == "GET" and incoming.body:
            return plain(403, "A GET request can't have a body")
        return await self._run(live, incoming)

    async def _run(self, target: Target, incoming: HttpRequest) -> Answer:
        if len(orjson.dumps(target.context)) > LARGEST_CONTEXT:
            return self._finish(target, incoming, [], (82006, "The function's context is too large"), None)
        try:
            reply = await self._invoke(target, incoming)
        except TimeoutError:
            # What runs away can only be stopped with its process.
            await asyncio.to_thread(self._children.drop, target.place)
            message = f"Runtime application timed out after {self._time_limit_s:g} s"
            return self._finish(target, incoming, [], (82002, message), None)
        except Crashed as error:
            return self._finish(target, incoming, [], (82002, f"Runtime application crashed: {error}"), None)
        if reply["fatal"]:
            await asyncio.to_thread(self._children.drop, target.place)
        if "error" in reply:
            answer = Answer(500, (("content-type", "application/json"),), orjson.dumps(reply["error"]))
            return self._finish(target, incoming, reply["logs"], (82002, _message(reply["error"])), answer)
        status, headers, body = reply["result"]
        answer = Answer(status, tuple((name.lower(), value) for name, value in headers), body.encode())
        took = (SERVER_TIMING, f"{FUNCTION_METRIC};dur={reply['took_ms']:.3f}")
        if sum(len(name) + len(value) for name, value in answer.headers) > LARGEST_HEADERS:
            return self._finish(target, incoming, reply["logs"], (82008, "Headers or cookies too large"), None)
        fault: tuple[int, str] | None = None
        if status >= 400:
            fault = (82002 if status >= 500 else 82001, f"The function answered with status {status}")
        return self._finish(target, incoming, reply["logs"], fault, replace(answer, headers=(*answer.headers, took)))

    async def _invoke(self, target: Target, incoming: HttpRequest) -> dict[str, Any]:
        def sources() -> list[Source]:
            with self._store.transaction() as tables:
                return build_sources(tables, target.build_sid)

        child = await asyncio.to_thread(self._children.child, target.place, sources, target.wanted)
        message = {
            "file": str(self._children.file(target.place, target.version.sid)),
            "context": target.context,
            "event": event_of(incoming),
            "now": round(target.now * 1000),
        }
        async with asyncio.timeout(self._time_limit_s):
            return await asyncio.wrap_future(child.invoke(message))

    def _finish(
        self,
        target: Target,
        incoming: HttpRequest,
        logs: list[tuple[str, str]],
        fault: tuple[int, str] | None,
        answer: Answer | None,
    ) -> Answer:
        """Keep what the function logged, raise the alerts that it earned, and give its answer, or a 500."""
        with self._store.transaction() as tables:
            request_sid = request_sid_of(tables, target, incoming)
            for place, (level, text) in enumerate(logs):
                body = {
                    "build_sid": target.build_sid,
                    "deployment_sid": target.deployment_sid,
                    "function_sid": target.version.parent,
                    "request_sid": request_sid,
                    "level": level,
                    "message": text,
                }
                tables.add("NO", "log", target.environment.sid, f"{request_sid} {place:05}", body)
            alerts = [(82005, text) for level, text in logs if level == "error"]
            alerts += [(82004, text) for level, text in logs if level == "warn"]
            url = f"https://{incoming.host}{incoming.path}"
            for code, text in [*alerts, *([fault] if fault else [])]:
                raise_alert(
                    tables,
                    code,
                    target.version.parent,
                    text,
                    service_sid=target.service.sid,
                    request=(incoming.method, url, ""),
                    response=("", answer.body.decode("utf-8", "replace") if answer and fault else ""),
                )
        return answer or plain(500, fault[1] if fault else "")


def hand_out(asset: LiveAsset) -> Answer:
    """The asset as it was uploaded; its type is what the upload said, else what its path's ending says."""
    said, guessed = asset.version.body["content_type"], mimetypes.guess_type(asset.version.body["path"])[0]
    return Answer(200, (("content-type", said or guessed or "application/octet-stream"),), asset.content)


def request_sid_of(tables: Tables, target: Target, incoming: HttpRequest) -> str:
    """The SID of a request to a function: it follows from what was asked, and how often that was asked before."""
    asked = f"{incoming.method} {incoming.path}?{incoming.query_string}".encode() + incoming.body
    key = incoming.headers.get("i-twilio-idempotency-token") or hashlib.sha256(asked).hexdigest()
    nth = tables.next_nth("function_request", target.environment.sid, key)
    return tables.identity.sid("RQ", "function_request", target.environment.sid, key, nth)


def _message(error: object) -> str:
    return str(error.get("message", error)) if isinstance(error, Mapping) else str(error)
