"""Rotating secrets in steps, without losing a call."""

from __future__ import annotations

from dataclasses import replace

import pytest
from twilio.rest import Client

from dialtone_nb.account.account import CONTROL, Account
from dialtone_nb.errors import ConsentError, CredentialsError, InputError
from dialtone_nb.infrastructure.resources.account_secrets import is_token_good, kept_secret, kept_token
from dialtone_nb.infrastructure.site import Proposal
from dialtone_nb.runbooks.rotate import numbered, propose_rotate, split_name
from tests.faults.accounts import serving
from tests.faults.calls import Routing, place_calls
from tests.infrastructure.conftest import OpenDesk
from tests.infrastructure.desk import (
    STAGE,
    WORKBENCH,
    Desk,
    lines,
    stage_deployed,
    trunk_password_told,
    workbench_set_up,
)

ORDERS = (
    {"client": "workbench", "domain": STAGE, "dial": "5035550199"},
    {"client": "workbench", "domain": STAGE, "dial": "933"},
    {"client": "workbench", "domain": STAGE, "dial": "#"},
    {"from": "+15035550188", "to": WORKBENCH},
)


@pytest.fixture
def calling(desk: Desk) -> Desk:
    """A desk with stage deployed and a phone that places and receives calls."""
    desk.after(trunk_password_told, stage_deployed, workbench_set_up)
    told = {"registered": True, "domain": STAGE}
    desk.account.transport.send("POST", f"{CONTROL}/clients/workbench", json=told)
    return desk


def rotate(desk: Desk, secret: str, **options: object) -> Proposal:
    """The next step of a rotation."""
    return propose_rotate(desk.site("stage"), secret, **options)  # type: ignore[arg-type]


def calls(desk: Desk) -> Routing:
    """The results of calls placed now, each of which must be answered."""
    routing = place_calls(desk, ORDERS)
    assert all(one.reached for one in routing), routing
    return routing


def test_an_auth_token_is_rotated_in_two_steps_and_calls_go_on(calling: Desk) -> None:
    """The secondary token is created, then promoted; this session uses it, and the old one is rejected."""
    before, old = calls(calling), calling.account.credentials.auth_token
    first = rotate(calling, "auth token")
    assert lines(first.plan) == ["create auth token secondary"]
    with pytest.raises(ConsentError, match="not a plan's fingerprint"):
        calling.carry_out(first, consent="stage")
    calling.do(first)
    new = kept_token(first.site.private)
    assert is_token_good(calling.account, old)
    assert is_token_good(calling.account, new)
    assert calls(calling) == before
    second = rotate(calling, "auth token")
    assert lines(second.plan) == ["update auth token primary: token"]
    assert new not in second.plan.json()
    calling.do(second)
    assert calls(calling) == before
    assert calling.account.credentials.auth_token == new
    assert not is_token_good(calling.account, old)
    assert kept_secret(second.site.private, "auth token", "TWILIO_AUTH_TOKEN") == new
    assert lines(rotate(calling, "auth token").plan) == ["create auth token secondary"]


@pytest.mark.parametrize("fault", ["timeout-before", "timeout-after", "truncated", "reset-after"])
def test_a_promotion_whose_answer_is_lost_is_looked_for(desk: Desk, fault: str) -> None:
    """Which token Twilio accepts shows whether it was promoted; it is never promoted twice."""
    desk.after(stage_deployed)
    desk.account.transport.timeouts = (1, 0.3)
    desk.do(rotate(desk, "auth token"))
    step = rotate(desk, "auth token")
    new = kept_token(step.site.private)
    desk.fault(fault, "POST", "/v1/AuthTokens/Promote")
    desk.do(step)
    assert desk.account.credentials.auth_token == new
    assert desk.client.sip.domains.list()


def test_a_secondary_token_whose_answer_is_lost_is_made_anew(desk: Desk) -> None:
    """The first value is lost, and Twilio has at most one secondary token."""
    desk.fault("truncated", "POST", "/v1/AuthTokens/Secondary")
    desk.do(rotate(desk, "auth token"))
    assert is_token_good(desk.account, kept_token(desk.site("stage").private))


def test_a_token_that_was_promoted_by_a_run_that_broke_off_is_taken_up(desk: Desk, open_desk: OpenDesk) -> None:
    """The old token is rejected by then; the private file gets the valid one."""
    desk.do(rotate(desk, "auth token"))
    desk.account.owner.accounts.v1.auth_token_promotion().update()
    with pytest.raises(CredentialsError):
        desk.client.sip.domains.list()
    assert lines(rotate(desk, "auth token").plan) == ["create auth token secondary"]
    assert desk.client.sip.domains.list() == []


def test_a_rotation_is_abandoned(desk: Desk) -> None:
    """The secondary token and its file are deleted."""
    desk.do(rotate(desk, "auth token"))
    token = kept_token(desk.site("stage").private)
    desk.do(rotate(desk, "auth token", abandon=True))
    assert not is_token_good(desk.account, token)
    assert not kept_token(desk.site("stage").private)


def test_no_token_is_promoted_that_our_own_server_does_not_hold(desk: Desk) -> None:
    """It would reject every call; once it has both tokens, calls continue during the promotion."""
    desk.host("self_hosted")
    with serving(desk):
        desk.do(desk.deploy())
        desk.do(desk.set_up("workbench", buy=WORKBENCH))
        desk.do(rotate(desk, "auth token"))
        with pytest.raises(InputError, match=r"does not prove that it holds the secondary token \(refused"):
            rotate(desk, "auth token")
    with serving(desk, TWILIO_AUTH_TOKEN_SECONDARY=kept_token(desk.site("stage").private)):
        before = place_calls(desk, ORDERS[:1])
        assert before[0].reached
        desk.do(rotate(desk, "auth token"))
        assert place_calls(desk, ORDERS[:1]) == before
        assert desk.deploy().plan.is_empty


def test_a_standard_key_is_told_that_it_makes_no_keys(desk: Desk) -> None:
    """Twilio's own message only says that the credentials are wrong."""
    made = desk.account.owner.iam.v1.new_api_key.create(account_sid=desk.account.sid, friendly_name="standard")
    credentials = replace(desk.account.credentials, username=made.sid, password=made.secret, auth_token="")
    desk.account.client.auth = credentials.basic
    desk.account = Account("rehearsal", credentials, desk.account.transport, desk.account.client)
    with pytest.raises(CredentialsError, match="is a standard key, which may see and make no keys; set TWILIO_AUTH"):
        rotate(desk, "api key", key="standard")


def test_a_token_takes_the_token_to_rotate(desk: Desk) -> None:
    """An API key can't create one."""
    credentials = replace(desk.account.credentials, auth_token="")
    desk.account = Account("rehearsal", credentials, desk.account.transport, desk.account.client)
    with pytest.raises(InputError, match="TWILIO_AUTH_TOKEN"):
        rotate(desk, "auth token")


def test_an_api_key_is_followed_by_another_and_goes_once_nobody_here_uses_it(desk: Desk) -> None:
    """The new key gets the same permissions; the old one is kept as long as this session uses it."""
    account, keys = desk.account, desk.account.owner.iam.v1
    allow = {"allow": ["/twilio/voice/calls/list"]}
    old = keys.new_api_key.create(account_sid=account.sid, friendly_name="ci", key_type="restricted", policy=allow)
    desk.do(rotate(desk, "api key", key="ci"))
    private = desk.site("stage").private
    sid = kept_secret(private, "ci #2", "TWILIO_API_KEY")
    client = Client(sid, kept_secret(private, "ci #2", "TWILIO_API_SECRET"), account.sid, http_client=account.transport)
    assert client.calls.list() == []
    assert keys.api_key(sid).fetch().policy == allow
    in_use = replace(account.credentials, username=old.sid)
    user = replace(desk, account=Account("rehearsal", in_use, account.transport, account.client))
    with pytest.raises(InputError, match="is the one in use here; set TWILIO_API_KEY"):
        rotate(user, "api key")
    step = rotate(desk, "api key", key="ci")
    assert lines(step.plan) == ["delete API key ci"]
    desk.do(step)
    assert [one.friendly_name for one in keys.get_api_keys.list(account_sid=account.sid)][:1] == ["ci #2"]
    assert lines(rotate(desk, "api key", key="ci #2").plan) == ["create API key ci #3"]


@pytest.mark.parametrize("fault", ["truncated", "timeout-after"])
def test_a_key_whose_secret_was_lost_on_the_way_is_made_anew(desk: Desk, fault: str) -> None:
    """Twilio shows a secret once: the unusable key is deleted."""
    desk.account.transport.timeouts = (1, 0.3)
    keys = desk.account.owner.iam.v1
    keys.new_api_key.create(account_sid=desk.account.sid, friendly_name="ci")
    desk.fault(fault, "POST", "/v1/Keys")
    desk.do(rotate(desk, "api key", key="ci"))
    names = [one.friendly_name for one in keys.get_api_keys.list(account_sid=desk.account.sid)]
    assert names.count("ci #2") == 1


def test_the_trunk_has_both_passwords_before_twilio_sends_the_new_one(calling: Desk) -> None:
    """The new password is created, sent, and removed from the pending file once it is in use."""
    before = calls(calling)
    calling.do(rotate(calling, "trunk"))
    new = kept_secret(calling.site("stage").private, "trunk password", "TRUNK_PASSWORD")
    assert calls(calling) == before
    step = rotate(calling, "trunk")
    assert lines(step.plan) == ["update variable stage/TRUNK_PASSWORD: value"]
    assert new not in step.plan.json()
    with pytest.raises(ConsentError, match="is not enough"):
        calling.carry_out(step, consent="stage")
    calling.do(step)
    assert calls(calling) == before
    assert rotate(calling, "trunk").plan.is_empty
    with pytest.raises(InputError, match="stage: sends the next password already"):
        rotate(calling, "trunk", abandon=True)
    calling.trunk_password = new
    calling.do(rotate(calling, "trunk"))
    assert not kept_secret(calling.site("stage").private, "trunk password", "TRUNK_PASSWORD")
    assert lines(calling.deploy().plan) == []


def test_a_phones_password_is_rotated_as_client_set_up_does(calling: Desk) -> None:
    """Its number rings meanwhile, as Twilio keeps the registration until it expires."""
    step = rotate(calling, "phone", client="workbench")
    assert lines(step.plan) == ["update credential workbench: password"]
    calling.do(step)
    assert calls(calling)


def test_a_stranger_is_no_secret(desk: Desk) -> None:
    """The error lists what can be rotated."""
    with pytest.raises(InputError, match=r"parameter secret of rotate: is 'tokn'; known are phone"):
        rotate(desk, "tokn")
    with pytest.raises(InputError, match="'x' is not an API key of this account"):
        rotate(desk, "api key", key="x")


def test_a_key_keeps_its_name_and_gets_a_number() -> None:
    """A new key's name gets the next number; the first key's has none."""
    assert split_name("ci") == ("ci", 1)
    assert split_name("ci #12") == ("ci", 12)
    assert numbered(*split_name("ci #12")) == "ci #12"
