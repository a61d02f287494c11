"""Every apply of the runbooks, as the sweep runs it: initial account, proposal, and the calls meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from typing import Any

from dialtone_nb.errors import InputError
from dialtone_nb.infrastructure.resources.model import Action
from dialtone_nb.infrastructure.site import Proposal
from dialtone_nb.runbooks.protect import propose_protect
from dialtone_nb.runbooks.rotate import propose_rotate
from tests.faults.accounts import EDITED, KEY, PROD, serving
from tests.infrastructure.desk import LOBBY, SERVICE, STAGE, VAN, WORKBENCH, Desk, Hosting

PHONE = "stage and a phone"
OUTSIDE = "+15035550142"
Order = dict[str, Any]

FROM_STAGE: Order = {"client": "workbench", "dial": "5035550199", "domain": STAGE}
TO_STAGE: Order = {"from": OUTSIDE, "to": WORKBENCH}
FROM_PROD: Order = {"client": "lobby", "dial": "5035550199", "domain": PROD}
TO_PROD: Order = {"from": OUTSIDE, "to": LOBBY}
TO_VAN: Order = {"from": OUTSIDE, "to": VAN}
FROM_VAN: Order = {"client": "van", "dial": "5035550199", "domain": STAGE}
EVERYBODY = (FROM_STAGE, TO_STAGE, FROM_PROD, TO_PROD)


# Ends servers that run in a process of the sweep together with it.
_until_the_end = ExitStack()


@dataclass(frozen=True)
class Apply:
    """One apply: its initial account, the edited files, the proposal at first and when run again."""

    name: str
    account: str
    propose: Callable[[Desk], Proposal]
    calls: tuple[Order, ...] = EVERYBODY
    edit: str = ""
    # What an operator runs after it broke off, where that is not the same again.
    run_again: Callable[[Desk], Proposal] | None = None
    builds: bool = False
    # Who answers Twilio by the files, where the apply is about our own server.
    hosting: Hosting | None = None

    @property
    def propose_again(self) -> Callable[[Desk], Proposal]:
        """The proposal to run after an interruption."""
        return self.run_again or self.propose

    def prepare(self, desk: Desk) -> Desk:
        """The desk with this apply's files, and our own server running if the apply needs it."""
        if self.edit:
            desk.edit(self.edit)
        if self.hosting:
            _until_the_end.enter_context(serving(desk))
            desk.host(self.hosting)
        return desk


def _roll_back(desk: Desk) -> Proposal:
    """Roll back to the build by its SID, since "previous" means another one afterwards."""
    builds = desk.client.serverless.v1.services(SERVICE).builds.list()
    return desk.promote(build=min(builds, key=lambda build: build.date_created).sid)


def _protect(desk: Desk) -> Proposal:
    return propose_protect(desk.site("stage"), "monitor", alarm_address="https://hooks.example.org/spend")


def _rotate(desk: Desk, *, secret: str, action: Action) -> Proposal:
    """One step of a rotation, then an empty proposal, as the next step is another apply."""
    try:
        proposal = propose_rotate(desk.site("stage"), secret, key=KEY)
    except InputError:  # the key is gone
        return desk.deploy()
    is_it = proposal.plan.is_empty or proposal.plan.count(action)
    return proposal if is_it else desk.deploy()


def _step(secret: str, action: Action) -> Callable[[Desk], Proposal]:
    return partial(_rotate, secret=secret, action=action)


APPLIES = (
    Apply("deploy, first", "empty", methodcaller("deploy"), (FROM_STAGE, TO_STAGE), builds=True),
    Apply("deploy, after drift", "drifted", methodcaller("deploy")),
    Apply("deploy, one function", "network", methodcaller("deploy"), edit=EDITED, builds=True),
    Apply("promote, first", PHONE, methodcaller("promote")),
    Apply("promote", "stage ahead of prod", methodcaller("promote"), edit=EDITED),
    Apply("roll back", "promoted twice", methodcaller("promote", build="previous"), edit=EDITED, run_again=_roll_back),
    Apply("client, add", "network", methodcaller("set_up", "van", buy=VAN), (*EVERYBODY, FROM_VAN, TO_VAN)),
    Apply("client, add with an emergency address", "stage", methodcaller("set_up", "workbench", buy=WORKBENCH), ()),
    Apply(
        "client, new password",
        "network",
        methodcaller("set_up", "workbench", "rotate"),
        run_again=methodcaller("set_up", "workbench"),
    ),
    Apply("client, suspend", "network", methodcaller("set_up", "workbench", "suspend")),
    Apply("delete, client", "network", methodcaller("delete", "client", client="workbench", release=[WORKBENCH])),
    Apply("delete, environment", "network", methodcaller("delete", "environment", "prod")),
    Apply(
        "delete, service",
        "stage and two phones",
        methodcaller("delete", "service", release=[VAN]),
        (FROM_STAGE, TO_STAGE, FROM_VAN, TO_VAN),
    ),
    Apply("protect", "network", _protect),
    Apply("rotate, secondary token", "network", _step("auth token", Action.CREATE)),
    Apply("rotate, promote it", "rotating", _step("auth token", Action.UPDATE)),
    Apply("rotate, second API key", "network and a key", _step("api key", Action.CREATE)),
    Apply("rotate, first API key goes", "rotating", _step("api key", Action.DELETE)),
    Apply("rotate, next trunk password", "network", _step("trunk", Action.CREATE)),
    Apply("rotate, trunk password is sent", "rotating", _step("trunk", Action.UPDATE)),
    Apply(
        "our own server, first",
        "empty",
        methodcaller("deploy"),
        (FROM_STAGE, TO_STAGE),
        builds=True,
        hosting="self_hosted",
    ),
    Apply("move to our own server", PHONE, methodcaller("deploy"), (FROM_STAGE, TO_STAGE), hosting="self_hosted"),
    Apply(
        "functions go, but for the fallback",
        "own server",
        methodcaller("delete", "other_hosting"),
        (FROM_STAGE, TO_STAGE),
        builds=True,
        hosting="self_hosted",
    ),
    Apply("move back to functions", "own server", methodcaller("deploy"), (FROM_STAGE, TO_STAGE), hosting="functions"),
)
