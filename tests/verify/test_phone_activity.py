"""Phones with unusually many calls are found; usual and emergency calls are not."""

from __future__ import annotations

import pytest

from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.rehearsal.state.call_records import start_call
from dialtone_nb.rehearsal.state.store import Store
from dialtone_nb.verify.checks import CheckState
from tests.verify.conftest import Stage


@pytest.fixture(autouse=True)
def long_quiet(stage: Stage) -> None:
    """An account without calls for more than a week."""
    stage.site.account.wait(8 * 86_400)


def call(stage: Stage, client: str, times: int) -> None:
    """Have a phone place this many calls."""
    domain = stage.site.parameters.sip_domain_of(client)
    for _ in range(times):
        stage.tell("/calls", client=client, domain=domain, dial="5035550199", busy=True)


def test_a_phone_out_of_its_habit_is_wrong_and_the_repair_stops_it(stage: Stage) -> None:
    """Four calls a day are usual, thirteen are not; a day later they are part of its history."""
    call(stage, "van", 4)
    stage.site.account.wait(2 * 86_400)
    call(stage, "van", 12)
    assert "usage of van" not in stage.faults()
    call(stage, "van", 1)
    (check,) = [one for name, one in stage.faults().items() if name == "usage of van"]
    assert check.state is CheckState.WRONG
    assert check.found == "13 calls in 24 hours, at most 4 on a day of the 6 before"
    assert "client van and action suspend" in check.repair
    stage.site.account.wait(86_400)
    call(stage, "van", 13)
    assert "usage of van" not in stage.faults()


def test_calls_by_way_of_an_edge_are_the_phones_too(stage: Stage, rehearsal: Rehearsal) -> None:
    """Calls at a localised domain count for the phone."""
    domain = stage.site.parameters.sip_domain_of("van").replace(".sip.", ".sip.ashburn.")
    store = Store(rehearsal.served.store.path, rehearsal.identity.seed)
    with store.transaction() as tables:
        for _ in range(11):
            start_call(
                tables, f"sip:van@{domain}:5061;transport=tls", f"sip:5035550199@{domain}", "inbound", "completed"
            )
    store.close()
    faults = stage.faults()
    assert faults["usage of van"].found == "11 calls in 24 hours, at most 0 on a day of the 6 before"
    assert "calls under names of no phone here" not in faults


def test_calls_under_the_name_of_no_phone_are_wrong(stage: Stage, rehearsal: Rehearsal) -> None:
    """Callers choose the name they show, so it can't be counted, but an unknown one can be reported."""
    domain = stage.site.parameters.sip_domain_of("van")
    store = Store(rehearsal.served.store.path, rehearsal.identity.seed)
    with store.transaction() as tables:
        for name in ("nobody", "nobody", "lobby"):  # the last is a phone of prod
            start_call(tables, f"sip:{name}@{domain}", f"sip:5035550199@{domain}", "inbound", "completed")
    store.close()
    check = stage.faults()["calls under names of no phone here"]
    assert check.state is CheckState.WRONG
    assert check.found == "3 in 24 hours, as lobby, nobody"
    stage.site.account.wait(86_400)
    assert "calls under names of no phone here" not in stage.faults()


def test_a_few_calls_are_never_out_of_habit(stage: Stage) -> None:
    """Trying out a new phone raises no alarm."""
    call(stage, "van", 10)
    assert "usage of van" not in stage.faults()
