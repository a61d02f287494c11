"""The runbooks and their widgets in JupyterLab, in Chromium, with somebody there to answer."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
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
from tests.browser.laboratory import WAITS_MS, OpenNotebook, close_all_notebooks, open_notebook
from tests.rehearsal.sip.handset import Handset

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = IN_A_BROWSER

# Deploy has stories of its own, below.
OTHERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem != "deploy")
DOMAIN = "dialtone-example-stage.sip.twilio.com"
# The folder of each notebook is called like it, but for those that show calls: theirs has calls to show.
PATHS = {
    name: f"{'calls' if name in {'call_report', 'explore', 'monitor'} else name}/notebooks/{name}.ipynb"
    for name in ("deploy", *OTHERS)
}
# What finds something to do on an account with two phones; the walkthrough has its consent in its own cell.
ASKING = {
    "delete": "the check found nothing left to do",
    "probe": "everything was taken out again",
    "promote": "the check found nothing left to do",
    "rotate": "the check found nothing left to do",
}
# Its probes wait for calls that nobody answers.
TAKES_MS = 3 * WAITS_MS
GIVEN = "import pathlib; from dialtone_nb.cli.keep_notebooks import {state}; {state}(pathlib.Path.cwd())"
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
SHOW = """async source => {
  const content = jupyterapp.shell.currentWidget.content;
  const index = content.widgets.findIndex(cell => cell.model.sharedModel.source.includes(source));
  content.activeCellIndex = index;
  await content.scrollToItem(index, "start");
}"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """The server's folder: projects with an empty account, with two phones, and with calls of these."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("agreed", "deploy", "failing", "form", "mistaken", "reloaded", "stopped", "theirs"):
        shutil.copytree(project, folder / name)
    _bring(project, "with_phones")
    for name in ("live", *OTHERS):
        shutil.copytree(project, folder / name)
    _bring(project, "with_calls")
    shutil.copytree(project, folder / "calls")
    return folder


def _bring(project: Path, state: str) -> None:
    """Bring the project's account into one of the states that kept notebooks are made in."""
    command = [sys.executable, "-c", GIVEN.format(state=state)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)


@pytest.fixture
def opened(page: Page, lab: str) -> Iterator[Callable[..., OpenNotebook]]:
    """Open notebooks where no other is open, and close them after the test."""
    close_all_notebooks(page)
    notebooks: list[OpenNotebook] = []

    def open_one(path: str, *, as_kept: bool = False) -> OpenNotebook:
        notebooks.append(open_notebook(page, lab, path, as_kept=as_kept))
        return notebooks[-1]

    yield open_one
    for notebook in notebooks:
        notebook.close()


@pytest.fixture(scope="module")
def finished(page: Page, lab: str, request: pytest.FixtureRequest) -> Iterator[OpenNotebook]:
    """A notebook after Run All, once for all tests that look at it: pytest runs them one after the other."""
    notebook = open_notebook(page, lab, PATHS[request.param])
    notebook.run_all()
    yield notebook
    notebook.close()


@pytest.mark.parametrize("finished", OTHERS, indirect=True)
def test_a_notebook_runs_to_its_end_with_somebody_there(finished: OpenNotebook) -> None:
    """Run All ends without an error, with a rehearsal's banner; questions are answered by typing the consent."""
    name = Path(finished.path).stem
    assert finished.errors() == []
    assert finished.panel.locator(".dialtone-banner").count() == 1
    assert finished.panel.get_by_placeholder("type it here").count() == (name in ASKING)
    if name in ASKING:
        finished.consent("rehearsal")
        finished.panel.get_by_text(ASKING[name]).wait_for(timeout=TAKES_MS)
        assert finished.errors() == []


def test_the_monitor_shows_a_call_as_it_comes_until_it_is_stopped(
    opened: Callable[..., OpenNotebook], root: Path
) -> None:
    """A call that another process places appears with its events, and so does its phone; Stop keeps the last view."""
    notebook = opened("live/notebooks/monitor.ipynb")
    notebook.run_all()
    view = notebook.panel.locator(".dialtone-monitor")
    view.get_by_text("stage, last 60 minutes: 0 calls").wait_for()
    with start_rehearsal(root / "live" / ".rehearsal" / "state.db") as rehearsal:
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


def test_a_plan_is_read_agreed_to_and_applied_in_one_place(page: Page, opened: Callable[..., OpenNotebook]) -> None:
    """Run All stops at a question; only the right word applies the plan; running it again has nothing to do."""
    notebook = opened("agreed/notebooks/deploy.ipynb")
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


def test_a_page_that_is_loaded_again_finds_what_goes_on_and_what_came_of_it(
    page: Page, opened: Callable[..., OpenNotebook]
) -> None:
    """A cell out of order says which comes first; two clicks are one; a dead kernel's boxes say what to do."""
    notebook = opened("reloaded/notebooks/deploy.ipynb")
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


def test_an_apply_that_somebody_stops_says_what_is_left_and_a_second_run_does_it(
    opened: Callable[..., OpenNotebook],
) -> None:
    """What is under way ends, nothing more starts; a plan made anew has the rest, and after it nothing is left."""
    notebook = opened("stopped/notebooks/deploy.ipynb")
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


def test_a_change_that_is_refused_says_what_was_done_and_what_to_do(
    opened: Callable[..., OpenNotebook], root: Path
) -> None:
    """A build that fails stops the run with its cause; running on from the plan does the rest."""
    notebook = opened(_with_a_failing_build(root))
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


def test_a_cell_that_fails_shows_one_line(opened: Callable[..., OpenNotebook], root: Path) -> None:
    """An undeclared environment gets a suggestion and no traceback, and later cells do not run."""
    source = root / "mistaken" / "notebooks" / "deploy.ipynb"
    mistaken = source.with_name("mistaken.ipynb")
    mistaken.write_text(source.read_text().replace('environment: str = \\"', 'environment: str = \\"stgae'))
    notebook = opened("mistaken/notebooks/mistaken.ipynb")
    notebook.run_all()
    errors = [output for output in notebook.outputs() if output["output_type"] == "error"]
    assert len(errors) == 1
    assert len(errors[0]["traceback"]) == 1
    assert "did you mean 'stage'?" in errors[0]["traceback"][0]
    assert notebook.panel.locator(".dialtone-plan").count() == 0


def test_jupyterlab_saves_every_twenty_seconds(lab: str) -> None:
    """The project's settings are in effect: a page that is loaded again finds what was going on."""
    address = f"{lab}/lab/api/settings/@jupyterlab/docmanager-extension:plugin"
    with urllib.request.urlopen(address) as response:
        schema = json.load(response)["schema"]
    assert schema["properties"]["autosaveInterval"]["default"] == 20


def test_what_the_form_takes_holds_and_an_older_plan_is_not_applied(opened: Callable[..., OpenNotebook]) -> None:
    """The banner follows the form; the plan made before is rejected; run again, it is the other environment's."""
    notebook = opened("form/notebooks/deploy.ipynb")
    notebook.run_all()
    panel = notebook.panel
    panel.get_by_role("button", name="Change parameters").click()
    panel.get_by_label("environment").select_option("prod")
    panel.get_by_role("button", name="Take these values").click()
    panel.get_by_text("Cells that run from now on use these values").wait_for()
    panel.locator(".dialtone-banner", has_text="prod, protected").wait_for()

    notebook.consent("rehearsal")
    panel.get_by_text("this plan: was made before environment changed, and nothing was done").wait_for()

    notebook.run_all()
    # JupyterLab may not lay out what is scrolled away, and then it has no inner text.
    assert "prod, protected" in (panel.locator(".dialtone-banner").text_content() or "")
    assert "1 set by the form" in (panel.locator(".dialtone-parameters summary").text_content() or "")
    assert panel.locator(".dialtone-plan").get_by_text("Deploy prod").count() == 1
    assert notebook.errors() == []


@pytest.mark.parametrize("finished", ["delete"], indirect=True)
def test_a_plan_is_filtered_and_folded_by_keyboard(page: Page, finished: OpenNotebook) -> None:
    """By warnings and by a word; Enter folds a group, whose heading still says what it endangers."""
    plan = finished.panel.locator(".dialtone-plan").first
    rows = plan.locator("tbody.change:visible")
    every = rows.count()
    warned = plan.get_by_label("only what costs or has a warning")
    warned.focus()
    page.keyboard.press("Space")
    assert 0 < rows.count() < every
    assert rows.count() == plan.locator("tbody.change:visible .danger").count()
    page.keyboard.press("Space")
    assert rows.count() == every

    word = plan.get_by_label("that mention")
    word.fill("mapping")
    assert 0 < rows.count() < every
    assert all("mapping" in text for text in rows.all_inner_texts())
    word.fill("")

    room = plan.locator("summary", has_text="SIP")
    room.focus()
    page.keyboard.press("Enter")
    assert rows.count() < every
    assert "with a warning" in room.inner_text()


@pytest.mark.parametrize("finished", ["deploy"], indirect=True)
@pytest.mark.parametrize("place", [".dialtone-plan", ".dialtone-consent"])
@pytest.mark.parametrize("has_clipboard", [True, False])
def test_the_fingerprint_is_copied_by_keyboard(
    page: Page, finished: OpenNotebook, place: str, *, has_clipboard: bool
) -> None:
    """Under the plan and in the question, also over plain HTTP, where a page has no clipboard API."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    # The page is the one that another of these tests may have left.
    page.evaluate("window.kept ??= navigator.clipboard; kept.writeText('nothing')")
    given = "kept" if has_clipboard else "null"
    page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {{value: {given}, configurable: true}})")
    shown = finished.panel.locator(place).last
    button = shown.locator("button.copy")
    button.evaluate("button => { button.textContent = 'copy' }")
    button.focus()
    page.keyboard.press("Enter")
    shown.get_by_role("button", name="copied").wait_for()
    fingerprint = shown.locator(".fingerprint").inner_text()
    assert fingerprint.startswith("plan-")
    assert page.evaluate("kept.readText()") == fingerprint


def test_what_somebody_else_saved_can_be_read_without_trusting_it(
    page: Page, opened: Callable[..., OpenNotebook], root: Path
) -> None:
    """An untrusted notebook has no style, script or widget: plan and question are there, without useless buttons."""
    notebook = opened("theirs/notebooks/deploy.ipynb")
    notebook.run_all()
    saved = root / notebook.save()
    theirs = saved.with_name("theirs.ipynb")
    theirs.write_text(saved.read_text().replace("# Deploy", "# Deploy, by somebody else", 1))
    # The style sheet of an output that is trusted is the whole page's.
    page.evaluate("() => [...jupyterapp.shell.widgets('main')].forEach(one => one.dispose())")
    page.wait_for_function("() => document.querySelector('.jp-NotebookPanel') === null")
    panel = opened(str(theirs.relative_to(root)), as_kept=True).panel
    assert "+ create service" in panel.locator(".dialtone-plan").first.inner_text()
    assert panel.get_by_text("Nothing is done yet").is_visible()
    assert panel.get_by_text("REHEARSAL — not Twilio").is_visible()
    assert panel.locator("button", has_text="copy").and_(panel.locator(":visible")).count() == 0
    assert panel.locator(".jupyter-widgets").count() == 0


@pytest.mark.parametrize("finished", ["explore"], indirect=True)
def test_keys_that_are_typed_are_answered_by_the_live_dial_plan(finished: OpenNotebook) -> None:
    """For another phone or other keys, what the phone sends and how the call is routed are shown at once."""
    panel = finished.panel
    assert panel.get_by_text("by the dial plan that is live in stage").count() == 1
    panel.get_by_label("Phone").select_option("makerspace")
    panel.get_by_placeholder("such as 5035550199").fill("0115255123")
    answer = panel.get_by_role("status")
    answer.get_by_text("sends 0115255123 3 s after key 10").wait_for()
    assert "A number in Mexico has ten digits" in answer.inner_text()


@pytest.mark.parametrize("finished", ["explore"], indirect=True)
def test_a_call_that_is_chosen_is_told_from_its_beginning_to_its_end(finished: OpenNotebook) -> None:
    """Legs, TwiML, events and alerts of the call that failed."""
    calls = finished.panel.get_by_label("Calls")
    unregistered = calls.locator("option", has_text="32009")
    calls.select_option(value=unregistered.get_attribute("value"))
    story = finished.panel.locator(".dialtone-story")
    story.get_by_text("32009: dialled phone is not registered").wait_for()
    assert story.get_by_text("/sip-incoming is asked").count() == 1
    assert "incoming-dialstatus-no-answer" in story.inner_text()
    story.locator("summary", has_text="TwiML").first.click()
    assert "<Dial" in story.locator("pre:visible").inner_text()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("finished", ["deploy", "call_report", "explore", "monitor"], indirect=True)
def test_our_outputs_can_be_read_by_everybody(page: Page, finished: OpenNotebook, theme: str) -> None:
    """axe-core finds no fault in our cells' output, with form and consent box active, in light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    if not finished.panel.get_by_role("button", name="Take these values").is_visible():
        finished.panel.get_by_role("button", name="Change parameters").click()
    consent = finished.panel.get_by_placeholder("type it here")
    if consent.count():
        consent.fill("rehearsal")
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    page.wait_for_timeout(500)  # colours fade from one theme to the other
    found = Axe().run(page, context=".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output")
    assert found.response["passes"]
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("finished", ["walkthrough"], indirect=True)
def test_a_phone_registers_and_rings_where_somebody_watches(page: Page, finished: OpenNotebook, root: Path) -> None:
    """Server started, wrong password, registered, ringing, answered, stopped; the notebook's end removes everything."""
    page.evaluate(SHOW, "try_real_phone(runbook)")
    panel = finished.panel
    panel.get_by_role("textbox", name="Address").fill("192.0.2.20:5060")
    panel.get_by_role("button", name="Start the SIP server").click()
    panel.get_by_text("beyond_this_machine").wait_for()
    panel.get_by_role("textbox", name="Address").fill("127.0.0.1:0")
    panel.get_by_role("button", name="Start the SIP server").click()
    panel.get_by_role("button", name="Ring it").wait_for()
    proxy = panel.get_by_role("row", name="Outbound proxy 127.0.0.1").inner_text()
    port = int(proxy.rpartition(":")[2])
    written = (root / "walkthrough/.rehearsal/private/stage/workbench/phone.txt").read_text(encoding="utf-8")
    password = re.findall(r"^ *Password +(\S+)$", written, re.MULTILINE)[0]
    assert password not in panel.inner_text()

    def phone_with(its_password: str) -> Handset:
        return Handset(("127.0.0.1", port), "workbench", domain=DOMAIN, password=its_password)

    live = panel.locator(".dialtone-phone")
    live.get_by_text("does not reach this machine").wait_for()
    with phone_with("Wrongpassword1") as wrong:
        assert wrong.register().status_code == 403
        live.get_by_text("It was refused").wait_for()
    with phone_with(password) as phone:
        assert phone.register().status_code == 200
        live.get_by_text("Registered: 127.0.0.1").wait_for()
        panel.get_by_role("button", name="Ring it").click()
        invite = phone.asked("INVITE")
        phone.answer(invite)
        live.get_by_text("called by +12065550142").last.wait_for()
        phone.asked("ACK")
        phone.hang_up_on(invite)
        panel.get_by_text("It rang and was answered").wait_for()
    panel.get_by_role("button", name="Stop the SIP server").click()
    panel.get_by_text("The SIP server has stopped. What your phone did").wait_for()
    assert finished.errors() == []
