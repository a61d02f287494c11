"""The widgets of the runbooks in JupyterLab: the form, the plan's filters, the phone, and the calls."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import IN_A_BROWSER
from tests.browser.laboratory import open_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = IN_A_BROWSER

WITH_CALLS = "import pathlib; from dialtone_nb.cli.keep_notebooks import with_calls; with_calls(pathlib.Path.cwd())"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """The server's folder: a project with an empty account, and one with two phones and their calls."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(project, folder / "empty")
    subprocess.run([sys.executable, "-c", WITH_CALLS], cwd=project, check=True, capture_output=True)
    shutil.copytree(project, folder / "calls")
    return folder


def test_jupyterlab_saves_every_twenty_seconds(lab: str) -> None:
    """The project's settings are in effect: a page that is loaded again finds what was going on."""
    address = f"{lab}/lab/api/settings/@jupyterlab/docmanager-extension:plugin"
    with urllib.request.urlopen(address) as response:
        schema = json.load(response)["schema"]
    assert schema["properties"]["autosaveInterval"]["default"] == 20


def test_what_the_form_takes_holds_and_an_older_plan_is_not_applied(page: Page, lab: str) -> None:
    """The banner follows the form; the plan made before is rejected; run again, it is the other environment's."""
    notebook = open_notebook(page, lab, "empty/notebooks/deploy.ipynb")
    notebook.run_all()
    panel = notebook.panel
    panel.get_by_role("button", name="Change parameters").click()
    panel.get_by_label("environment").select_option("prod")
    panel.get_by_role("button", name="Take these values").click()
    panel.get_by_text("Cells that run from now on use these values").wait_for()
    assert "prod, protected" in panel.locator(".dialtone-banner").inner_text()

    notebook.consent("rehearsal")
    panel.get_by_text("this plan: was made before environment changed, and nothing was done").wait_for()

    notebook.run_all()
    assert "prod, protected" in panel.locator(".dialtone-banner").inner_text()
    assert "1 set by the form" in panel.locator(".dialtone-parameters summary").inner_text()
    assert panel.locator(".dialtone-plan").get_by_text("Deploy prod").count() == 1
    assert notebook.errors() == []


def test_a_plan_is_filtered_and_folded_by_keyboard(page: Page, lab: str) -> None:
    """By warnings and by a word; Enter folds a group, whose heading still says what it endangers."""
    notebook = open_notebook(page, lab, "calls/notebooks/delete.ipynb")
    notebook.run_all()
    plan = notebook.panel.locator(".dialtone-plan").first
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


@pytest.mark.parametrize("place", [".dialtone-plan", ".dialtone-consent"])
@pytest.mark.parametrize("has_clipboard", [True, False])
def test_the_fingerprint_is_copied_by_keyboard(page: Page, lab: str, place: str, *, has_clipboard: bool) -> None:
    """Under the plan and in the question, also over plain HTTP, where a page has no clipboard API."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    notebook = open_notebook(page, lab, "empty/notebooks/deploy.ipynb")
    notebook.run_all()
    # The page may be the one that another of these tests left.
    page.evaluate("window.kept ??= navigator.clipboard; kept.writeText('nothing')")
    given = "kept" if has_clipboard else "null"
    page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {{value: {given}, configurable: true}})")
    shown = notebook.panel.locator(place).last
    button = shown.get_by_role("button", name="copy")
    button.focus()
    page.keyboard.press("Enter")
    shown.get_by_role("button", name="copied").wait_for()
    fingerprint = shown.locator(".fingerprint").inner_text()
    assert fingerprint.startswith("plan-")
    assert page.evaluate("kept.readText()") == fingerprint


def test_what_somebody_else_saved_can_be_read_without_trusting_it(page: Page, lab: str, root: Path) -> None:
    """An untrusted notebook has no style, script or widget: plan and question are there, without useless buttons."""
    notebook = open_notebook(page, lab, "empty/notebooks/deploy.ipynb")
    notebook.run_all()
    saved = root / notebook.save()
    theirs = saved.with_name("theirs.ipynb")
    theirs.write_text(saved.read_text().replace("# Deploy", "# Deploy, by somebody else", 1))
    # The style sheet of an output that is trusted is the whole page's.
    page.evaluate("() => [...jupyterapp.shell.widgets('main')].forEach(one => one.dispose())")
    page.wait_for_function("() => document.querySelector('.jp-NotebookPanel') === null")
    notebook = open_notebook(page, lab, str(theirs.relative_to(root)), as_kept=True)
    panel = notebook.panel
    assert "+ create service" in panel.locator(".dialtone-plan").first.inner_text()
    assert panel.get_by_text("Nothing is done yet").is_visible()
    assert panel.get_by_text("REHEARSAL — not Twilio").is_visible()
    assert panel.locator("button", has_text="copy").and_(panel.locator(":visible")).count() == 0
    assert panel.locator(".jupyter-widgets").count() == 0


def test_keys_that_are_typed_are_answered_by_the_live_dial_plan(page: Page, lab: str) -> None:
    """For another phone or other keys, what the phone sends and how the call is routed are shown at once."""
    notebook = open_notebook(page, lab, "calls/notebooks/explore.ipynb")
    notebook.run_all()
    assert notebook.errors() == []
    panel = notebook.panel
    assert panel.get_by_text("by the dial plan that is live in stage").count() == 1
    panel.get_by_label("Phone").select_option("makerspace")
    panel.get_by_placeholder("such as 5035550199").fill("0115255123")
    answer = panel.get_by_role("status")
    answer.get_by_text("sends 0115255123 3 s after key 10").wait_for()
    assert "A number in Mexico has ten digits" in answer.inner_text()


def test_a_call_that_is_chosen_is_told_from_its_beginning_to_its_end(page: Page, lab: str) -> None:
    """Legs, TwiML, events and alerts of the call that failed."""
    notebook = open_notebook(page, lab, "calls/notebooks/explore.ipynb")
    notebook.run_all()
    calls = notebook.panel.get_by_label("Calls")
    unregistered = calls.locator("option", has_text="32009")
    calls.select_option(value=unregistered.get_attribute("value"))
    story = notebook.panel.locator(".dialtone-story")
    story.get_by_text("32009: dialled phone is not registered").wait_for()
    assert story.get_by_text("/sip-incoming is asked").count() == 1
    assert "incoming-dialstatus-no-answer" in story.inner_text()
    story.locator("summary", has_text="TwiML").first.click()
    assert "<Dial" in story.locator("pre:visible").inner_text()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize(
    "path",
    [
        "empty/notebooks/deploy.ipynb",
        *(f"calls/notebooks/{name}.ipynb" for name in ("call_report", "explore", "monitor")),
    ],
)
def test_our_outputs_can_be_read_by_everybody(page: Page, lab: str, path: str, theme: str) -> None:
    """axe-core finds no fault in our cells' output, with form and consent box active, in light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    notebook = open_notebook(page, lab, path)
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    notebook.run_all()
    notebook.panel.get_by_role("button", name="Change parameters").click()
    consent = notebook.panel.get_by_placeholder("type it here")
    if consent.count():
        consent.fill("rehearsal")
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    page.wait_for_timeout(500)  # colours fade from one theme to the other
    found = Axe().run(page, context=".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output")
    assert found.response["passes"]
    assert found.violations_count == 0, found.generate_report()
