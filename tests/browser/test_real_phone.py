"""The walkthrough with a SIP phone in JupyterLab: the SIP server is started, the phone watched and called."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dialtone_nb.rehearsal import start_rehearsal
from tests.browser.chromium import IN_A_BROWSER
from tests.browser.laboratory import open_notebook
from tests.browser.pages import check_offline_and_readable, opened_page
from tests.rehearsal.doors import add_phone, client_of
from tests.rehearsal.sip.handset import Handset

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = IN_A_BROWSER

DOMAIN = "dialtone-example-stage.sip.twilio.com"
SHOW = """async source => {
  const content = jupyterapp.shell.currentWidget.content;
  const index = content.widgets.findIndex(cell => cell.model.sharedModel.source.includes(source));
  content.activeCellIndex = index;
  await content.scrollToItem(index, "start");
}"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """The server's folder: a project with an empty account."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(project, folder / "project")
    return folder


def test_a_phone_registers_and_rings_where_somebody_watches(page: Page, lab: str, root: Path) -> None:
    """Server started, wrong password, registered, ringing, answered, stopped; the notebook's end removes everything."""
    notebook = open_notebook(page, lab, "project/notebooks/walkthrough.ipynb")
    notebook.run_all()
    page.evaluate(SHOW, "try_real_phone(runbook)")
    panel = notebook.panel
    panel.get_by_role("textbox", name="Address").fill("192.0.2.20:5060")
    panel.get_by_role("button", name="Start the SIP server").click()
    panel.get_by_text("beyond_this_machine").wait_for()
    panel.get_by_role("textbox", name="Address").fill("127.0.0.1:0")
    panel.get_by_role("button", name="Start the SIP server").click()
    panel.get_by_role("button", name="Ring it").wait_for()
    proxy = panel.get_by_role("row", name="Outbound proxy 127.0.0.1").inner_text()
    port = int(proxy.rpartition(":")[2])
    written = (root / "project/.rehearsal/private/stage/workbench/phone.txt").read_text(encoding="utf-8")
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
    assert notebook.errors() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_phones_can_be_read_by_everybody(browser: Browser, tmp_path: Path, scheme: str) -> None:
    """Assert one request, an empty console, no finding of axe-core, and no overflow on any screen."""
    with start_rehearsal(tmp_path / "state.db") as rehearsal:
        client = client_of(rehearsal)
        add_phone(client, "lobby", DOMAIN)
        door = rehearsal.open_sip_door()
        with Handset((door.host, door.port), "lobby", domain=DOMAIN) as lobby:
            lobby.register()
            written = tmp_path / "phones.html"
            # As it is saved it does not look again by itself: that would be another request.
            written.write_text(
                re.sub(r"<meta http-equiv=\"refresh\"[^>]*>", "", door.progress.page()), encoding="utf-8"
            )
        client.http_client.session.close()
    with opened_page(browser, written, scheme, 1000) as opened:
        check_offline_and_readable(opened, (360, 1000))
        assert opened[0].get_by_text("It registers ✓").count() == 1
        assert opened[0].get_by_text("It calls out: next.").count() == 1
