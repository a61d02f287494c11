"""Where a runbook works: the account, what is declared, and what would be deployed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dialtone_nb.account.account import Account, beside_rehearsal, read_environment
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.table import Table
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.apply import ChangeOutcome
from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD
from dialtone_nb.infrastructure.existing import Existing, fetch_existing
from dialtone_nb.infrastructure.own_server import OwnServer, server_folder
from dialtone_nb.infrastructure.plan import Change, Plan
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.model import Id, Resource
from dialtone_nb.infrastructure.resources.variables import VARIABLE, variable_key
from dialtone_nb.parameters import Parameters
from dialtone_nb.runbooks.opening import Runbook
from dialtone_nb.service.bundle import TABLE, Bundle, read_bundle, table_bundle

# A variable's value at Twilio.
VARIABLE_BYTES = 450


@dataclass(frozen=True)
class Site:
    """One environment of one account, with everything that the files say of it."""

    account: Account
    parameters: Parameters
    environment: str
    bundle: Bundle
    project: Path
    trunk_password: str = field(default="", repr=False)
    # Our own server, where network.yaml has one, whether or not it answers Twilio today.
    server: OwnServer | None = None
    # The run's parameters as they were when it was opened: somebody may change them in the form afterwards.
    given: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def is_protected(self) -> bool:
        """Whether the environment needs a plan's fingerprint as consent."""
        return self.parameters.network.environments[self.environment].protected

    @property
    def files(self) -> str:
        """What identifies what the files say: the digest of their code, or the version of the table."""
        own = self.parameters.network.self_hosted
        return self.bundle.modules[TABLE].sha256 if own else self.bundle.digest

    @property
    def secrets(self) -> Mapping[Id, str]:
        """The variables' values."""
        key = VARIABLE.id(variable_key(self.environment, TRUNK_PASSWORD))
        return {key: self.trunk_password} if self.trunk_password else {}

    @property
    def private(self) -> Path:
        """Where the phones' passwords are written: a rehearsal's beside its state, never among the real ones."""
        return beside_rehearsal(self.project, "private") if self.account.is_rehearsal else self.project / "private"

    def look(self, *others: str, build: str = "", known: Existing | None = None) -> Existing:
        """What is there for this environment, and what is live in the others; `known` from the look before."""
        return fetch_existing(
            self.account,
            self.parameters.network,
            self.environment,
            bundle=self.bundle,
            secrets=self.secrets,
            server=self.server,
            others=others,
            build=build,
            known=known,
        )

    def plan(
        self, title: str, changes: Sequence[Change], notes: Sequence[str], existing: Existing, **compared: str
    ) -> Plan:
        """The plan of these changes, bound to this account, this environment and what was compared.

        That is what each thing to be changed is, and the plan that was applied here before: so a plan's fingerprint is
        good for one apply, whatever state comes back later.
        """
        live = existing.live(self.environment)
        found = {change.id: existing.state.get(change.id) for change in changes}
        network = self.parameters.network
        return Plan(
            title,
            self.account.label,
            self.environment,
            self.is_protected,
            tuple(changes),
            {
                "account": self.account.sid,
                "service": network.service.name,
                "files": self.files,
                "live": f"{live.fields['code']} ({live.sid})" if live else "none",
                "applied": existing.applied or "none",
                **{str(one): _identity(resource) for one, resource in found.items() if resource},
                **{name: value for name, value in compared.items() if value},
            },
            tuple(notes),
            self.account.is_rehearsal,
        )


def _identity(resource: Resource) -> str:
    """What tells a thing from another of its name.

    A credential has no field that shows its new password, so its date tells it from itself before. Other things show
    what has changed, and have dates that move by themselves: a number's, when its address is registered at last.
    """
    date = resource.given["date_updated"] if resource.kind is CREDENTIAL else ""
    return " of ".join(filter(None, (resource.sid, str(date))))


def open_site(runbook: Runbook, environment: str = "") -> Site:
    """The site of a runbook; an `InputError` with every fault of the dial plan, before anything is asked."""
    parameters = runbook.declared
    table = compile_table(parameters)
    account = runbook.account
    password = read_environment(runbook.project).get(TRUNK_PASSWORD, "")
    account.transport.keep_secret(password)
    if len(password.encode()) > VARIABLE_BYTES:
        raise InputError(
            Fault(TRUNK_PASSWORD, f"is longer than the {VARIABLE_BYTES} bytes that Twilio takes", "shorten it")
        )
    return Site(
        account,
        parameters,
        environment or runbook.environment,
        make_bundle(parameters, table),
        runbook.project,
        password,
        own_server(parameters, table, account, runbook.project),
        dict(runbook.parameters),
    )


def make_bundle(parameters: Parameters, table: Table) -> Bundle:
    """What would be deployed: functions with the table, or for our own server the table alone."""
    network = parameters.network
    return table_bundle(table) if network.self_hosted else read_bundle(table, network.service.runtime)


def own_server(parameters: Parameters, table: Table, account: Account, project: Path) -> OwnServer | None:
    """Our own server, where the files have one."""
    server = parameters.network.server
    if server is None:
        return None
    return OwnServer(server_folder(server, account, project), server.base_urls, table)


def no_secrets(_: Plan) -> Mapping[Id, str]:
    """No passwords: what most plans need."""
    return {}


@dataclass(frozen=True, eq=False)
class Proposal:
    """A plan, and all that it takes to apply it and to plan once more."""

    plan: Plan
    site: Site
    existing: Existing
    # Looks once more: what is there now.
    look: Callable[[], Existing]
    # The same plan, for what another look finds.
    make: Callable[[Existing], Plan]
    # Plans once more for the check: what is left to do, which should be nothing.
    again: Callable[[], Plan]
    # Makes the passwords that the changes need, and keeps them in private files, just before they are sent.
    make_secrets: Callable[[Plan], Mapping[Id, str]] = no_secrets
    # Puts where it counts what was made ready and then sent, a phone's new password; also after a run that stopped.
    settle: Callable[[Sequence[ChangeOutcome]], None] = lambda _: None
    # What is written beside the record when all is done, such as a device sheet; says what.
    finish: Callable[[Sequence[ChangeOutcome]], Sequence[str]] = lambda _: ()
    bundle: Bundle | None = None


def fetch_existing_things(runbook: Runbook) -> Existing:
    """What is there for the runbook's environment, before anything is planned; only reading."""
    return open_site(runbook).look()
