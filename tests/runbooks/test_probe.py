"""The runbook probe: its plan, its consent, and what it writes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialtone_nb.account.account import open_account
from dialtone_nb.display.findings import findings_html, findings_text
from dialtone_nb.errors import ConsentError, InputError
from dialtone_nb.files.reports_folder import REPORTS_VARIABLE
from dialtone_nb.infrastructure.record import load_records
from dialtone_nb.parameters import load_parameters
from dialtone_nb.probe.findings import Finding, Findings, Verdict
from dialtone_nb.probe.leftovers import list_leftovers
from dialtone_nb.probe.stage import Stage
from dialtone_nb.runbooks.probe import plan_probe, run_probe
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook
from dialtone_nb.values.assumptions import FACTS, read_facts

SAMPLE = Path(__file__).parents[2] / "parameters" / "sample"


def opened(folder: Path, **given: Any) -> Runbook:
    """An opened probe on a new rehearsal, with what it uses."""
    parameters = ParameterValues(given)
    account = open_account("rehearsal", folder)
    return cast(
        Runbook,
        SimpleNamespace(
            account=account,
            parameters=parameters,
            declared=load_parameters(SAMPLE),
            name="probe",
            project=folder,
            attended=False,
        ),
    )


@pytest.fixture(autouse=True)
def rehearsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a separate state file, and no consent from the environment."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "state.db"))
    monkeypatch.delenv("DIALTONE_REHEARSAL_CONSENT", raising=False)


def test_without_consent_nothing_is_done(tmp_path: Path) -> None:
    """It shows its plan and ends with 2."""
    runbook = opened(tmp_path)
    findings = run_probe(runbook, plan_probe(runbook))
    assert isinstance(findings, Findings)
    assert (findings.exit_code, findings.findings) == (2, ())
    assert runbook.account.client.sip.domains.list() == []


def test_another_consent_is_refused(tmp_path: Path) -> None:
    """The fingerprint of another plan, such as that of a run without calls."""
    free = plan_probe(opened(tmp_path))
    runbook = opened(tmp_path, allow_calls=True, cap_usd=1.0, consent=free.plan.fingerprint)
    with pytest.raises(ConsentError, match="another plan's"):
        run_probe(runbook, plan_probe(runbook))
    assert list_leftovers(runbook.account) == []


@pytest.mark.parametrize("cap", [-0.01, 51.0, float("nan"), float("inf")])
def test_a_cap_that_is_none_is_refused_in_one_line(tmp_path: Path, cap: float) -> None:
    """Negative, above any possible cost, or not a number."""
    with pytest.raises(InputError, match="cap_usd of probe") as caught:
        plan_probe(opened(tmp_path, cap_usd=cap))
    assert len(caught.value.lines()) == 1


def test_the_plan_says_what_it_costs_and_what_is_left_out(tmp_path: Path) -> None:
    """Its notes list every assumption, tested or not, and a number has its price."""
    planned = plan_probe(opened(tmp_path, allow_calls=True, allow_number=True, cap_usd=5.0))
    assert planned.plan.notes[0] == f"costs at most {planned.choice.cost_usd:.2f} dollars; the cap is 5.00"
    assert any("1.15 dollars" in change.cost for change in planned.plan.changes)
    dear = plan_probe(opened(tmp_path, allow_calls=True, allow_number=True, cap_usd=0.5))
    assert any(note.startswith("not tried, needs a cap of 2.36 dollars: takes_emergency") for note in dear.plan.notes)


def test_a_run_leaves_facts_and_a_line_of_the_record(tmp_path: Path) -> None:
    """The account is unchanged; the files have no secret."""
    runbook = opened(tmp_path, consent="rehearsal")
    findings = run_probe(runbook, plan_probe(runbook))
    assert isinstance(findings, Findings)
    folder = tmp_path / "reports" / "rehearsal"
    facts = folder / "probe-facts.yaml"
    assert read_facts(facts)["queue_max_size"] == 100
    assert [one.summary for one in load_records(folder)] == [findings.summary]
    assert findings.said == ("recorded facts: reports/rehearsal/probe-facts.yaml",)
    assert runbook.account.sid not in facts.read_text("utf-8")
    assert list_leftovers(runbook.account) == []


def test_facts_may_be_written_outside_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `--output` names a page elsewhere, they are beside it."""
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv(REPORTS_VARIABLE, str(elsewhere))
    (project := tmp_path / "project").mkdir()
    runbook = opened(project, consent="rehearsal")
    findings = run_probe(runbook, plan_probe(runbook))
    assert isinstance(findings, Findings)
    assert findings.said == (f"recorded facts: {elsewhere / 'rehearsal' / FACTS}",)
    assert read_facts(elsewhere / "rehearsal" / FACTS)["queue_max_size"] == 100


def test_what_a_broken_run_left_is_in_the_next_plan(tmp_path: Path) -> None:
    """A reader sees it, and earlier consent is no longer valid."""
    runbook = opened(tmp_path)
    before = plan_probe(runbook).plan
    stage = Stage(runbook.account, {})
    stage.prepare(())
    after = plan_probe(runbook).plan
    assert "an earlier run was interrupted; removed first: SIP domain" in after.notes[-1]
    assert after.fingerprint != before.fingerprint


def test_what_differs_comes_first_with_what_to_change() -> None:
    """On the page and in the terminal."""
    held = Finding("a", "A is so.", 1, Verdict.HOLDS, 1)
    differs = Finding("b", "B is <so>.", 1, Verdict.DIFFERS, 2)
    findings = Findings("the rehearsal", (held, differs))
    text, page = findings_text(findings), findings_html(findings)
    assert text.index("✗ b: assumed 1, observed 2") < text.index("✓ a: assumed 1, observed 1")
    assert "set value of b to 2 in dialtone_nb/values/assumptions.yaml" in text
    assert page.index("B is &lt;so&gt;.") < page.index("A is so.")
