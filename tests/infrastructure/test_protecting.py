"""Additional protection of the account: dialling permissions, usage triggers, and restricted API keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialtone_nb.errors import InputError, PermissionMissingError
from dialtone_nb.infrastructure.resources.account_secrets import kept_secret
from dialtone_nb.infrastructure.site import Proposal
from dialtone_nb.runbooks.protect import propose_protect
from dialtone_nb.verify.account.api_key import NEEDS
from tests.infrastructure.conftest import OpenDesk
from tests.infrastructure.desk import Desk, lines

ADDRESS = "https://hooks.example.org/spend?key=k3y"


def protect(desk: Desk, keys: str = "", address: str = ADDRESS) -> Proposal:
    """The proposal of protect."""
    return propose_protect(desk.site("stage"), keys, alarm_address=address)


def allow(desk: Desk, *countries: str) -> None:
    """Change the countries of dialplan.yaml."""
    dialplan = desk.parameters.dialplan.model_copy(update={"allowed_countries": countries})
    desk.parameters = replace(desk.parameters, dialplan=dialplan)


def permitted(desk: Desk) -> set[str]:
    """The countries enabled in the account's dialling permissions."""
    countries = desk.client.voice.v1.dialing_permissions.countries.list()
    return {str(one.iso_code) for one in countries if one.low_risk_numbers_enabled}


def test_the_countries_of_the_dial_plan_are_on_and_no_others_in_one_request(desk: Desk) -> None:
    """A country that is no longer allowed is disabled; the plan lists it."""
    allow(desk, "US", "CA", "MX", "GB")
    proposal = protect(desk, address="")
    (change,) = proposal.plan.changes
    assert (change.before["GB"], change.after["GB"], change.after["PR"]) == ("off", "on", "off")
    assert "US" not in change.after
    desk.requests()
    desk.do(proposal)
    assert desk.requests()["POST"] == 1
    assert permitted(desk) == {"US", "CA", "MX", "GB"}
    assert protect(desk, address="").plan.is_empty
    assert "changes which countries the account may call" in proposal.plan.grave


def test_both_spellings_of_the_bulk_update_are_tried(open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twilio's documentation and its example differ in the keys' spelling."""
    desk = open_desk()
    monkeypatch.setattr("dialtone_nb.rehearsal.api.dialing_permissions._spelt", lambda _, key: _pascal(key))
    allow(desk, "US", "MX")
    desk.do(protect(desk, address=""))
    assert permitted(desk) == {"US", "MX"}


def _pascal(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))


def test_spend_alarms_follow_the_file_and_tell_whom_the_environment_names(desk: Desk) -> None:
    """A new amount is a new usage trigger, as Twilio can't change one; undeclared ones of ours are deleted."""
    triggers = desk.client.usage.triggers
    triggers.create(callback_url=ADDRESS, trigger_value="1", usage_category="calls", friendly_name="another's")
    proposal = protect(desk)
    assert lines(proposal.plan) == ["create spend alarm daily", "create spend alarm monthly"]
    assert "k3y" not in proposal.plan.json()
    desk.do(proposal)
    assert {one.callback_url for one in triggers.list(recurring="daily")} == {ADDRESS}
    network = desk.parameters.network.model_copy(update={"spend_alarms": {"daily": 30.5}})
    desk.parameters = replace(desk.parameters, network=network)
    assert lines(protect(desk).plan) == ["update spend alarm daily: usd", "delete spend alarm monthly"]
    desk.do(protect(desk))
    assert {one.friendly_name: one.trigger_value for one in triggers.list()} == {
        "another's": "1",
        "dialtone spend alarm, daily": "30.50",
    }
    assert any("SPEND_ALARM_URL is not set" in note for note in protect(desk, address="").plan.notes)


@pytest.mark.parametrize("fault", ["truncated", "timeout-after", "reset"])
def test_an_alarm_whose_answer_is_lost_is_there_once(desk: Desk, fault: str) -> None:
    """Whatever the fault, the trigger is created once."""
    desk.account.transport.timeouts = (1, 0.3)
    desk.fault(fault, "POST", f"/2010-04-01/Accounts/{desk.account.sid}/Usage/Triggers.json")
    desk.do(protect(desk))
    assert len(desk.client.usage.triggers.list()) == 2


def test_keys_are_made_with_what_a_runbook_needs_and_nothing_more(desk: Desk) -> None:
    """The secret is saved in a private file; the next plan is empty, and additional permissions are removed."""
    proposal = protect(desk, "monitor", "")
    assert lines(proposal.plan) == ["create API key dialtone monitor"]
    desk.do(proposal)
    sid = kept_secret(proposal.site.private, "dialtone monitor", "TWILIO_API_KEY")
    assert kept_secret(proposal.site.private, "dialtone monitor", "TWILIO_API_SECRET")
    key = desk.account.owner.iam.v1.api_key(sid)
    assert key.fetch().policy == {"allow": sorted(NEEDS["monitor"])}
    assert protect(desk, "monitor", "").plan.is_empty
    key.update(policy={"allow": [*NEEDS["monitor"], "/twilio/voice/calls/create"]})
    desk.do(protect(desk, "monitor", ""))
    assert key.fetch().policy == {"allow": sorted(NEEDS["monitor"])}
    with pytest.raises(InputError, match="'deploy' is not a runbook that can do with a restricted key"):
        protect(desk, "deploy")


def test_a_restricted_key_is_told_which_permission_it_lacks(desk: Desk) -> None:
    """The error says that deploying requires a standard key."""
    desk.do(protect(desk, "monitor", ""))
    site = desk.site("stage")
    secret = [kept_secret(site.private, "dialtone monitor", f"TWILIO_API_{name}") for name in ("KEY", "SECRET")]
    desk.account.client.auth = (secret[0], secret[1])
    with pytest.raises(PermissionMissingError, match=r"has no permission /twilio/voice/calls/read .*protect"):
        desk.client.calls("CA" + "0" * 32).fetch()
    with pytest.raises(InputError, match="restricted key"):
        desk.deploy()
