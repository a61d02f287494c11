"""The runbooks in JupyterLab, in Chromium, with somebody there to answer."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

from dialtone_nb.account.account import CONTROL
from dialtone_nb.account.transport import Transport
from dialtone_nb.display.outputs import RESULT
from dialtone_nb.rehearsal import start_rehearsal
from tests.browser.chromium import IN_A_BROWSER
from tests.browser.conftest import ROOT
from tests.browser.laboratory import WAITS_MS, OpenNotebook, open_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = IN_A_BROWSER

# Deploy has a story of its own, below.
OTHERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem != "deploy")
DOMAIN = "dialtone-example-stage.sip.twilio.com"
# What finds something to do on an account with two phones; the walkthrough has its consent in its own cell.
ASKING = {
    "delete": "the check found nothing left to do",
    "probe": "everything was taken out again",
    "promote": "the check found nothing left to do",
    "rotate": "the check found nothing left to do",
}
# Its probes wait for calls that nobody answers.
TAKES_MS = 3 * WAITS_MS
WITH_PHONES = """\
from pathlib import Path

from dialtone_nb.cli.keep_notebooks import with_phones

with_phones(Path.cwd())"""
A_BUILD_FAILS = f"""\
runbook.account.transport.send("POST", "{CONTROL}/faults", json={{"fault": "failed-build"}}).status_code"""
SLOWLY = """\
import time
from dialtone_nb.account.transport import Transport

def slowly(self, *given, send=Transport.send, **options):
    time.sleep(0.1)
    return send(self, *given, **options)

Transport.send = slowly"""
# Everything of an apply's progress that was ever on the page, however short.
WATCH_PROGRESS = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const status = document.querySelector(".dialtone-progress [role=status]");
    if (status) window.seen.push(status.textContent);
  }).observe(document.body, { childList: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """The server's folder: a project with an empty account, and one with two phones for each other notebook."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("deploy", "failing", "reloaded", "stopped"):
        shutil.copytree(project, folder / name)
    subprocess.run([sys.executable, "-c", WITH_PHONES], cwd=project, check=True, capture_output=True)
    for name in OTHERS:
        shutil.copytree(project, folder / name)
    return folder


@pytest.mark.parametrize("name", OTHERS)
def test_a_notebook_runs_to_its_end_with_somebody_there(page: Page, lab: str, name: str) -> None:
    """Run All ends without an error, with a rehearsal's banner; questions are answered by typing the consent."""
    notebook = open_notebook(page, lab, f"{name}/notebooks/{name}.ipynb")
    notebook.run_all()
    assert notebook.errors() == []
    assert notebook.panel.locator(".dialtone-banner").count() == 1
    assert notebook.panel.get_by_placeholder("type it here").count() == (name in ASKING)
    if name in ASKING:
        notebook.consent("rehearsal")
        notebook.panel.get_by_text(ASKING[name]).wait_for(timeout=TAKES_MS)
        assert notebook.errors() == []
    notebook.close()


def test_the_monitor_shows_a_call_as_it_comes_until_it_is_stopped(page: Page, lab: str, root: Path) -> None:
    """A call that another process places appears with its events, and so does its phone; Stop keeps the last view."""
    notebook = open_notebook(page, lab, "monitor/notebooks/monitor.ipynb")
    notebook.run_all()
    view = notebook.panel.locator(".dialtone-monitor")
    view.get_by_text("stage, last 60 minutes: 0 calls").wait_for()
    with start_rehearsal(root / "monitor" / ".rehearsal" / "state.db") as rehearsal:
        transport = Transport(rehearsal.url)
        for path, order in (
            ("/clients/workbench", {"registered": True, "domain": DOMAIN}),
            ("/calls", {"client": "workbench", "dial": "5035550199", "domain": DOMAIN}),
        ):
            assert transport.send("POST", f"{CONTROL}{path}", json=order).ok
        view.get_by_text("stage, last 60 minutes: 1 call,").wait_for()
        assert view.get_by_text("outgoing-dialstatus-completed").count() == 1
        assert view.locator("tr", has_text="✓ workbench").get_by_text("placed a call").count() == 1
        assert view.locator("tr", has_text="✓ workbench").get_by_text("registered", exact=True).count() == 1
        notebook.panel.get_by_role("button", name="Stop").click()
        notebook.panel.get_by_role("button", name="Go on").wait_for()
        assert view.get_by_text("outgoing-dialstatus-completed").count() == 1
        transport.session.close()


def test_a_plan_is_read_agreed_to_and_applied_in_one_place(page: Page, lab: str) -> None:
    """Run All stops at a question; only the right word applies the plan; running it again has nothing to do."""
    notebook = open_notebook(page, lab, "deploy/notebooks/deploy.ipynb")
    notebook.run_all_from_the_menu()
    answer = notebook.panel.get_by_placeholder("type it here")
    answer.wait_for()
    apply = notebook.panel.get_by_role("button", name="Apply 29 changes")
    assert apply.is_disabled()
    assert "REHEARSAL" in notebook.panel.locator(".dialtone-banner").inner_text()
    assert notebook.panel.locator(".dialtone-plan").is_visible()

    answer.fill("prod")
    notebook.panel.get_by_role("alert").get_by_text("'prod' is not a plan's fingerprint").wait_for()
    assert apply.is_disabled()

    answer.fill("stage")
    page.wait_for_function("button => !button.disabled", arg=apply.element_handle())
    page.evaluate(WATCH_PROGRESS)
    answer.press("Tab")
    page.keyboard.press("Enter")
    outcome = notebook.panel.locator(".dialtone-applied")
    outcome.get_by_text("all 29 changes done, the check found nothing left to do").wait_for()
    assert outcome.get_by_text("Record: plan-").is_visible()
    assert answer.count() == 0
    seen = page.evaluate("window.seen")
    assert any("of 29 changes; now: create" in status for status in seen)
    assert any(status.startswith("29 of 29") for status in seen)

    _is_saved_as_done(notebook)
    notebook.run_cell("apply_plan(runbook, plan)")
    outcome.get_by_text("Deploy stage: nothing to do").wait_for()
    assert notebook.errors() == []


def _is_saved_as_done(notebook: OpenNotebook) -> None:
    """Whether a saved copy has the outcome, and not a consent box that no longer works."""
    last = notebook.outputs()[-1]["data"]
    assert last[RESULT] == {
        "exit_code": 0,
        "summary": "Deploy stage: all 29 changes done, the check found nothing left to do",
    }
    assert not any("widget" in kind for kind in last)


def test_a_page_that_is_loaded_again_finds_what_goes_on_and_what_came_of_it(page: Page, lab: str) -> None:
    """A cell out of order says which comes first; two clicks are one; a dead kernel's boxes say what to do."""
    notebook = open_notebook(page, lab, "reloaded/notebooks/deploy.ipynb")
    notebook.run_cell("plan = plan_deploy(runbook)")
    notebook.panel.get_by_text("run the cell under 'Account' first").wait_for()
    notebook.run_all()
    notebook.panel.get_by_placeholder("type it here").fill("stage")
    apply = notebook.panel.get_by_role("button", name="Apply 29 changes")
    page.wait_for_function("button => !button.disabled", arg=apply.element_handle())
    notebook.execute(SLOWLY)
    apply.dblclick()
    notebook.panel.locator(".dialtone-progress").wait_for()
    notebook.save_and_load_again()
    notebook.panel.locator(".dialtone-progress, .dialtone-applied").wait_for()
    outcome = notebook.panel.locator(".dialtone-applied")
    outcome.get_by_text("all 29 changes done, the check found nothing left to do").wait_for()
    assert notebook.panel.locator(".dialtone-gone:visible").count() == 0

    notebook.restart_kernel()
    gone = notebook.panel.get_by_text("The kernel that this box belonged to has ended").and_(
        notebook.panel.locator(":visible")
    )
    gone.first.wait_for()
    notebook.save_and_load_again()
    gone.first.wait_for()
    assert notebook.panel.get_by_text("model not found").and_(notebook.panel.locator(":visible")).count() == 0


def test_an_apply_that_somebody_stops_says_what_is_left_and_a_second_run_does_it(page: Page, lab: str) -> None:
    """What is under way ends, nothing more starts; a plan made anew has the rest, and after it nothing is left."""
    notebook = open_notebook(page, lab, "stopped/notebooks/deploy.ipynb")
    notebook.run_all()
    notebook.execute(SLOWLY)
    stop = notebook.panel.get_by_role("button", name="Stop")
    assert not stop.is_visible()
    notebook.consent("stage")
    notebook.panel.locator(".dialtone-progress tr.done").first.wait_for()
    stop.click()
    outcome = notebook.panel.locator(".dialtone-applied")
    outcome.get_by_text(" of 29 changes done; run again to go on").wait_for()
    assert outcome.locator("tr.done").count() > 0
    assert outcome.locator("tr.none").get_by_text("not done").count() > 0
    assert outcome.get_by_text("Record: plan-").is_visible()
    assert stop.count() == 0

    notebook.run_cell("plan = plan_deploy(runbook)")
    notebook.run_cell("apply_plan(runbook, plan)")
    notebook.panel.get_by_role("button", name=re.compile(r"Apply (1\d|2[0-8]) changes")).wait_for()
    notebook.consent("stage")
    outcome.get_by_text("the check found nothing left to do").wait_for()
    assert notebook.errors() == []


def test_a_change_that_is_refused_says_what_was_done_and_what_to_do(page: Page, lab: str, root: Path) -> None:
    """A build that fails stops the run with its cause; running on from the plan does the rest."""
    notebook = open_notebook(page, lab, _with_a_failing_build(root))
    notebook.run_all()
    notebook.consent("rehearsal")
    outcome = notebook.panel.locator(".dialtone-applied")
    stop = outcome.locator(".stop")
    stop.wait_for()
    assert "82003" in stop.inner_text()
    assert "Correct what the message says and run the runbook again from its plan" in stop.inner_text()
    assert outcome.locator("tr.done").count() > 0
    assert outcome.locator("tr.none").count() > 0
    notebook.run_cell("plan = plan_deploy(runbook)")
    notebook.run_cell("apply_plan(runbook, plan)")
    notebook.consent("rehearsal")
    outcome.get_by_text("the check found nothing left to do").wait_for()


def _with_a_failing_build(root: Path) -> str:
    """A copy of deploy in which the rehearsal's next build fails, by its path below the server's folder."""
    source = root / "failing" / "notebooks" / "deploy.ipynb"
    deploy = nbformat.read(source, as_version=4)
    applying = next(number for number, cell in enumerate(deploy.cells) if cell.source.startswith("apply_plan"))
    deploy.cells.insert(applying, nbformat.v4.new_code_cell(A_BUILD_FAILS))
    nbformat.write(deploy, source)
    return str(source.relative_to(root))


def test_a_cell_that_fails_shows_one_line(page: Page, lab: str, root: Path) -> None:
    """An undeclared environment gets a suggestion and no traceback, and later cells do not run."""
    source = root / "deploy" / "notebooks" / "deploy.ipynb"
    mistaken = source.with_name("mistaken.ipynb")
    mistaken.write_text(source.read_text().replace('environment: str = \\"', 'environment: str = \\"stgae'))
    notebook = open_notebook(page, lab, "deploy/notebooks/mistaken.ipynb")
    notebook.run_all()
    errors = [output for output in notebook.outputs() if output["output_type"] == "error"]
    assert len(errors) == 1
    assert len(errors[0]["traceback"]) == 1
    assert "did you mean 'stage'?" in errors[0]["traceback"][0]
    assert notebook.panel.locator(".dialtone-plan").count() == 0
