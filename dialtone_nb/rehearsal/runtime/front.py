"""The front of *.twil.io: finds the function that a URL belongs to, decides who may call it, and runs it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

import orjson
from twilio.request_validator import RequestValidator

from dialtone_nb.rehearsal.alerting import raise_alert
from dialtone_nb.rehearsal.api.environments import environment_at
from dialtone_nb.rehearsal.fields import Pairs
from dialtone_nb.rehearsal.runtime.child import Crashed
from dialtone_nb.rehearsal.runtime.children import Children, Source
from dialtone_nb.rehearsal.store import Store, Tables, Thing

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.surface import Incoming

TIME_LIMIT_S = 10.0
LARGEST_CONTEXT = 3583  # bytes of JSON, as measured by others; Twilio says about 3 KB
LARGEST_HEADERS = 4096  # bytes
METHODS = ("GET", "POST", "OPTIONS")
# What never reaches a function (the runtime handler's own lists).
HIDDEN_PREFIXES = ("i-twilio-", "i-t-", "ot-", "x-amz", "x-forwarded-", "x-accel-")
HIDDEN_HEADERS = frozenset(
    {"via", "referer", "transfer-encoding", "proxy-authorization", "proxy-authenticate", "x-real-ip", "connection"}
    | {"proxy-connection", "expect", "trailer", "upgrade"}
)
# Twilio's documentation has 400 in one place and 403 in another.
SIGNATURE_REFUSED = 403


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function's URL answers."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """A function that is live at a URL, with all that running it takes."""

    service: Thing
    environment: Thing
    deployment_sid: str
    build_sid: str
    version: Thing
    context: dict[str, str]
    now: float


def plain(status: int, text: str) -> Answer:
    """An answer in plain text."""
    return Answer(status, (("content-type", "text/plain; charset=utf-8"),), text.encode())


class Front:
    """Answers at *.twil.io."""

    def __init__(self, store: Store, base: str) -> None:
        self._store = store
        self._children = Children(base)
        self._time_limit_s = TIME_LIMIT_S

    def close(self) -> None:
        """End the functions' processes."""
        self._children.close()

    async def answer(self, incoming: Incoming) -> Answer:
        """The answer of the function that a URL belongs to."""
        with self._store.transaction() as tables:
            target = find_target(tables, incoming.host, incoming.path)
            token = tables.identity.auth_token
        if target is None:
            return plain(404, "Not Found")
        if target.version.body["visibility"] == "protected" and not is_signed(incoming, token):
            return plain(SIGNATURE_REFUSED, "The X-Twilio-Signature does not fit this request")
        if incoming.method not in METHODS:
            return plain(405, "Method Not Allowed")
        if incoming.method == "GET" and incoming.body:
            return plain(403, "A GET request can't have a body")
        return await self._run(target, incoming)

    async def _run(self, target: Target, incoming: Incoming) -> Answer:
        if len(orjson.dumps(target.context)) > LARGEST_CONTEXT:
            return self._finish(target, incoming, [], (82006, "The function's context is too large"), None)
        try:
            reply = await self._invoke(target, incoming)
        except TimeoutError:
            # What runs away can only be stopped with its process.
            await asyncio.to_thread(self._children.drop, target.build_sid)
            message = f"Runtime application timed out after {self._time_limit_s:g} s"
            return self._finish(target, incoming, [], (82002, message), None)
        except Crashed as error:
            return self._finish(target, incoming, [], (82002, f"Runtime application crashed: {error}"), None)
        if reply["fatal"]:
            await asyncio.to_thread(self._children.drop, target.build_sid)
        if "error" in reply:
            answer = Answer(500, (("content-type", "application/json"),), orjson.dumps(reply["error"]))
            return self._finish(target, incoming, reply["logs"], (82002, _message(reply["error"])), answer)
        status, headers, body = reply["result"]
        answer = Answer(status, tuple((name.lower(), value) for name, value in headers), body.encode())
        if sum(len(name) + len(value) for name, value in answer.headers) > LARGEST_HEADERS:
            return self._finish(target, incoming, reply["logs"], (82008, "Headers or cookies too large"), None)
        fault: tuple[int, str] | None = None
        if status >= 400:
            fault = (82002 if status >= 500 else 82001, f"The function answered with status {status}")
        return self._finish(target, incoming, reply["logs"], fault, answer)

    async def _invoke(self, target: Target, incoming: Incoming) -> dict[str, Any]:
        def sources() -> list[Source]:
            with self._store.transaction() as tables:
                return build_sources(tables, target.build_sid)

        child = await asyncio.to_thread(self._children.child, target.build_sid, sources)
        message = {
            "file": str(self._children.file(target.build_sid, target.version.sid)),
            "context": target.context,
            "event": event_of(incoming),
            "now": round(target.now * 1000),
        }
        async with asyncio.timeout(self._time_limit_s):
            return await asyncio.wrap_future(child.invoke(message))

    def _finish(
        self,
        target: Target,
        incoming: Incoming,
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


def find_target(tables: Tables, host: str, path: str) -> Target | None:
    """The function that is live at a URL; None where there is none, or it is private."""
    environment = environment_at(tables, host)
    build_sid = environment.body["build_sid"] if environment else None
    build = tables.get("build", build_sid) if build_sid else None
    if environment is None or build is None:
        return None
    versions = [tables.get("function_version", sid) for sid in build.body["function_versions"]]
    version = next((one for one in versions if one and one.body["path"] == path), None)
    if version is None or version.body["visibility"] == "private":
        return None
    service = tables.get("service", environment.parent)
    deployments = tables.list("deployment", environment.sid)
    if service is None:
        return None
    return Target(
        service,
        environment,
        deployments[0].sid,
        build.sid,
        version,
        context_of(tables, service, environment, path),
        tables.now(),
    )


def context_of(tables: Tables, service: Thing, environment: Thing, path: str) -> dict[str, str]:
    """A function's context: variables, where it runs, and credentials where the service includes them."""
    variables = {variable.body["key"]: variable.body["value"] for variable in tables.list("variable", environment.sid)}
    credentials = {"ACCOUNT_SID": tables.identity.account_sid, "AUTH_TOKEN": tables.identity.auth_token}
    return {
        **(credentials if service.body["include_credentials"] else {}),
        **dict(sorted(variables.items())),
        "DOMAIN_NAME": environment.body["domain_name"],
        "PATH": path,
        "SERVICE_SID": service.sid,
        "ENVIRONMENT_SID": environment.sid,
    }


def build_sources(tables: Tables, build_sid: str) -> list[Source]:
    """Everything that a build is made of."""
    build = tables.get("build", build_sid)
    sids = build.body["function_versions"] if build else []
    versions = [version for sid in sids if (version := tables.get("function_version", sid))]
    return [Source(version.body["path"], version.sid, tables.content(version.sid)) for version in versions]


def request_sid_of(tables: Tables, target: Target, incoming: Incoming) -> str:
    """The SID of a request to a function: it follows from what was asked, and how often that was asked before."""
    asked = f"{incoming.method} {incoming.path}?{incoming.query_string}".encode() + incoming.body
    key = incoming.headers.get("i-twilio-idempotency-token") or hashlib.sha256(asked).hexdigest()
    nth = tables.next_nth("function_request", target.environment.sid, key)
    return tables.identity.sid("RQ", "function_request", target.environment.sid, key, nth)


class Params(dict[str, list[str]]):
    """Form parameters with repeated names, as the validator of twilio-python takes them."""

    def getlist(self, name: str) -> list[str]:
        """Every value of a name."""
        return self[name]


def gathered(pairs: Pairs) -> Params:
    """The values of each name, in order."""
    params = Params()
    for name, value in pairs:
        params.setdefault(name, []).append(value)
    return params


def is_signed(incoming: Incoming, auth_token: str) -> bool:
    """Whether the request carries the signature that Twilio would have put on it."""
    signature = incoming.headers.get("x-twilio-signature", "")
    url = f"https://{incoming.host}{incoming.raw_path}" + (f"?{incoming.query_string}" if incoming.query_string else "")
    params: Params | str = Params()
    if incoming.is_form:
        params = gathered(incoming.form)
    elif incoming.body and "bodySHA256" in dict(incoming.query):
        params = incoming.body.decode("utf-8", "replace")
    return bool(RequestValidator(auth_token).validate(url, params, signature))


def event_of(incoming: Incoming) -> dict[str, Any]:
    """A function's event: its request's headers and cookies, then query and body, the body last."""
    headers = {
        name: value
        for name, value in incoming.headers.items()
        if name not in HIDDEN_HEADERS and not name.startswith(HIDDEN_PREFIXES)
    }
    request = {"headers": headers, "cookies": _cookies(incoming.headers.get("cookie", ""))}
    return {"request": request, **_merged(incoming.query), **_body_values(incoming)}


def _merged(pairs: Pairs) -> dict[str, Any]:
    return {name: values[0] if len(values) == 1 else values for name, values in gathered(pairs).items()}


def _body_values(incoming: Incoming) -> dict[str, Any]:
    if incoming.is_form:
        return _merged(incoming.form)
    if "json" in incoming.headers.get("content-type", "") and incoming.body:
        try:
            read = orjson.loads(incoming.body)
        except orjson.JSONDecodeError:
            return {}
        return read if isinstance(read, dict) else {}
    return {}


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _message(error: object) -> str:
    return str(error.get("message", error)) if isinstance(error, Mapping) else str(error)
