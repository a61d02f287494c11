"""Calls during a fault: who reaches a person, who hears the right message, and who is lost.

Each fault is tried on the network without `then` and fallback URLs ("before"), and with both ("after"): a further
number to ring, and the fallback URLs that our plans set. A fault happens at rest, or begins before a deploy, a promote
or a move of the hosting, between whose API calls the calls are placed.
"""

from __future__ import annotations

import re
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import methodcaller
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from dialtone_nb.account.account import CONTROL
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.infrastructure import desired
from dialtone_nb.infrastructure.site import Proposal
from dialtone_nb.rehearsal.functions import front
from dialtone_nb.rehearsal.http import own_servers
from dialtone_nb.server.server_settings import AUTH_TOKEN, read_settings
from tests.faults.accounts import EDITED, PROD, TRUNK_PASSWORD, closing_desk, copied, make_account, serving
from tests.faults.applies import OUTSIDE, Order
from tests.faults.strikes import watch
from tests.faults.tables import as_table
from tests.infrastructure.desk import LOBBY, SERVICE, STAGE, WORKBENCH, Desk, Hosting
from tests.server.running_server import server_in_thread

# Whom a call rings on to that nobody answered.
RINGS_ON_TO = "+12065550144"
# How long the rehearsal waits for our own server, instead of Twilio's fifteen seconds.
PATIENCE_S = 0.5
# During an apply, calls are placed before every so many of its API calls.
EVERY = 8
REACHED, HEARD, LOST = "reached", "heard why", "lost"


@dataclass(frozen=True)
class Place:
    """The phone whose calls are placed, with its number, domain and environment."""

    environment: str
    phone: str
    number: str
    domain: str

    def orders(self, fault: CallFault) -> dict[str, Order]:
        """The calls to try a fault with, by kind."""
        ours: Order = {"client": self.phone, "domain": self.domain}
        rung = {f"sip:{self.phone}@{self.domain}": fault.rung} if fault.rung else {}
        every: dict[str, Order] = {
            "out": ours | {"dial": "5035550199"},
            "trunk": ours | {"dial": "#"} | fault.trunk,
            "911": ours | {"dial": "911"},
            "in": {"from": OUTSIDE, "to": self.number, "targets": rung},
        }
        return {kind: every[kind] for kind in fault.kinds}


OF_STAGE = Place("stage", "workbench", WORKBENCH, STAGE)
OF_PROD = Place("prod", "lobby", LOBBY, PROD)


@dataclass(frozen=True)
class CallFault:
    """A fault: how it begins, how called phones behave, and which hosting is used."""

    name: str
    begin: Callable[[Desk, Place], AbstractContextManager[Any]] = lambda desk, place: nullcontext()
    hosting: Hosting = "functions"
    kinds: tuple[str, ...] = ("out", "trunk", "911", "in")
    rung: Order = field(default_factory=dict)
    trunk: Order = field(default_factory=dict)
    # How long the rehearsal lets a function run: as long as Twilio does, but where that is what is waited for.
    function_limit_s: float = front.TIME_LIMIT_S


def _control(desk: Desk, path: str, body: Order) -> None:
    desk.account.transport.send("POST", f"{CONTROL}{path}", json=body).raise_for_status()


def _server_at(desk: Desk, address: str) -> None:
    host = urlsplit(desk.server.base_urls["stage"]).hostname
    basic = desk.account.credentials.basic
    names = {"host": host, "address": address}
    desk.account.transport.send("POST", f"{CONTROL}/servers", json=names, auth=basic).raise_for_status()


@contextmanager
def _killed_alone(desk: Desk, place: Place) -> Iterator[None]:
    """The server is killed and no voice functions stand by; if fallback URLs are set, the fallback answers."""
    desk.do(desk.delete("other_hosting"))
    with _killed(desk, place):
        yield


@contextmanager
def _killed(desk: Desk, _: Place) -> Iterator[None]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    _server_at(desk, address)
    yield


def _stub(wait_s: float, body: bytes) -> Callable[[Desk, Place], AbstractContextManager[None]]:
    """A server in place of ours that answers this after a delay."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            time.sleep(wait_s)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            with suppress(BrokenPipeError):  # who asked has given up
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write no log."""

    @contextmanager
    def begin(desk: Desk, _: Place) -> Iterator[None]:
        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            _server_at(desk, f"http://127.0.0.1:{server.server_port}")
            with patch.object(own_servers, "BUDGET_S", PATIENCE_S):
                yield
            server.shutdown()

    return begin


@contextmanager
def _table_missing(desk: Desk, _: Place) -> Iterator[None]:
    secrets = {AUTH_TOKEN: desk.account.credentials.auth_token, "TRUNK_PASSWORD": TRUNK_PASSWORD}
    url = desk.server.base_urls["stage"]
    with tempfile.TemporaryDirectory() as empty:
        settings = read_settings(secrets, environment="stage", folder=Path(empty), base_url=url, proxies=())
        with server_in_thread(settings) as caller:
            _server_at(desk, caller.url)
            yield


def _edited(paths: Iterable[str], more: str) -> Callable[[Desk, Place], AbstractContextManager[None]]:
    """Deploy the functions with code added to these modules; the files stay as they are."""

    @contextmanager
    def begin(desk: Desk, place: Place) -> Iterator[None]:
        whole = desk.bundle
        for path in paths:
            desk.edit(path, more)
        desk.do(desk.deploy("stage"))
        if place.environment == "prod":
            desk.do(desk.promote())
        desk.bundle = whole
        yield

    return begin


@contextmanager
def _not_deployed(desk: Desk, place: Place) -> Iterator[None]:
    environments = desk.client.serverless.v1.services(SERVICE).environments
    environments(desk.environment_sid(place.environment)).deployments.create()
    yield


@contextmanager
def _switched_off(desk: Desk, place: Place) -> Iterator[None]:
    _control(desk, f"/clients/{place.phone}", {"registered": False, "domain": place.domain})
    yield


HANDLERS = ("/sip-outgoing", "/sip-incoming", "/call-status")
FAULTS = (
    CallFault("nothing"),
    CallFault("our server killed", _killed, "self_hosted"),
    CallFault("our server killed, no functions but the fallback", _killed_alone, "self_hosted"),
    CallFault("our server slow", _stub(3 * PATIENCE_S, b""), "self_hosted"),
    CallFault("our server returns rubbish", _stub(0, b"<html>It works!"), "self_hosted"),
    CallFault("our server's table missing", _table_missing, "self_hosted"),
    CallFault("functions crash", _edited(["/decide"], "\nthrow new Error('broken');\n")),
    CallFault("functions time out", _edited(HANDLERS, "\nexports.handler = () => {};\n"), function_limit_s=2),
    CallFault("functions not deployed", _not_deployed),
    CallFault("the phone off", _switched_off, kinds=("in",)),
    CallFault("the phone busy", kinds=("in", "911"), rung={"busy": True}),
    CallFault("the phone not answering", kinds=("in", "911"), rung={"no_answer": True}),
    CallFault("the trunk dead", kinds=("trunk", "911"), trunk={"unreachable": True}),
)


@dataclass(frozen=True)
class Moment:
    """When a fault occurs: at rest or during an apply; with the initial account and the phones concerned."""

    name: str
    account: str
    place: Place = OF_STAGE
    propose: Callable[[Desk], Proposal] | None = None
    edit: str = ""
    # Where the hosting moves to.
    moves_to: Hosting | None = None


QUIET = Moment("quiet", "own server")
MOMENTS = (
    QUIET,
    Moment("deploy", "own server", propose=methodcaller("deploy"), edit=EDITED),
    Moment("promote", "network", OF_PROD, methodcaller("promote"), edit=EDITED),
    Moment("move to our own server", "own server", propose=methodcaller("deploy"), moves_to="self_hosted"),
    Moment("move to functions", "own server", propose=methodcaller("deploy"), moves_to="functions"),
)


@dataclass(frozen=True)
class Case:
    """A fault at a moment, with or without `then` and fallback URLs."""

    fault: CallFault
    moment: Moment
    is_after: bool

    def __str__(self) -> str:
        return f"{self.fault.name}, {self.moment.name}, {'after' if self.is_after else 'before'}"


def list_cases(faults: Sequence[CallFault] = FAULTS, moments: Sequence[Moment] = MOMENTS) -> list[Case]:
    """Every case: the server that breaks is stage's, and a hosting that is moved was used before."""
    return [
        Case(fault, moment, is_after)
        for moment in moments
        for fault in faults
        for is_after in (False, True)
        if (moment.place is OF_STAGE or fault.hosting == "functions") and moment.moves_to != fault.hosting
    ]


@dataclass(frozen=True)
class Verdict:
    """The results of a case: how many calls of each kind ended how, and what lost callers heard."""

    case: Case
    came_to: Mapping[tuple[str, str], int]
    heard: tuple[str, ...] = ()
    error: str = ""

    def count(self, kinds: Iterable[str] = ("out", "trunk", "911", "in"), words: Iterable[str] = ()) -> int:
        """The number of calls of these kinds with these ends, or with any."""
        ends = tuple(words) or (REACHED, HEARD, LOST)
        return sum(self.came_to.get((kind, end), 0) for kind in kinds for end in ends)


def run_case(case: Case, account: Path) -> Verdict:
    """Place the calls of a case on a copy of an account."""
    came_to: Counter[tuple[str, str]] = Counter()
    heard: list[str] = []
    place = case.moment.place
    with copied(account) as folder, closing_desk(folder) as desk, ExitStack() as fault:
        fault.enter_context(patch.object(front, "TIME_LIMIT_S", case.fault.function_limit_s))
        if not case.is_after:
            fault.enter_context(patch.object(desired, "fallback_url", lambda *_: ""))
        _prepare(desk, case, fault)
        orders, right = place.orders(case.fault), _right_words(desk)
        fault.enter_context(case.fault.begin(desk, place))

        def call(number: int) -> None:
            if number % EVERY == 0:
                for kind, order in orders.items():
                    end, said = _place(desk, kind, order, right)
                    came_to[kind, end] += 1
                    heard.extend([f"{kind}: {said}"] if end == LOST else [])

        if case.moment.propose is None:
            call(0)
        else:
            if case.moment.edit and case.fault.hosting == "functions":
                desk.edit(case.moment.edit)
            elif case.moment.edit:
                # Our own server has the table alone.
                desk.declare(place.phone, call_time_limit_s=1800)
            if case.moment.moves_to:
                desk.host(case.moment.moves_to)
            if place is OF_PROD:
                # Stage is ahead, so that there is something to promote.
                desk.do(desk.deploy())
            proposal = case.moment.propose(desk)
            watch(desk, call, lambda _: None)
            desk.carry_out(proposal)
    return Verdict(case, came_to, tuple(dict.fromkeys(heard)))


def _prepare(desk: Desk, case: Case, fault: ExitStack) -> None:
    """Bring the network into the fault's initial state: both hostings live, the one to be used deployed last."""
    place = case.moment.place
    for environment in dict.fromkeys(("stage", place.environment)):
        fault.enter_context(serving(desk, environment))
    if case.is_after:
        desk.declare(place.phone, then={"number": RINGS_ON_TO})
    for hosting in (
        ("functions", "self_hosted") if case.fault.hosting == "self_hosted" else ("self_hosted", "functions")
    ):
        desk.host(hosting)
        desk.do(desk.deploy())
        if place is OF_PROD:
            desk.do(desk.promote())


def _right_words(desk: Desk) -> frozenset[str]:
    """All messages that our own dial plan may say."""
    return frozenset(compile_table(desk.parameters).messages.model_dump().values())


def _place(desk: Desk, kind: str, order: Order, right: frozenset[str]) -> tuple[str, str]:
    """Place a call; return its end and what the caller heard."""
    told: dict[str, Any] = desk.account.transport.send("POST", f"{CONTROL}/calls", json=order).json()
    said = " ".join(map(str, told.get("heard", ())))
    if any(leg["status"] == "completed" for leg in told.get("children", ())):
        return REACHED, said
    if kind == "911":
        # Whatever else is said: another phone helps.
        return (HEARD if "9 1 1" in said else LOST), said
    is_right = bool(said) and (said in right or re.search("being repaired", said) is not None)
    return (HEARD if is_right else LOST), said


def try_calls(cases: Sequence[Case], on_verdict: Callable[[Verdict], None] = lambda _: None) -> list[Verdict]:
    """Run each case, one after the other, each with its own rehearsal in this process."""
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="faulted-calls-") as name:
        accounts = {}
        for case in cases:
            account = case.moment.account
            if account not in accounts:
                accounts[account] = Path(name) / account.replace(" ", "-")
                make_account(accounts[account], account)
            try:
                verdict = run_case(case, accounts[account])
            except Exception as error:  # a case that can't even be set up is told as such, and the others go on
                verdict = Verdict(case, {}, error=f"{type(error).__name__}: {error}")
            verdicts.append(verdict)
            on_verdict(verdict)
    return verdicts


def amiss(verdicts: Iterable[Verdict]) -> list[str]:
    """Problems: cases that failed or placed no call, and lost calls that should not have been."""
    return [
        f"{one.case}: {one.error or '; '.join(one.heard) or 'no call was placed'}"
        for one in verdicts
        if one.error or not one.count() or (one.count(words=[LOST]) and one.case.is_after)
    ]


def table_of_calls(verdicts: Sequence[Verdict]) -> str:
    """A row a fault and moment: how many of the calls reached a person or heard the right message."""
    heads = ["fault", "moment"]
    for when in ("before", "after"):
        heads += [f"calls {when}", REACHED, HEARD, "share", "share of 911"]
    rows: list[list[Any]] = []
    pairs: dict[tuple[str, str], dict[bool, Verdict]] = {}
    for one in verdicts:
        pairs.setdefault((one.case.fault.name, one.case.moment.name), {})[one.case.is_after] = one
    for names, pair in pairs.items():
        rows.append(
            [*names, *(cell for when in (False, True) for cell in _cells([pair[when]] if when in pair else []))]
        )
    every = [_cells([one for one in verdicts if one.case.is_after is when]) for when in (False, True)]
    return as_table(heads, [*rows, ["all", "", *every[0], *every[1]]])


def _cells(verdicts: Sequence[Verdict]) -> list[Any]:
    counts = [sum(one.count(words=words) for one in verdicts) for words in ((), (REACHED,), (HEARD,))]
    emergency = [sum(one.count(["911"], words) for one in verdicts) for words in ((), (REACHED, HEARD))]
    return [*counts, _share(counts[1] + counts[2], counts[0]), _share(emergency[1], emergency[0])]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"
