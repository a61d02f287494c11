"""The live dial plan is read back from the deployed table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.display.telephony.what_if import WhatIf
from dialtone_nb.infrastructure.live_table import fetch_live_table, read_serving_table, read_table_module
from dialtone_nb.runbooks.explore import ask_what_if
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.server.folder import push_table, switch_table
from dialtone_nb.service.bundle import read_bundle
from tests.infrastructure.desk import SERVICE, Desk, sample


def test_the_live_table_is_the_one_that_was_deployed(desk: Desk) -> None:
    """It is read completely, whatever the files contain by now."""
    parameters, _ = sample()
    assert fetch_live_table(desk.account, SERVICE, "stage") is None
    desk.do(desk.deploy())
    assert fetch_live_table(desk.account, SERVICE, "stage") == compile_table(parameters)
    assert fetch_live_table(desk.account, SERVICE, "prod") is None
    assert fetch_live_table(desk.account, SERVICE, "nowhere") is None


def test_another_dial_plan_is_read_as_it_is_live(desk: Desk) -> None:
    """A rule that only the live table has is read."""
    parameters, bundle = sample()
    fewer = replace(
        parameters, dialplan=parameters.dialplan.model_copy(update={"rules": parameters.dialplan.rules[:5]})
    )
    other = read_bundle(compile_table(fewer), parameters.network.service.runtime)
    desk.bundle = other
    desk.do(desk.deploy())
    desk.bundle = bundle
    live = fetch_live_table(desk.account, SERVICE, "stage")
    assert live is not None
    assert len(live.rules) == 5


def test_our_own_server_says_itself_what_it_serves(tmp_path: Path) -> None:
    """It returns the served table, not one that was only uploaded."""
    parameters, _ = sample()
    table = compile_table(parameters)
    version = push_table(tmp_path, table)
    assert read_serving_table(tmp_path, "stage") is None
    switch_table(tmp_path, "stage", version)
    assert read_serving_table(tmp_path, "stage") == table
    assert read_serving_table(tmp_path, "prod") is None


def test_where_our_own_server_answers_it_is_asked(desk: Desk) -> None:
    """The runbook asks the server that will answer the next call."""
    desk.host("self_hosted")
    runbook = cast(
        Runbook, SimpleNamespace(declared=desk.parameters, account=desk.account, project=desk.project, attended=False)
    )
    before = cast(WhatIf, ask_what_if(runbook, "workbench", "911"))
    assert before.asked == "the files: nothing is live in stage"
    server = desk.site("stage").server
    assert server is not None
    switch_table(server.folder, "stage", push_table(server.folder, server.table))
    assert cast(WhatIf, ask_what_if(runbook, "workbench", "911")).asked == "the dial plan that is live in stage"


def test_a_module_of_another_form_is_no_table() -> None:
    """A module deployed by another program or a later version is not read as a table."""
    assert read_table_module("module.exports = {};") is None
    assert read_table_module("exports.handler = () => {}") is None
