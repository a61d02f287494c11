"""The pages that runs leave behind, in Chromium: they open offline and can be read, wide and narrow, light and dark."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

from dialtone_nb.account.account import CONTROL
from tests.browser.chromium import IN_A_BROWSER
from tests.browser.pages import check_offline_and_readable, show

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = IN_A_BROWSER

# By the page's name: the runbook, what is given to it, and its exit code on the account as the run before left it.
RUNS = {
    "plan": ("deploy", [], 2),
    "stopped": ("failing", ["--consent", "rehearsal"], 4),
    "resumed": ("deploy", ["--consent", "rehearsal"], 0),
    "promote": ("promote", ["--consent", "rehearsal"], 0),
    "client_setup": ("client_setup", ["--consent", "rehearsal", "-r", "buy_number", "+15035550101"], 0),
    "delete": ("delete", ["-r", "release_numbers", "+15035550101"], 2),
}
# In one process, which imports everything once.
IN_TURN = """\
import json, sys
from dialtone_nb.__main__ import main

for arguments, exit_code in json.loads(sys.argv[1]):
    assert main(arguments) == exit_code, arguments"""
A_BUILD_FAILS = f"""\
runbook.account.transport.send("POST", "{CONTROL}/faults", json={{"fault": "failed-build"}}).status_code"""


@pytest.fixture(scope="module")
def pages(project: Path) -> Path:
    """A folder of pages, one a run."""
    deploy = nbformat.read(project / "notebooks" / "deploy.ipynb", as_version=4)
    applying = next(number for number, cell in enumerate(deploy.cells) if cell.source.startswith("apply_plan"))
    deploy.cells.insert(applying, nbformat.v4.new_code_cell(A_BUILD_FAILS))
    for cell in deploy.cells:
        cell.source = cell.source.replace('open_runbook("deploy")', 'open_runbook("failing")')
    nbformat.write(deploy, project / "notebooks" / "failing.ipynb")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DIALTONE_", "TWILIO_"))}
    environment["DIALTONE_REHEARSAL_STATE"] = str(project / "state" / "state.db")
    folder = project / "pages"
    runs = [
        (["run", runbook, "--output", str(folder / page), *given], exit_code)
        for page, (runbook, given, exit_code) in RUNS.items()
    ]
    command = [sys.executable, "-c", IN_TURN, json.dumps(runs)]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    for page, (runbook, *_) in RUNS.items():
        shutil.copy(folder / page / f"{runbook}.html", folder / f"{page}.html")
    return folder


@pytest.mark.parametrize("run", RUNS)
def test_a_page_opens_offline_and_anybody_can_read_it(page: Page, pages: Path, run: str, scheme: str) -> None:
    """One request, an empty console, no text beyond the edge of a screen or phone, and no finding of axe-core."""
    check_offline_and_readable(page, pages / f"{run}.html", scheme, (1280, 390))
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        # Nor may a part of the page scroll sideways in its place: a phone's reader would not find out.
        assert (
            page.evaluate(
                """() => [...document.querySelectorAll('.dialtone, .dialtone *')]
                 .filter((one) => one.clientWidth > 1)  // what is there for screen readers alone is one pixel wide
                 .filter((one) => getComputedStyle(one).overflowX !== 'visible' && one.scrollWidth > one.clientWidth)
                 .map((one) => one.outerHTML.slice(0, 80))"""
            )
            == []
        )


def test_a_plan_shows_each_kind_once_and_how_to_agree(page: Page, pages: Path) -> None:
    """Eighteen functions and versions take two rows, and the fingerprint stands under the table."""
    show(page, pages / "plan.html")
    plan = page.locator(".dialtone-plan")
    assert plan.locator("tr", has_text="9 functions").count() == 1
    assert plan.locator("tr", has_text="9 function versions").count() == 1
    assert plan.locator("summary .room-name").all_inner_texts() == ["SERVICE AND CODE", "SIP"]
    assert "plan-" in plan.get_by_text("To agree to it").inner_text()


def test_the_list_of_runs_is_seen_whole(page: Page, pages: Path) -> None:
    """A fingerprint, which is one long word, moves no column beyond the edge of a desk's screen."""
    show(page, pages / "plan" / "index.html", 1200)
    assert "no consent to plan-" in page.locator("table.runs").inner_text()
    assert (
        page.evaluate(
            "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.scrolls'))"
        )
        == 0
    )


def test_a_plan_is_filtered_and_folded_where_no_script_runs(browser: Browser, pages: Path) -> None:
    """The filters and the folding are plain HTML; a printed page shows everything."""
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((pages / "delete.html").as_uri())
    plan = page.locator(".dialtone-plan")
    rows = plan.locator("tbody.change:visible")
    every = rows.count()
    plan.get_by_label("only what costs or has a warning").check()
    warned = rows.count()
    assert 0 < warned < every
    room = plan.locator("summary", has_text="SIP")
    room.click()
    assert rows.count() < warned
    assert "with a warning" in room.inner_text()
    page.emulate_media(media="print")
    assert rows.count() == every
    page.context.close()


def test_settings_unfold_on_screen_and_are_whole_on_paper(page: Page, pages: Path) -> None:
    """A new domain's settings are folded at first; printed, they are all shown."""
    show(page, pages / "plan.html")
    domain = page.locator(".dialtone-plan tr", has_text="with emergency calling")
    setting = domain.locator(".field", has_text="friendly name")
    assert not setting.is_visible()
    domain.locator("summary").click()
    assert setting.is_visible()
    domain.locator("summary").click()
    page.emulate_media(media="print")
    assert setting.is_visible()


def test_a_run_that_stopped_says_so_at_the_top_and_leads_to_the_cause(page: Page, pages: Path) -> None:
    """The failure stands above the table with its repair; completed work is not repeated row by row."""
    show(page, pages / "stopped.html")
    page.get_by_role("link", name="where, and why").click()
    assert page.evaluate("document.querySelector(':target').textContent") == "The run stopped here."
    outcome = page.locator(".dialtone-applied")
    assert "82003" in outcome.locator(".stop").inner_text()
    assert "run the runbook again" in outcome.locator(".stop").inner_text()
    assert outcome.locator("tr.failed").count() == 1
    assert outcome.locator("tr.done").count() < 8
    assert outcome.locator("tr.none").count() > 0


def test_money_and_danger_are_marked(page: Page, pages: Path) -> None:
    """A bought number shows its price in the plan's first line and in its row; a deletion says what is lost."""
    show(page, pages / "client_setup.html")
    plan = page.locator(".dialtone-plan")
    assert "costs 1.15 USD a month" in plan.locator("p").first.inner_text()
    assert plan.locator("tr", has_text="+15035550101").locator(".cost").count() == 1
    show(page, pages / "delete.html")
    number = page.locator(".dialtone-plan tr", has_text="+15035550101")
    assert number.locator(".danger").count() == 1
    assert number.locator(".undo").inner_text().startswith("to undo: ")
