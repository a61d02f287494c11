"""The fallback URL that our plans set, which Twilio requests if a function fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dialtone_nb.account.rehearsal_control import place_call
from tests.infrastructure.desk import STAGE, WORKBENCH, Desk, lines, stage_deployed, workbench_set_up


def legs(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The legs of a call, with their ends."""
    return [(leg["to"], leg["status"]) for leg in told["children"]]


def test_a_broken_table_loses_no_emergency_call(desk: Desk) -> None:
    """The functions can't load it: the fallback dials 911, and other callers hear that the line is being repaired."""
    desk.after(stage_deployed, workbench_set_up)
    assert desk.domain().voice_fallback_url == desk.url("stage", "/fallback")
    assert desk.number(WORKBENCH).voice_fallback_url == desk.url("stage", "/fallback")
    desk.edit("/table", "\nthrow new Error('no table');\n")
    desk.do(desk.deploy())
    called = place_call(desk.account, {"client": "workbench", "dial": "911", "domain": STAGE})
    assert legs(called) == [("+1911", "completed")]
    for call in (
        {"client": "workbench", "dial": "5035550199", "domain": STAGE},
        {"from": "+12065550142", "to": WORKBENCH},
    ):
        told = place_call(desk.account, call)
        assert told["heard"] == ["This line is being repaired. Please try again later."]
        assert [alert["code"] for alert in told["alerts"] if alert["code"] == 11200] == [11200]


def test_what_somebody_else_had_set_is_shown_before_it_is_replaced(desk: Desk) -> None:
    """Fallback URL and status callback are shown with their old values."""
    desk.after(stage_deployed)
    theirs = "https://elsewhere.example.org/"
    domain = desk.domain()
    desk.client.sip.domains(domain.sid).update(voice_fallback_url=theirs, voice_status_callback_url=theirs)
    plan = desk.deploy().plan
    assert lines(plan) == [f"update SIP domain {STAGE}: voice_fallback_url, voice_status_callback_url"]
    (change,) = plan.changes
    assert set(change.before.values()) == {theirs}
    assert "somebody else set" in change.warning


def test_a_number_that_is_kept_leads_nowhere_at_all(desk: Desk) -> None:
    """Twilio keeps no fallback URL without a voice URL, so both are removed."""
    desk.do(desk.set_up("workbench", buy=WORKBENCH))
    desk.do(desk.delete("environment"))
    assert (desk.number(WORKBENCH).voice_url, desk.number(WORKBENCH).voice_fallback_url) == ("", "")
