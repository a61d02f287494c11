"""The ASGI application: decide, note and answer Twilio's requests; count them after the answer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dialtone_nb.dialplan.decisions import Decision
from dialtone_nb.phones.registrations.store import FOLDER as REGISTRATIONS
from dialtone_nb.server.answers import ENDPOINTS, Endpoint, Responder, WebhookRequest, WebhookResponse
from dialtone_nb.server.delivery import open_couriers
from dialtone_nb.server.event_log import EventWriter
from dialtone_nb.server.limits import CallCounter, limited
from dialtone_nb.server.metrics import CONTENT_TYPE, Metrics
from dialtone_nb.server.proof import LONGEST_CHALLENGE, SERVING_PATH, serving_proof
from dialtone_nb.server.registration_metrics import scrape_registrations
from dialtone_nb.server.requests import (
    SIGNATURE_HEADER,
    RefusedRequest,
    RequestParameters,
    SignatureCheck,
    parse_values,
    public_base,
    read_form,
)
from dialtone_nb.server.server_settings import Settings
from dialtone_nb.server.table_follower import TableFollower
from dialtone_nb.values.printable import printable
from dialtone_nb.values.sids import is_probe

COUNTS: Final = "counts"
STATUS: Final = "/call-status"
_TELL_EVERY_S: Final = 60.0
_DISK_WITHIN_S: Final = 2.0
# A corrected clock moves by less than this.
_CLOCK_JUMPS_S: Final = 60.0
_LOOK_AT_CLOCK_EVERY_S: Final = 5.0
_log = logging.getLogger(__name__)


class LastTold(Protocol):
    """When something was last logged, by `time.monotonic()`, shared by all workers."""

    value: float


@dataclass
class ToldHere:
    """The same, of one process."""

    value: float = -_TELL_EVERY_S


def make_app(settings: Settings, told: LastTold | None = None) -> Starlette:
    """The application of one worker; it follows the folder from its start, and ends with its last event."""
    server = _Server(settings, told or ToldHere())
    routes = [
        *(Route(path, server.endpoint(path, answer), methods=["GET", "POST"]) for path, answer in ENDPOINTS.items()),
        Route(SERVING_PATH, server.serving, methods=["GET"]),
        Route("/healthz", server.health, methods=["GET"]),
        Route("/metrics", server.metrics, methods=["GET"]),
    ]
    app = Starlette(routes=routes, lifespan=lambda app: server.running())
    # A signature is for one path, so a redirect to another one is useless.
    app.router.redirect_slashes = False
    return app


class _Server:
    """What the routes of one worker share."""

    def __init__(self, settings: Settings, told: LastTold) -> None:
        self._settings = settings
        self._metrics = Metrics()
        for path in ENDPOINTS:
            # Makes the file that workers count times in, while there is room and a descriptor for it: made after the
            # first answer, a failure would break the connection.
            self._metrics.answer_seconds.labels(path)
        self._signature = SignatureCheck(settings.auth_token, settings.secondary_token)
        self._live = TableFollower(
            settings.folder, settings.environment, lambda result: self._metrics.tables.labels(result).inc()
        )
        self._live.look()
        self._events: EventWriter | None = None
        self._counter = CallCounter(settings.folder / COUNTS / f"{settings.environment}.db")
        self._told = told

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the folder, keep events and hand them on, until the application ends."""
        folder = self._settings.events_folder
        self._events = EventWriter(folder, lambda result, number: self._metrics.events.labels(result).inc(number))
        following = asyncio.create_task(self._live.follow())
        watching = asyncio.create_task(_tell_of_jumps())
        with open_couriers(self._settings, folder, self._metrics):
            # All objects of the start stay alive: the garbage collector need not scan them while a call waits, nor now.
            gc.freeze()
            try:
                yield
            finally:
                gc.unfreeze()
                following.cancel()
                watching.cancel()
                await asyncio.to_thread(self._events.close)

    def endpoint(self, path: str, answer: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """The route of one function."""

        async def handle(request: Request) -> Response:
            began = time.perf_counter()
            try:
                response, answered = await self._answer(request, answer, is_status=path == STATUS)
            except RefusedRequest as refused:
                response, answered = PlainTextResponse(str(refused), refused.status), None
            response.background = BackgroundTask(self._note, path, response.status_code, answered, began)
            return response

        return handle

    async def serving(self, request: Request) -> Response:
        """Which table is served, with the proof that this is one of ours; to signed requests alone."""
        try:
            asked = await self._authentic(request)
        except RefusedRequest as refused:
            return PlainTextResponse(str(refused), refused.status)
        settings, version = self._settings, self._live.version
        challenge = asked.value("challenge")
        if not 0 < len(challenge) <= LONGEST_CHALLENGE:
            return PlainTextResponse("a challenge is missing, or too long", HTTPStatus.BAD_REQUEST)
        proofs = [
            serving_proof(token, challenge, settings.environment, version)
            for token in (settings.auth_token, settings.secondary_token)
            if token
        ]
        # The first alone is what servers said that knew one token.
        return JSONResponse(
            {"environment": settings.environment, "version": version, "proof": proofs[0], "proofs": proofs}
        )

    async def health(self, request: Request) -> Response:
        """200 where calls can be answered, with a line for each thing that is wrong all the same."""
        if self._live.table is None:
            return PlainTextResponse("no table is served", HTTPStatus.SERVICE_UNAVAILABLE)
        problems = [self._live.problem, await self._events_problem()]
        return PlainTextResponse("\n".join(["ok", *map(printable, filter(None, problems))]))

    async def _events_problem(self) -> str:
        if self._events is None:
            return ""
        try:
            problem = await asyncio.wait_for(asyncio.to_thread(self._events.problem), _DISK_WITHIN_S)
        except TimeoutError:
            problem = "the disk does not answer"
        return f"events can't be written: {problem}" if problem else ""

    async def metrics(self, request: Request) -> Response:
        """The counters, for Prometheus."""
        environment = self._settings.environment
        phones = self._live.table.environments[environment].clients if self._live.table else ()
        # A file is read for it, which no call waits for.
        registrations = await asyncio.to_thread(scrape_registrations, self._settings.folder / REGISTRATIONS, phones)
        content = self._metrics.scrape(self._live, environment) + registrations
        return Response(content, headers={"content-type": CONTENT_TYPE})

    async def _answer(self, request: Request, answer: Endpoint, *, is_status: bool) -> tuple[Response, WebhookResponse]:
        asked = await self._authentic(request)
        if (table := self._live.table) is None:
            raise RefusedRequest(HTTPStatus.SERVICE_UNAVAILABLE, "no table is served")
        environment, password = self._settings.environment, self._settings.trunk_password

        def limit(decision: Decision) -> Decision:
            # What verify asks is not a call of the phone's.
            return (
                decision if asked.is_probe else limited(table, environment, decision, datetime.now(UTC), self._counter)
            )

        answered = answer(Responder(table, environment, password, limit), asked)
        if self._events is not None:
            for event in answered.events:
                if is_status:
                    await self._events.keep(event)
                else:
                    # Before the answer: a worker may be killed between the two, and a call that went on is on record.
                    self._events.note(event)
        return Response(answered.twiml, media_type="text/xml"), answered

    async def _authentic(self, request: Request) -> WebhookRequest:
        """What was asked, by Twilio; refused where it is anybody else, or nothing that Twilio would send."""
        headers: Mapping[str, str] = request.headers
        signature = headers.get(SIGNATURE_HEADER, "")
        if not signature:
            raise RefusedRequest(HTTPStatus.FORBIDDEN, "not signed")
        base = self._settings.base_url or public_base(
            request.client.host if request.client else "", headers, self._settings.proxies
        )
        query = parse_values(request.scope["query_string"])
        form = RequestParameters()
        if request.method == "POST":
            kind, length = headers.get("content-type", ""), headers.get("content-length", "")
            with contextlib.suppress(ClientDisconnect):
                form = await read_form(kind, length, request.stream())
        url = base + _asked_for(request.scope)
        if not self._signature.is_valid(url, form, signature):
            self._tell_of_refusal(url)
            raise RefusedRequest(HTTPStatus.FORBIDDEN, "the signature does not fit")
        return WebhookRequest(query.single() | form.single(), base)

    async def _note(self, path: str, status: int, answered: WebhookResponse | None, began: float) -> None:
        """Count the answer, which is on its way already."""
        self._metrics.requests.labels(path, str(status)).inc()
        if not answered or any(map(is_probe, answered.events)):
            return
        self._metrics.answer_seconds.labels(path).observe(time.perf_counter() - began)
        if path == STATUS:
            self._metrics.outcomes.labels(answered.direction, answered.result).inc()
            if answered.going_on:
                self._metrics.decisions.labels(answered.direction, answered.going_on).inc()
            return
        self._metrics.decisions.labels(answered.direction, answered.result).inc()

    def _tell_of_refusal(self, url: str) -> None:
        """Log now and then that a signature did not fit, with the URL, which is nearly always the reason."""
        now = time.monotonic()
        if now - self._told.value >= _TELL_EVERY_S:
            self._told.value = now
            _log.warning(
                "A signature does not fit %s, which is how this server sees its address; if Twilio asks for another, "
                "give it as --base-url, or declare the proxy with --proxy",
                printable(url.partition("?")[0]),
            )


async def _tell_of_jumps() -> None:
    """Log that somebody set the clock: later dates do not follow from earlier ones."""
    apart = time.time() - time.monotonic()
    while True:
        await asyncio.sleep(_LOOK_AT_CLOCK_EVERY_S)
        now = time.time() - time.monotonic()
        if abs(now - apart) > _CLOCK_JUMPS_S:
            jump = timedelta(seconds=round(abs(now - apart)))
            _log.warning("This machine's clock has jumped %s, by %s", "ahead" if now > apart else "back", jump)
        apart = now


def _asked_for(scope: Mapping[str, Any]) -> str:
    """Path and query to the letter, as they were signed."""
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
