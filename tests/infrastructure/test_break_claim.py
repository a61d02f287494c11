"""A claim whose holder is dead can be broken by name, from a runbook's parameter."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from dialtone_nb.errors import HeldError
from dialtone_nb.infrastructure.claim import CLAIM, Claim
from dialtone_nb.infrastructure.record import Applied
from dialtone_nb.runbooks.steps.apply import apply_plan
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook
from tests.infrastructure.desk import SERVICE, WORKBENCH, Desk, stage_deployed


def test_the_runbooks_parameter_breaks_just_the_claim_that_it_names(desk: Desk) -> None:
    """An apply is refused while another operator holds the claim; their name in `break_claim` releases it."""
    desk.after(stage_deployed)
    environment = desk.client.serverless.v1.services(SERVICE).environments.list()[0]
    claim = Claim("ada@gone", desk.account.now() + timedelta(minutes=10), "0")
    environment.variables.create(key=CLAIM, value=str(claim))

    def apply(break_claim: str) -> object:
        parameters = ParameterValues({"consent": "rehearsal", "break_claim": break_claim})
        runbook = SimpleNamespace(parameters=parameters, project=desk.reports, attended=False, name="client_setup")
        return apply_plan(cast(Runbook, runbook), desk.set_up("workbench", buy=WORKBENCH))

    for name in ("", "bob@desk"):
        with pytest.raises(HeldError, match="ada@gone"):
            apply(name)
    applied = apply("ada@gone")
    assert isinstance(applied, Applied)
    assert applied.is_complete
