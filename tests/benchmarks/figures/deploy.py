"""Requests and seconds of a deploy beside the serverless toolkit's, of the same service to the same rehearsal.

Ours are the deploy runbook's steps in an open session, from reading the account to the check afterwards, with the
claim, the mark of the plan, and the second reading between the two. The toolkit is Twilio's command, which starts Node
each time. Only ours has domains, mappings and numbers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from twilio.rest import Client

from dialtone_nb.account.account import CONTROL, Account, AccountCredentials
from dialtone_nb.account.transport import Transport
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.table import table_module
from dialtone_nb.parameters import load_parameters
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.http.tls import TlsProxy
from tests.benchmarks.child import ROOT
from tests.benchmarks.comparison import AtMost, Better, Comparison, Size, Within, seconds_of
from tests.contract.official import Official
from tests.infrastructure.desk import Desk, sample

CASES = ("first deploy", "deploy with nothing to do", "deploy after a change in one function")
PEER = "twilio-run deploy"
EDITED = "sip-outgoing.protected.js"
DEPLOY = ("deploy", "--service-name", "dialtone", "--environment", "stage", "--runtime", "node22")


@dataclass(frozen=True, slots=True)
class Deployed:
    """The requests and seconds of one deploy; `service` counts the requests to Serverless only."""

    seconds: float
    service: int
    all: int
    writes: int


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """The three cases, ours and the toolkit's, each in an account of its own."""
    with ExitStack() as open_things:
        ours = _deploy_ours(
            open_things.enter_context(start_rehearsal(folder / "ours.db")), folder / "ours", open_things
        )
        theirs = _deploy_theirs(
            open_things.enter_context(start_rehearsal(folder / "theirs.db")), folder / "theirs", open_things
        )
    for case, our, their in zip(CASES, ours, theirs, strict=True):
        aim = Within(1) if case == CASES[0] else Better(3)
        yield Comparison(f"{case}: requests for the service", "", our.service, PEER, their.service, aim)
        yield Comparison(f"{case}: requests, domains and numbers too", "", our.all)
        yield Comparison(f"{case}: time", "s", our.seconds, PEER, their.seconds, None if case == CASES[0] else aim)
    yield Comparison(f"{CASES[1]}: writes", "", ours[1].writes, PEER, theirs[1].writes, AtMost(0))


def _deploy_ours(rehearsal: Rehearsal, project: Path, open_things: ExitStack) -> list[Deployed]:
    token = rehearsal.auth_token
    transport = Transport(rehearsal.url)
    open_things.callback(transport.session.close)
    client = Client(rehearsal.account_sid, token, http_client=transport)
    account = Account(
        "rehearsal", AccountCredentials(rehearsal.account_sid, rehearsal.account_sid, token, token), transport, client
    )
    shutil.copytree(ROOT / "parameters" / "sample", project / "parameters")
    desk = Desk(account, project, *sample())

    def deploy() -> Any:
        account.sources.clear()  # as in a session of its own, which has read none yet
        return desk.do(desk.deploy())

    first, nothing = _count(rehearsal, deploy), _count(rehearsal, deploy)
    desk.edit("/sip-outgoing")
    return [first, nothing, _count(rehearsal, deploy)]


def _deploy_theirs(rehearsal: Rehearsal, project: Path, open_things: ExitStack) -> list[Deployed]:
    tls = open_things.enter_context(TlsProxy(rehearsal.url, project.with_suffix(".pem")))
    official = Official(rehearsal, tls, project.parent)
    shutil.copytree(ROOT / "dialtone_nb/service/functions", project / "functions")
    table = table_module(compile_table(load_parameters(ROOT / "parameters" / "sample")))
    (project / "functions" / "table.private.js").write_text(table)
    shutil.copy(ROOT / "dialtone_nb/service/package.json", project)

    def deploy() -> Any:
        return official.toolkit(project, *DEPLOY)

    first, nothing = _count(rehearsal, deploy), _count(rehearsal, deploy)
    with (project / "functions" / EDITED).open("a") as file:
        file.write("\n// edited\n")
    return [first, nothing, _count(rehearsal, deploy)]


def _count(rehearsal: Rehearsal, deploy: Callable[[], object]) -> Deployed:
    control: dict[str, Any] = {
        "url": f"{rehearsal.url}/requests",
        "headers": {"Host": CONTROL.removeprefix("http://")},
        "timeout": 30,
    }
    requests.delete(**control)
    seconds = seconds_of(deploy)
    asked: dict[str, int] = requests.get(**control).json()["requests"]
    asked = {name: count for name, count in asked.items() if "rehearsal.localhost" not in name}
    service = sum(count for name, count in asked.items() if "serverless" in name)
    writes = sum(count for name, count in asked.items() if not name.startswith("GET"))
    return Deployed(seconds, service, sum(asked.values()), writes)
