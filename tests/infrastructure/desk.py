"""An operator's desk: the runbooks' steps on a rehearsed account, and a client for changes made elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from twilio.rest import Client as TwilioClient

from dialtone_nb.account.account import CONTROL, Account
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.table import Table
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.apply_phases import apply_proposal
from dialtone_nb.infrastructure.own_server import OwnServer
from dialtone_nb.infrastructure.plan import Change, Plan
from dialtone_nb.infrastructure.record import Applied
from dialtone_nb.infrastructure.resources.model import Action, ResourceType
from dialtone_nb.infrastructure.site import Proposal, Site, make_bundle, own_server
from dialtone_nb.parameters import Client, Parameters, load_parameters
from dialtone_nb.runbooks.client_setup import propose_client
from dialtone_nb.runbooks.delete import propose_delete
from dialtone_nb.runbooks.deploy import propose_deploy
from dialtone_nb.runbooks.promote import propose_promote
from dialtone_nb.service.bundle import Bundle, Module

ROOT = Path(__file__).parents[2]
SERVICE = "dialtone"
STAGE = "dialtone-example-stage.sip.twilio.com"
STAGE_NONEMERGENCY = "dialtone-example-nonemergency-stage.sip.twilio.com"
LIST = "dialtone-phones"
# Two phones of stage: one with an emergency address, one without; and one of prod.
WORKBENCH, VAN, LOBBY = "+15035550101", "+15035550102", "+15035550103"

Hosting = Literal["functions", "self_hosted"]
Observe = Callable[[ChangeOutcome | Change], None]
Steps = tuple[Callable[["Desk"], object], ...]


def sample() -> tuple[Parameters, Bundle]:
    """The sample network, and its declared resources."""
    parameters, _, bundle = hosted_sample("functions")
    return parameters, bundle


@functools.cache
def hosted_sample(hosting: Hosting) -> tuple[Parameters, Table, Bundle]:
    """The sample network with this hosting, its compiled dial plan, and its declared resources."""
    parameters = load_parameters(ROOT / "parameters" / "sample")
    network = parameters.network.model_copy(update={"hosting": hosting})
    parameters = replace(parameters, network=network)
    table = compile_table(parameters)
    return parameters, table, make_bundle(parameters, table)


@dataclass
class Desk:
    """One operator, one project, one account."""

    account: Account
    project: Path
    parameters: Parameters
    bundle: Bundle
    trunk_password: str = ""
    # Takes a desk on an empty account to where steps lead.
    begin: Callable[[Desk, Steps], None] | None = None

    @property
    def client(self) -> TwilioClient:
        """Twilio's own client, to change the account outside the runbooks."""
        return self.account.client

    @property
    def reports(self) -> Path:
        """The folder of records and journals."""
        return self.project / "reports"

    def site(self, environment: str) -> Site:
        """One environment, as a runbook opens it."""
        self.account.transport.keep_secret(self.trunk_password)
        return Site(
            self.account, self.parameters, environment, self.bundle, self.project, self.trunk_password, self.server
        )

    @property
    def server(self) -> OwnServer:
        """Our own server, as declared in network.yaml."""
        # A runbook compiles the files once; a desk is asked often, and the files are mostly the sample's.
        parameters, table, _ = hosted_sample(self.parameters.network.hosting)
        table = table if self.parameters is parameters else compile_table(self.parameters)
        server = own_server(self.parameters, table, self.account, self.project)
        assert server
        return server

    # --- what the files say ---

    def edit(self, path: str, more: str = "\n// edited\n") -> None:
        """Change one module of the files."""
        modules = dict(self.bundle.modules)
        modules[path] = Module(path, modules[path].visibility, modules[path].content + more.encode())
        self.bundle = replace(self.bundle, modules=modules)

    def declare(self, name: str, **fields: Any) -> None:
        """Change one phone of clients.yaml, or add one."""
        before = self.parameters.clients.get(name)
        entry = {**(before.model_dump(exclude_unset=True) if before else {}), **fields}
        clients = {**self.parameters.clients, name: Client.model_validate(entry)}
        self.parameters = replace(self.parameters, clients=clients)
        self.bundle = make_bundle(self.parameters, compile_table(self.parameters))

    def host(self, hosting: Hosting, *, fallback_function: bool = True) -> None:
        """Change the line of network.yaml that declares the hosting, and whether functions stand by."""
        if fallback_function and self.parameters is hosted_sample(self.parameters.network.hosting)[0]:
            self.parameters, _, self.bundle = hosted_sample(hosting)
            return
        network = self.parameters.network
        assert network.server
        server = network.server.model_copy(update={"fallback_function": fallback_function})
        network = network.model_copy(update={"hosting": hosting, "server": server})
        self.parameters = replace(self.parameters, network=network)
        self.bundle = make_bundle(self.parameters, compile_table(self.parameters))

    # --- what the runbooks do ---

    def deploy(self, environment: str = "stage", **options: Any) -> Proposal:
        """The proposal of deploy."""
        return propose_deploy(self.site(environment), **options)

    def promote(self, environment: str = "prod", source: str = "stage", **options: Any) -> Proposal:
        """The proposal of promote."""
        return propose_promote(self.site(environment), source, **options)

    def set_up(self, client: str, action: str = "set up", *, buy: str = "") -> Proposal:
        """The proposal of client set-up."""
        return propose_client(self.site(self.parameters.clients[client].environment), client, action, buy=buy)

    def delete(self, what: str, environment: str = "stage", **options: Any) -> Proposal:
        """The proposal of delete."""
        return propose_delete(self.site(environment), what, **options)

    def carry_out(self, proposal: Proposal, consent: str = "rehearsal", **options: Any) -> Applied:
        """Apply a proposal and return its outcome."""
        return apply_proposal(proposal, consent, runbook="test", reports=self.reports, **options)

    def do(self, proposal: Proposal) -> Applied:
        """Apply a proposal that must succeed, and return its outcome."""
        applied = self.carry_out(proposal)
        assert applied.exit_code == 0, told(applied)
        return applied

    def after(self, *steps: Callable[[Desk], object]) -> Desk:
        """The desk after these steps, with which a test begins: they are restored where another test took them."""
        assert self.begin
        self.begin(self, steps)
        return self

    # --- the rehearsal's own door ---

    def requests(self) -> dict[str, int]:
        """The number of requests per method since the last call."""
        counted = self.account.transport.send("GET", f"{CONTROL}/requests").json()["requests"]
        self.account.transport.send("DELETE", f"{CONTROL}/requests")
        methods: dict[str, int] = {}
        for name, count in counted.items():
            methods[name.split()[0]] = methods.get(name.split()[0], 0) + count
        return methods

    def fault(self, fault: str, method: str = "", path: str = "", nth: int = 1, times: int = 1) -> None:
        """Have the rehearsal cause a fault on requests to Twilio's hosts."""
        match = {"method": method, "path": path, "nth": nth}
        answer = self.account.transport.send(
            "POST", f"{CONTROL}/faults", json={"match": match, "fault": fault, "times": times}
        )
        assert answer.status_code == 201, answer.text

    # --- what is there ---

    def live(self, environment: str) -> str:
        """The SID of the live build."""
        return str(
            self.client.serverless.v1.services(SERVICE)
            .environments(self.environment_sid(environment))
            .fetch()
            .build_sid
        )

    def environment_sid(self, environment: str) -> str:
        """The SID of an environment of the service."""
        listed = self.client.serverless.v1.services(SERVICE).environments.list()
        return str(next(one.sid for one in listed if one.unique_name == environment))

    def url(self, environment: str, path: str) -> str:
        """The current URL of a function."""
        listed = self.client.serverless.v1.services(SERVICE).environments.list()
        return f"https://{next(one.domain_name for one in listed if one.unique_name == environment)}{path}"

    def domain(self, name: str = STAGE) -> Any:
        """A SIP domain, as Twilio returns it."""
        return next((one for one in self.client.sip.domains.list() if one.domain_name == name), None)

    def number(self, number: str) -> Any:
        """A number, as Twilio returns it; None if it is not owned."""
        return next(iter(self.client.incoming_phone_numbers.list(phone_number=number)), None)


# --- steps with which many tests begin ---


def trunk_password_told(desk: Desk) -> None:
    """The operator's environment has the trunk's password."""
    desk.trunk_password = "a-trunk-secret"


def stage_deployed(desk: Desk) -> None:
    """Stage is deployed."""
    desk.do(desk.deploy())


def workbench_set_up(desk: Desk) -> None:
    """The phone with an emergency address is set up, with a number bought for it."""
    desk.do(desk.set_up("workbench", buy=WORKBENCH))


def van_set_up(desk: Desk) -> None:
    """The phone without an emergency address is set up, with a number bought for it."""
    desk.do(desk.set_up("van", buy=VAN))


def prod_promoted(desk: Desk) -> None:
    """What stage has is live in prod."""
    desk.do(desk.promote())


def lines(plan: Plan) -> list[str]:
    """The changes of a plan in words, `update SIP domain x: voice_url`, in the plan's order."""
    return [line_of(change) for change in plan.changes]


def line_of(change: Change) -> str:
    """One change in words; an update with the fields that differ."""
    fields = f": {', '.join(sorted(change.after))}" if change.action is Action.UPDATE else ""
    return f"{change.action} {change.kind} {change.key}{fields}"


def kinds(plan: Plan) -> dict[ResourceType, int]:
    """The number of changes per kind."""
    counted: dict[ResourceType, int] = {}
    for change in plan.changes:
        counted[change.kind] = counted.get(change.kind, 0) + 1
    return counted


def told(applied: Applied) -> str:
    """The outcome of every change, for a failing test's message."""
    said = [f"{one.status} {line_of(one.change)} {one.error} {one.note}" for one in applied.outcomes]
    return "\n".join([applied.summary, *said, *(lines(applied.check) if applied.check else [])])


def statuses(applied: Applied) -> Mapping[Status, int]:
    """The number of changes per outcome."""
    counted: dict[Status, int] = {}
    for one in applied.outcomes:
        counted[one.status] = counted.get(one.status, 0) + 1
    return counted
