"""One environment of one account with everything that the files say of it, and what a runbook proposes to do there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dialtone_nb.account.account import Account, beside_rehearsal
from dialtone_nb.dialplan.table import Table
from dialtone_nb.errors import PermissionMissingError
from dialtone_nb.infrastructure.apply import ChangeOutcome
from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD, Live
from dialtone_nb.infrastructure.existing import Existing, fetch_existing
from dialtone_nb.infrastructure.own_server import OwnServer, server_folder
from dialtone_nb.infrastructure.plan import Change, Plan
from dialtone_nb.infrastructure.resources.model import Id, Resource
from dialtone_nb.infrastructure.resources.variables import VARIABLE, variable_key
from dialtone_nb.parameters import Parameters
from dialtone_nb.service.bundle import TABLE, Bundle, fallback_alone, read_bundle, table_bundle


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
    # Whether functions that answered calls stay whole where our own server does; else the fallback alone stays.
    keeps_functions: bool = True

    @property
    def is_protected(self) -> bool:
        """Whether the environment needs a plan's fingerprint as consent."""
        return self.parameters.network.environments[self.environment].protected

    def seen(self, path: Path) -> str:
        """A file as somebody in the project's folder finds it; if it is elsewhere, as what lies beside the state."""
        if path.is_relative_to(self.project):
            return path.relative_to(self.project).as_posix()
        state = self.private.parent
        if path.is_relative_to(state):
            return f"{path.relative_to(state).as_posix()}, beside the rehearsal's state"
        return str(path)

    @property
    def files(self) -> str:
        """What identifies what the files say: the digest of their code, or the version of the table."""
        own = self.parameters.network.self_hosted
        return self.bundle.modules[TABLE].sha256 if own else self.bundle.digest

    @property
    def live(self) -> Live:
        """What the files want to be live: code to build, or the version of the table for our own server."""
        return self.files if self.parameters.network.self_hosted else self.bundle

    def functions(self, answer_calls: bool) -> Bundle:
        """The functions that are wanted at Twilio: for our own server a standby, with the table that it gets.

        Those that answer calls already, as they did before the hosting was moved, are kept in step with it; where there
        are none, the fallback is all that is needed.
        """
        if not self.parameters.network.self_hosted or self.server is None:
            return self.bundle
        whole = read_bundle(self.server.table, self.parameters.network.service.runtime)
        return whole if answer_calls and self.keeps_functions else fallback_alone(whole)

    @property
    def secrets(self) -> Mapping[Id, str]:
        """The variables' values."""
        key = VARIABLE.id(variable_key(self.environment, TRUNK_PASSWORD))
        return {key: self.trunk_password} if self.trunk_password else {}

    @property
    def private(self) -> Path:
        """Where the phones' passwords are written: a rehearsal's beside its state, never among the real ones."""
        return beside_rehearsal(self.project, "private") if self.account.is_rehearsal else self.project / "private"

    def look(
        self,
        *others: str,
        build: str = "",
        known: Existing | None = None,
        unread: list[PermissionMissingError] | None = None,
    ) -> Existing:
        """What is there for this environment, and what is live in the others; `known` from the look before.

        Where `unread` is given, it is added to by what a restricted key may not read.
        """
        return fetch_existing(
            self.account,
            self.parameters.network,
            self.environment,
            wanted=self.functions,
            secrets=self.secrets,
            server=self.server,
            others=others,
            build=build,
            known=known,
            unread=unread,
        )

    def plan(
        self, title: str, changes: Sequence[Change], notes: Sequence[str], existing: Existing, **compared: str
    ) -> Plan:
        """The plan of these changes, bound to this account, this environment and what was compared.

        That is what each resource to be changed is, and the plan that was applied here before: so a plan's fingerprint
        is good for one apply, whatever state comes back later.
        """
        live = existing.live(self.environment)
        found = {change.id: existing.state.get(change.id) for change in changes}
        return Plan(
            title,
            self.account.label,
            self.environment,
            self.is_protected,
            tuple(changes),
            {
                "account": self.account.sid,
                "service": self.parameters.network.service.name,
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
    """What tells a resource from another of its name.

    A credential has no field that shows its new password, so its date tells it from itself before. Others show what has
    changed, and have dates that move by themselves: a number's, when its address is registered at last.
    """
    date = "" if resource.kind.shows_updates else resource.given["date_updated"]
    return " of ".join(filter(None, (resource.sid, str(date))))


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


@dataclass(frozen=True, eq=False)
class Proposal(ABC):
    """A plan for one site, and what else its apply does: a runbook says what its plan is, and overrides what differs.

    A proposal is made from a look, and plans at once. What comes of it is told by `apply_phases`.
    """

    site: Site
    # What the look has found that the plan was made from.
    existing: Existing
    plan: Plan = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Plan, so that a proposal that can't be made is none."""
        object.__setattr__(self, "plan", self.make_plan())

    @abstractmethod
    def make_plan(self) -> Plan:
        """The plan for what was found."""

    def look(self, known: Existing | None = None) -> Existing:
        """What there is now; `known` from the look before."""
        return self.site.look(known=known)

    def replan(self) -> Proposal:
        """The same proposal, made from what there is now."""
        return replace(self, existing=self.look(self.existing))

    def check(self) -> Plan:
        """What is left to do once all is done, which should be nothing."""
        return replace(self, existing=self.look()).plan

    def passwords(self) -> Mapping[Id, str]:
        """Make the passwords that the changes send; they are on disk before Twilio hears of them."""
        return {}

    def after_apply(self, outcomes: Sequence[ChangeOutcome]) -> None:  # noqa: B027  most plans make nothing ready
        """Put where it counts what was made ready and then sent, a phone's password; also after a run that stopped."""

    def when_nothing_to_do(self) -> Sequence[str]:
        """Bring up to date what lies on this computer alone, such as a device sheet; what it was, in words."""
        return ()

    def after_check(self, outcomes: Sequence[ChangeOutcome]) -> Sequence[str]:
        """Write what belongs beside the record when all is done, such as a device sheet; what it was, in words."""
        return ()
