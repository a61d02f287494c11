"""Probes on rehearsals, one as assumed and one that deviates in 30 ways; and the clean-up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from dialtone_nb.account.account import Account
from dialtone_nb.probe import findings as found
from dialtone_nb.probe.findings import Findings, Verdict, carry_out, facts_of, save_facts
from dialtone_nb.probe.leftovers import list_leftovers
from dialtone_nb.probe.probes import Allowed, Choice, choose_probes, load_probes
from dialtone_nb.probe.stage import Stage
from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.values.assumptions import Assumed, load_assumptions, read_facts
from tests.probe_by_others.probing import ADDRESS, ALL, account_of

DEVIATIONS: dict[str, Assumed] = yaml.safe_load(Path(__file__).with_name("deviations.yaml").read_text("utf-8"))
FREE = choose_probes(Allowed())


@contextmanager
def account_that(folder: Path, otherwise: dict[str, Assumed]) -> Iterator[Account]:
    """An account on a rehearsal of its own, which assumes some things otherwise."""
    with (
        start_rehearsal(folder / "state.db", twilio="recorded", otherwise=otherwise) as running,
        account_of(running) as account,
    ):
        yield account


def told(findings: Findings, verdict: Verdict) -> dict[str, object]:
    """The observations of one verdict, by assumption."""
    return {one.id: one.observed or one.why for one in findings.of(verdict)}


@pytest.fixture(scope="module")
def deviating(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """The probes' results at a Twilio that deviates."""
    with account_that(tmp_path_factory.mktemp("deviating"), DEVIATIONS) as account:
        return carry_out(account, ADDRESS, ALL)


def test_thirty_deviations_are_planted() -> None:
    """Each is an alternative of its row."""
    rows = load_assumptions()
    assert len(DEVIATIONS) == 30
    assert [name for name, value in DEVIATIONS.items() if value not in rows[name].alternatives] == []


def test_every_deviation_is_found_and_no_other(deviating: Findings) -> None:
    """None is missed, none is false, and all other assumptions hold."""
    assert told(deviating, Verdict.OPEN) == {}
    seen = {one.id: one.observed for one in deviating.of(Verdict.DIFFERS)}
    assert seen == DEVIATIONS
    assert len(deviating.of(Verdict.HOLDS)) == len(load_assumptions()) - 30


def test_each_difference_says_what_to_change(deviating: Findings) -> None:
    """The row, and its new value."""
    for one in deviating.of(Verdict.DIFFERS):
        value = str(one.observed).lower() if isinstance(one.observed, bool) else str(one.observed)
        assert one.change.startswith(f"set value of {one.id} to {value} in dialtone_nb/values/assumptions.yaml")
    assert deviating.exit_code == 2


def test_the_recorded_facts_make_a_rehearsal_that_answers_alike(deviating: Findings, tmp_path: Path) -> None:
    """A rehearsal that loads another account's facts agrees with all of them."""
    file = tmp_path / "facts.yaml"
    save_facts(file, facts_of(deviating, load_probes(), "2026-11"))
    facts = read_facts(file)
    assert {name: facts[name] for name in DEVIATIONS} == DEVIATIONS
    with account_that(tmp_path, facts) as account:
        again = carry_out(account, ADDRESS, FREE)
    assert {one.id: one.observed for one in again.findings if one.observed is not None} == {
        one.settles: facts[one.settles] for one in FREE.probes
    }


def test_a_rehearsal_that_does_what_is_assumed_differs_in_nothing(tmp_path: Path) -> None:
    """Every free probe holds, and all resources are deleted again."""
    with account_that(tmp_path, {}) as account:
        findings = carry_out(account, ADDRESS, FREE)
        assert told(findings, Verdict.DIFFERS) | told(findings, Verdict.OPEN) == {}
        assert len(findings.of(Verdict.HOLDS)) == len(FREE.probes)
        assert list_leftovers(account) == []
    assert findings.exit_code == 0


def test_what_a_killed_run_left_is_taken_out_by_the_next(tmp_path: Path) -> None:
    """Leftovers are found by name, and no other resource is touched."""
    choice = Choice((), {})
    with account_that(tmp_path, {}) as account:
        account.client.queues.create(friendly_name="somebody else's")
        number = [one for one in load_probes() if one.settles == "takes_emergency_address_at_purchase"]
        stage = Stage(account, ADDRESS)
        stage.prepare(number)
        stage.carry_out(number[0])
        stage.close()  # and here it was killed
        left = list_leftovers(account)
        assert sorted({one.split(" dialtone")[0] for one in left}) == [
            *("SIP domain", "address", "credential list", "number", "service"),
        ]
        findings = carry_out(account, ADDRESS, choice)
        assert findings.left == ()
        assert list_leftovers(account) == []
        assert [one.friendly_name for one in account.client.queues.list()] == ["somebody else's"]


def test_everything_is_taken_out_where_the_run_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stops it, such as interrupting the kernel."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(found, "_settle", interrupt)
    with account_that(tmp_path, {}) as account:
        with pytest.raises(KeyboardInterrupt):
            carry_out(account, ADDRESS, FREE)
        assert list_leftovers(account) == []
