"""Device sheets and the page of phones in Chromium: opened offline, and read on screens, on paper and by a camera."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.phones.configurations import QR_FILE, configuration_files, scanned_address
from dialtone_nb.phones.settings import RegistrarAddress, device_settings
from dialtone_nb.phones.sheets import render_sheet
from dialtone_nb.rehearsal import start_rehearsal
from tests.browser.chromium import IN_A_BROWSER
from tests.browser.pages import check_offline_and_readable, show
from tests.rehearsal.doors import add_phone, client_of
from tests.rehearsal.sip.handset import Handset

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = IN_A_BROWSER

DOMAIN = "dialtone-example-stage.sip.twilio.com"
SAMPLE = load_parameters(Path(__file__).parents[2] / "parameters" / "sample")
HANDED_OUT: Parameters = replace(
    SAMPLE, network=SAMPLE.network.model_copy(update={"provisioning": "http://192.0.2.20:8023"})
)
# One of each make, and one for a rehearsal.
SHEETS = dict.fromkeys(("workbench", "van", "lobby", "clinic", "makerspace")) | {
    "ferry": RegistrarAddress("192.0.2.20", 5070, "UDP")
}


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sheets."""
    folder = tmp_path_factory.mktemp("sheets")
    for name, registrar in SHEETS.items():
        page = render_sheet(HANDED_OUT, name, registrar=registrar)
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_opens_offline_and_anybody_can_read_it(page: Page, sheets: Path, name: str, scheme: str) -> None:
    """One request, an empty console, no finding of axe-core, and no overflow on a screen or phone."""
    check_offline_and_readable(page, sheets / f"{name}.html", scheme, (1100, 390, 320))


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_prints_on_few_pages_in_black_on_white(page: Page, sheets: Path, name: str) -> None:
    """Printed pages are white in dark mode too, columns do not overlap, and three pages are enough."""
    show(page, sheets / f"{name}.html", 680, scheme="dark", media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('.fields td')].filter(cell => cell.scrollWidth > cell.clientWidth + 1)
            .map(cell => cell.textContent)"""
    )
    assert beyond == []
    paper = page.pdf(prefer_css_page_size=True)
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") <= 3


def read_code(picture: bytes) -> list[str]:
    """The text of the QR code in a picture."""
    import zxingcpp
    from PIL import Image

    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))]


@pytest.mark.parametrize(("media", "width"), [("screen", 1100), ("screen", 390), ("print", 680)])
def test_a_camera_reads_the_address_off_the_sheet(
    page: Page, sheets: Path, scheme: str, media: str, width: int
) -> None:
    """The QR code on screen, phone and paper is the address of the softphone's configuration, and only that."""
    show(page, sheets / "workbench.html", width, scheme=scheme, media=media)
    address = scanned_address(device_settings(HANDED_OUT, "workbench"))
    assert address == "http://192.0.2.20:8023/stage/workbench/linphone.xml"
    assert read_code(page.screenshot(full_page=True)) == [address]


def test_a_camera_reads_the_address_off_the_private_picture(page: Page, tmp_path: Path) -> None:
    """The picture in the private folder has the address and no password."""
    settings = device_settings(HANDED_OUT, "workbench")
    (tmp_path / QR_FILE).write_text(configuration_files(settings, "s3cret-Password")[QR_FILE])
    show(page, tmp_path / QR_FILE, 600)
    assert read_code(page.screenshot()) == [scanned_address(settings)]


@pytest.fixture(scope="module")
def phones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of phones of a rehearsal at which one has registered."""
    folder = tmp_path_factory.mktemp("phones")
    with start_rehearsal(folder / "state.db") as rehearsal:
        client = client_of(rehearsal)
        add_phone(client, "lobby", DOMAIN)
        door = rehearsal.open_sip_door()
        with Handset((door.host, door.port), "lobby", domain=DOMAIN) as lobby:
            lobby.register()
            # As it is saved it does not look again by itself: that would be another request.
            saved = re.sub(r"<meta http-equiv=\"refresh\"[^>]*>", "", door.progress.page())
        client.http_client.session.close()
    (folder / "phones.html").write_text(saved, encoding="utf-8")
    return folder / "phones.html"


def test_the_page_of_phones_can_be_read_by_everybody(page: Page, phones: Path, scheme: str) -> None:
    """Assert one request, an empty console, no finding of axe-core, and no overflow on any screen."""
    check_offline_and_readable(page, phones, scheme, (1000, 360))
    assert page.get_by_text("It registers ✓").count() == 1
    assert page.get_by_text("It calls out: next.").count() == 1
