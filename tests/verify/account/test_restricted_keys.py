"""Restricted API keys: read-only runbooks need exactly their permissions."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from twilio.rest import Client

from dialtone_nb.account.account import Account, AccountCredentials
from dialtone_nb.calls.load import load_calls
from dialtone_nb.calls.now import take_snapshot
from dialtone_nb.errors import PermissionMissingError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.runbooks.verify import verify_site
from dialtone_nb.verify.account.api_key import NEEDS, needs_of
from dialtone_nb.verify.checks import Verification
from tests.verify.conftest import ROOT, Stage


def with_key(stage: Stage, *allow: str) -> Stage:
    """Stage as seen with a key that has these permissions."""
    account = stage.site.account
    made = account.owner.iam.v1.new_api_key.create(
        account_sid=account.sid, friendly_name="k", key_type="restricted", policy={"allow": [*allow]}
    )
    credentials = AccountCredentials(account.sid, str(made.sid), str(made.secret))
    client = Client(*credentials.basic, account.sid, http_client=account.transport, environment={"TWILIO_EDGE": ""})
    return Stage(replace(stage.site, account=Account("rehearsal", credentials, account.transport, client)))


def run(stage: Stage, runbook: str) -> object:
    """Send a runbook's requests."""
    account = stage.site.account
    if runbook == "verify":
        return stage.verify()
    if runbook == "monitor":
        now = stage.site.account.now()
        return take_snapshot(
            account.client, now=now, minutes=60, environment="stage", phones={}, service="dialtone", registrations={}
        )
    return load_calls("twilio", account, service="dialtone")


@pytest.mark.parametrize("runbook", NEEDS)
def test_a_runbook_passes_with_its_own_permissions(stage: Stage, runbook: str) -> None:
    """What restricted keys can never read is reported, without a failure."""
    found = run(with_key(stage, *NEEDS[runbook]), runbook)
    if isinstance(found, Verification):
        assert found.exit_code == 0, found.summary
        told = {check.name: check.found for check in found.checks}
        assert told["service by this key"] == "no permission of a restricted key covers it"
        assert told["API key"] == "a restricted key with 9 permissions"


LESS = [(runbook, one) for runbook, needs in NEEDS.items() for one in sorted(needs)]


@pytest.mark.parametrize(("runbook", "less"), LESS, ids=lambda one: one.rpartition("twilio/")[2])
def test_a_runbook_fails_with_one_permission_less(stage: Stage, runbook: str, less: str) -> None:
    """The error names it."""
    key = with_key(stage, *NEEDS[runbook] - {less})
    if runbook == "verify":
        found = key.verify()
        assert found.exit_code == 2
        assert less in json.dumps([check.found for check in found.checks])
        return
    with pytest.raises(PermissionMissingError, match=less):
        run(key, runbook)


def test_verify_tells_what_a_key_may_do_beyond_need(stage: Stage) -> None:
    """A standard key and the auth token may do nearly everything; a restricted one is compared with its needs."""
    found = with_key(stage, *NEEDS["verify"], "/twilio/voice/calls/create").faults()["API key"]
    assert found.found.endswith("/twilio/voice/calls/create")
    token = next(check for check in stage.verify().checks if check.name == "API key")
    assert (token.state, token.found) == ("good", "the auth token, which may do everything")
    account = stage.site.account
    made = account.owner.iam.v1.new_api_key.create(account_sid=account.sid, friendly_name="standard")
    credentials = AccountCredentials(account.sid, str(made.sid), str(made.secret), account.credentials.auth_token)
    client = Client(*credentials.basic, account.sid, http_client=account.transport, environment={"TWILIO_EDGE": ""})
    standard = replace(stage.site, account=Account("rehearsal", credentials, account.transport, client))
    told = {check.name: check for check in verify_site(standard).checks}
    assert told["API key"].found == "a standard key, which may do nearly all"
    assert told["service dialtone"].state == "good"


def test_a_report_without_the_function_log_says_so(stage: Stage) -> None:
    """The log has the dial plan's refusals."""
    data = load_calls("twilio", with_key(stage, *NEEDS["call_report"]).site.account, service="dialtone")
    assert "a restricted API key can't read it" in str(data.findings)


def test_phones_that_share_a_number_take_one_permission_more() -> None:
    """The call record says which of them dialled the test number."""
    parameters = load_parameters(ROOT / "parameters" / "sample")
    assert needs_of("verify", parameters) == NEEDS["verify"]
    van = parameters.clients["van"].model_copy(update={"caller_id": parameters.clients["workbench"].caller_id})
    shared = replace(parameters, clients=parameters.clients | {"van": van})
    assert needs_of("verify", shared) - NEEDS["verify"] == {"/twilio/voice/calls/read"}
    assert needs_of("monitor", shared) == NEEDS["monitor"]
