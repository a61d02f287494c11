"""Claims: one apply at a time on an environment, expiry, and claims that are left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from dialtone_nb.errors import HeldError, StalePlanError, UnknownOutcomeError
from dialtone_nb.infrastructure import claim
from dialtone_nb.infrastructure.apply import ChangeOutcome
from dialtone_nb.infrastructure.claim import (
    CLAIM,
    SOMEBODY,
    Claim,
    HeldClaim,
    held,
    parse_claim,
    variables_of,
)
from dialtone_nb.infrastructure.plan import Change
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.model import ApplyContext
from dialtone_nb.infrastructure.resources.services import SERVICE as SERVICE_TYPE
from dialtone_nb.values.holder import holder_name
from tests.infrastructure.conftest import OpenDesk
from tests.infrastructure.desk import SERVICE, Desk, lines, stage_deployed


@pytest.fixture
def deployed(desk: Desk) -> Desk:
    """An account with stage deployed."""
    desk.after(stage_deployed)
    return desk


@contextmanager
def claimed_by(desk: Desk, holder: str, monkeypatch: pytest.MonkeyPatch, **options: str) -> Iterator[HeldClaim]:
    """Have this operator hold the claim on stage."""
    with monkeypatch.context() as patched:
        patched.setenv("DIALTONE_OPERATOR", holder)
        service = desk.client.serverless.v1.services(SERVICE).fetch().sid
        with held(desk.account, variables_of(desk.account, service, sid(desk)), **options) as mine:
            patched.undo()
            yield mine


def sid(desk: Desk) -> str:
    """Stage's SID."""
    return desk.environment_sid("stage")


def claims(desk: Desk) -> list[str]:
    """The values of the claim on stage."""
    variables = desk.client.serverless.v1.services(SERVICE).environments(sid(desk)).variables
    return [one.value for one in variables.list() if one.key == CLAIM]


def test_second_operator_is_told_who_holds_the_environment(deployed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """During an apply another one is refused, with the holder, the expiry and the repair; it makes no write request."""
    deployed.edit("/decide")
    proposal = deployed.deploy()
    live = deployed.live("stage")
    with claimed_by(deployed, "grace@mill", monkeypatch):
        deployed.requests()
        with pytest.raises(
            HeldError, match=r"grace@mill is applying .* 2026-03-02 09:\d\d UTC .* break_claim"
        ) as refused:
            deployed.carry_out(proposal)
        assert set(deployed.requests()) == {"GET"}
    assert (refused.value.holder, refused.value.exit_code) == ("grace@mill", 3)
    assert deployed.live("stage") == live
    deployed.do(proposal)


def test_claim_is_gone_after_an_apply_and_after_one_that_failed(deployed: Desk) -> None:
    """A claim is released after every apply, whatever the outcome."""
    assert claims(deployed) == []
    deployed.edit("/decide")
    deployed.fault("failed-build")
    assert deployed.carry_out(deployed.deploy()).exit_code == 4
    assert claims(deployed) == []


def test_expired_claim_is_taken_over(deployed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that was left behind expires after a quarter of an hour."""
    with claimed_by(deployed, "grace@mill", monkeypatch):
        deployed.account.wait(14 * 60)
        deployed.edit("/decide")
        with pytest.raises(HeldError):
            deployed.carry_out(deployed.deploy())
        deployed.account.wait(61)
        deployed.do(deployed.deploy())
    assert claims(deployed) == []


def test_claim_is_broken_by_its_holders_name_alone(deployed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """break_claim with another name is refused; with the holder's it takes the claim over."""
    deployed.edit("/decide")
    proposal = deployed.deploy()
    with claimed_by(deployed, "grace@mill", monkeypatch):
        with pytest.raises(HeldError, match="grace@mill"):
            deployed.carry_out(proposal, break_claim="ada@switchroom")
        assert deployed.carry_out(proposal, break_claim="grace@mill").is_complete


UNREADABLE = {
    "words": "mine!",
    "nothing": "",
    "half": '{"holder": "grace@mill", "un',
    "no map": "[1]",
    "null": "null",
    "a time without a zone": '{"holder": "grace@mill", "until": "2026-03-02T09:00:00", "nonce": "0"}',
    "no time": '{"holder": "grace@mill", "until": null, "nonce": "0"}',
    "a number for a holder": '{"holder": 1, "until": "2026-03-02T09:00:00+00:00", "nonce": "0"}',
    "deep": "[" * 200,
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_claim_is_held_by_somebody(value: str) -> None:
    """An unreadable value counts as held and does not expire, as its writer may be at work."""
    assert parse_claim(value) == Claim(SOMEBODY, None, "")


def test_garbage_in_the_claim_holds_until_it_is_broken(deployed: Desk) -> None:
    """An apply is refused with the repair; breaking it by the given name removes it."""
    variables = deployed.client.serverless.v1.services(SERVICE).environments(sid(deployed)).variables
    variables.create(key=CLAIM, value="mine!")
    deployed.edit("/decide")
    deployed.account.wait(24 * 3600)
    with pytest.raises(HeldError, match=r"somebody is applying .* can't be read.* break_claim to 'somebody'"):
        deployed.carry_out(deployed.deploy())
    assert deployed.carry_out(deployed.deploy(), break_claim=SOMEBODY).is_complete
    assert claims(deployed) == []


@pytest.mark.parametrize("name", ["a|b", "a|2026-03-02T09:00:00|0", '"}', "ada\u202e\x1b[31m", "ä" * 400, " "])
def test_any_name_holds_once(deployed: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever the operator's name, only one holds the claim; messages show the name without control characters."""
    with (
        claimed_by(deployed, name, monkeypatch),
        pytest.raises(HeldError) as refused,
        claimed_by(deployed, name, monkeypatch),
    ):
        pass
    assert str(refused.value).isprintable()


def test_claim_on_one_environment_leaves_the_other_free(deployed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim on stage does not stop a promote to prod."""
    with claimed_by(deployed, "grace@mill", monkeypatch):
        deployed.do(deployed.promote())


def test_of_many_who_ask_at_once_one_alone_holds(
    open_desk: OpenDesk, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight at the same moment after an expired claim: one gets it, and the others are told the holder."""
    desk.after(stage_deployed)
    variables = desk.client.serverless.v1.services(SERVICE).environments(sid(desk)).variables
    variables.create(key=CLAIM, value=str(Claim("late", desk.account.now(), "0")))
    names = threading.local()
    monkeypatch.setattr(claim, "holder_name", lambda: names.mine)
    service, environment = desk.client.serverless.v1.services(SERVICE).fetch().sid, sid(desk)
    desks = [open_desk() for _ in range(8)]
    together, gate, inside, most = threading.Barrier(8), threading.Lock(), [0], [0]

    def apply(number: int) -> str:
        names.mine = f"operator-{number}"
        together.wait()
        try:
            with held(desks[number].account, variables_of(desks[number].account, service, environment)):
                with gate:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.02)  # so that the others find it held, not given back already
                with gate:
                    inside[0] -= 1
        except HeldError as error:
            return error.holder
        return "held"

    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(apply, range(8)))
    assert most[0] <= 1
    assert all(one == "held" or one.startswith("operator-") for one in came)
    assert claims(desk) == []


def test_a_claim_that_others_take_and_give_back_in_turn_is_asked_for_again(desk: Desk) -> None:
    """Each time somebody else has it when it is asked for, and nobody when the list is looked at."""
    desk.after(stage_deployed)
    service, environment = desk.client.serverless.v1.services(SERVICE).fetch().sid, sid(desk)
    variables = variables_of(desk.account, service, environment)
    asked: list[str] = []

    class Meeting:
        list = staticmethod(variables.list)

        @staticmethod
        def create(*, key: str, value: str) -> Any:
            asked.append(key)
            if len(asked) == claim.REFUSALS:
                return variables.create(key=key, value=value)
            other = variables.create(key=key, value=str(Claim("other", desk.account.now(), "0")))
            try:
                return variables.create(key=key, value=value)
            finally:
                other.delete()

    with held(desk.account, Meeting()) as mine:
        assert claims(desk) == [str(mine.claim)]
    assert len(asked) == claim.REFUSALS


@pytest.mark.parametrize("fault", ["500", "timeout-before", "timeout-after", "reset", "reset-after"])
def test_lost_answer_to_a_claim_is_looked_for(open_desk: OpenDesk, desk: Desk, fault: str) -> None:
    """A claim whose creation or deletion lost its answer is neither lost nor left behind."""
    desk.after(stage_deployed)
    quick = open_desk(timeout_s=0.3)
    quick.edit("/decide")
    for method in ("POST", "DELETE"):
        quick.edit("/decide")
        quick.fault(fault, method, "/Variables")
        quick.do(quick.deploy())
        assert claims(desk) == []


def test_claim_that_cannot_be_made_is_an_error_and_nothing_is_done(open_desk: OpenDesk, desk: Desk) -> None:
    """After three lost answers the apply ends before its first change."""
    desk.after(stage_deployed)
    live = desk.live("stage")
    desk.edit("/decide")
    desk.fault("500", "POST", "/Variables", times=3)
    with pytest.raises(UnknownOutcomeError, match="Variables"):
        desk.carry_out(desk.deploy())
    assert desk.live("stage") == live


def test_claim_that_cannot_be_given_back_costs_no_outcome(desk: Desk) -> None:
    """The outcome is reported and recorded, though the claim stays until it expires."""
    desk.after(stage_deployed)
    desk.edit("/decide")
    desk.fault("500", "DELETE", "/Variables", times=3)
    desk.do(desk.deploy())
    assert len(claims(desk)) == 1


def test_holder_is_the_operator_of_the_environment_or_user_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI jobs set their name; people are identified by user and machine."""
    monkeypatch.setenv("DIALTONE_OPERATOR", "ci job 7")
    assert holder_name() == "ci job 7"
    monkeypatch.delenv("DIALTONE_OPERATOR")
    assert "@" in holder_name()


def test_claim_reads_back_as_it_was_written(desk: Desk) -> None:
    """The claim's variable is read back unchanged."""
    made = Claim("ada@switchroom", desk.account.now(), "0a1b2c3d")
    assert parse_claim(str(made)) == made


@pytest.mark.parametrize("consent", ["fingerprint", "stage", "rehearsal"])
def test_what_somebody_did_since_a_plan_was_made_refuses_it(open_desk: OpenDesk, desk: Desk, consent: str) -> None:
    """A change by another operator makes a plan stale, whatever the consent; no write request is made."""
    desk.after(stage_deployed)
    desk.edit("/decide")
    mine = desk.deploy()
    other = open_desk()
    other.edit("/events")
    other.do(other.deploy())
    live = desk.live("stage")
    with pytest.raises(StalePlanError, match="things have changed since plan 'plan-") as refused:
        desk.carry_out(mine, mine.plan.fingerprint if consent == "fingerprint" else consent)
    assert refused.value.exit_code == 3
    assert len(refused.value.lines()) == 1
    assert desk.live("stage") == live
    assert claims(desk) == []
    desk.do(desk.deploy())
    assert lines(desk.deploy().plan) == []
    desk.do(desk.set_up("van", buy="+15035550102"))
    desk.do(desk.set_up("van", "rotate"))


def test_long_apply_renews_its_claim(desk: Desk, open_desk: OpenDesk) -> None:
    """An apply longer than a claim's duration holds the environment to its end."""
    other = open_desk()
    other.edit("/decide")
    began, refused = desk.account.now(), []

    def watch(event: ChangeOutcome | Change) -> None:
        if isinstance(event, Change) or event.change.kind in {SERVICE_TYPE, ENVIRONMENT}:
            return
        # Six functions are uploaded at once, and the claim is kept when the next ones are: this must not take it all.
        desk.account.wait(60)
        if desk.account.now() - began > claim.LASTS:
            with pytest.raises(HeldError, match="ada@switchroom is applying"):
                other.carry_out(other.deploy())
            refused.append(event.change.kind)

    assert desk.carry_out(desk.deploy(), observe=watch).is_complete
    assert len(refused) > 5
    assert desk.account.now() - began > 1.5 * claim.LASTS
    assert claims(desk) == []


def test_claim_is_not_written_at_every_change(deployed: Desk) -> None:
    """A short apply writes its claim once, as renewal depends on the time."""
    deployed.edit("/decide")
    proposal = deployed.deploy()
    deployed.requests()
    deployed.do(proposal)
    writes = {"claim": 1, "the plan's mark": 1, "uploads": 2, "build": 1, "deployment": 1}
    assert deployed.requests()["POST"] == sum(writes.values())


def test_run_whose_claim_was_broken_stops_before_its_next_change(
    deployed: Desk, open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run reports who took the claim over, and leaves its other changes."""
    deployed.edit("/decide")
    other = open_desk()
    live = deployed.live("stage")

    def take_over(self: ApplyContext, seconds: float) -> None:
        deployed.account.wait(6 * 60)
        with claimed_by(other, "grace@mill", monkeypatch, break_of="ada@switchroom"):
            self.keep_claim()

    monkeypatch.setattr(ApplyContext, "wait", take_over)
    applied = deployed.carry_out(deployed.deploy())
    assert applied.exit_code == 4
    assert any("grace@mill took this environment over" in one.error for one in applied.outcomes)
    assert deployed.live("stage") == live


def test_run_stops_though_whoever_took_over_is_done(
    deployed: Desk, open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim that has disappeared was broken, and its breaker may have changed the account."""
    deployed.edit("/decide")
    other = open_desk()

    def take_over(self: ApplyContext, seconds: float) -> None:
        deployed.account.wait(6 * 60)
        with claimed_by(other, "grace@mill", monkeypatch, break_of="ada@switchroom"):
            pass
        self.keep_claim()

    monkeypatch.setattr(ApplyContext, "wait", take_over)
    applied = deployed.carry_out(deployed.deploy())
    assert any("somebody took this environment over" in one.error for one in applied.outcomes)


def test_deleting_the_environment_ends_its_claim(deployed: Desk) -> None:
    """A delete that continues after its environment is gone does not report a lost claim."""

    def watch(event: ChangeOutcome | Change) -> None:
        if isinstance(event, ChangeOutcome):
            deployed.account.wait(6 * 60)

    deployed.do(deployed.set_up("van", buy="+15035550102"))
    assert deployed.carry_out(deployed.delete("service"), observe=watch).is_complete
