"""Changes on Twilio's side that can affect a working service."""

from __future__ import annotations

from datetime import date

import pytest

from dialtone_nb.verify.account.twilio_side import WebhookRule, profile_check, rule_for, runtime_check, webhook_checks
from dialtone_nb.verify.checks import CheckState
from tests.verify.conftest import Stage

URL = "https://dialtone-1234-stage.twil.io/sip-outgoing"


@pytest.mark.parametrize(
    ("runtime", "today", "state"),
    [
        ("node18", date(2025, 11, 9), CheckState.UNKNOWN),
        ("node18", date(2025, 11, 10), CheckState.WRONG),
        ("node20", date(2025, 12, 1), CheckState.GOOD),
        ("node20", date(2026, 3, 2), CheckState.UNKNOWN),
        ("node20", date(2026, 11, 29), CheckState.UNKNOWN),
        ("node22", date(2026, 11, 29), CheckState.GOOD),
        ("node22", date(2027, 2, 1), CheckState.UNKNOWN),
        ("node99", date(2026, 11, 29), CheckState.UNKNOWN),
    ],
)
def test_a_runtimes_last_day_is_known(runtime: str, today: date, state: CheckState) -> None:
    """It is reported in advance, and wrong once Twilio no longer builds it."""
    assert runtime_check(runtime, today).state is state


@pytest.mark.parametrize(
    ("states", "allowed", "state"),
    [
        (["twilio-approved"], ["US"], CheckState.GOOD),
        (["draft", "twilio-approved"], ["US"], CheckState.GOOD),
        (["draft"], ["US"], CheckState.WRONG),
        ([], ["GB", "CA"], CheckState.WRONG),
        ([], ["GB"], CheckState.GOOD),
    ],
)
def test_calls_to_plus_one_want_a_customer_profile(states: list[str], allowed: list[str], state: CheckState) -> None:
    """Other countries need none."""
    assert profile_check(states, allowed).state is state


def rule(kind: str, match: str = "", *, signs: bool = True) -> WebhookRule:
    """A rule of the webhooks API."""
    return WebhookRule(kind, match, signs)


@pytest.mark.parametrize(
    ("rules", "is_good"),
    [
        ([], True),
        ([rule("DEFAULT")], False),
        ([rule("DEFAULT", signs=False)], True),
        ([rule("DEFAULT"), rule("EXACT_MATCH", URL, signs=False)], True),
        ([rule("DEFAULT", signs=False), rule("PREFIX_MATCH", "https://dialtone-")], False),
        ([rule("PREFIX_MATCH", "https://dialtone-"), rule("PREFIX_MATCH", URL[:-3], signs=False)], True),
        ([rule("PREFIX_MATCH", "https://other.example")], True),
    ],
)
def test_a_webhook_rule_that_signs_otherwise_is_told(rules: list[WebhookRule], is_good: bool) -> None:
    """Exact rules first, then the longest prefix, then the default."""
    (check,) = webhook_checks(rules, [URL])
    assert (check.state is CheckState.GOOD) is is_good
    assert is_good or "our signature check refuses everything" in check.meaning


def test_an_account_without_rules_has_none() -> None:
    """No rule applies."""
    assert rule_for(URL, []) is None


def test_verify_looks_at_both(stage: Stage) -> None:
    """On an account without a profile, whose default rule signs with another key."""
    account = stage.site.account
    post = account.transport.request
    url = "https://webhooks.twilio.com/v1/Webhooks"
    made = post("POST", f"{url}/Settings", data={"signature": "WSK1"}, auth=account.credentials.basic)
    rule = {"matchType": "DEFAULT", "settings": made.parsed["id"]}
    post("POST", f"{url}/Rules", data=rule, auth=account.credentials.basic)
    (profile,) = account.client.trusthub.v1.customer_profiles.list()
    account.client.trusthub.v1.customer_profiles(profile.sid).delete()
    faults = stage.faults()
    assert faults["customer profile"].found == "none is approved (there is none)"
    assert faults["webhook rules"].found.startswith("the default rule signs https://dialtone-")
