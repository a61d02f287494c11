"""Device sheets in Chromium: opened offline, read on any screen and on paper, by anybody and by a camera."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.phones.configurations import QR_FILE, configuration_files, scanned_address
from dialtone_nb.phones.settings import RegistrarAddress, device_settings
from dialtone_nb.phones.sheets import render_sheet
from tests.browser.chromium import IN_A_BROWSER
from tests.browser.pages import Opened, check_offline_and_readable, opened_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = IN_A_BROWSER

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


@pytest.fixture(params=SHEETS)
def opened(sheets: Path, browser: Browser, scheme: str, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """A sheet, with the browser's requests, console messages and failures."""
    with opened_page(browser, sheets / f"{request.param}.html", scheme, 1100) as opened:
        yield opened


def test_a_sheet_opens_offline_and_anybody_can_read_it(opened: Opened) -> None:
    """One request, an empty console, no finding of axe-core, and no overflow on a screen or phone."""
    check_offline_and_readable(opened, (1100, 390, 320))


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_prints_on_few_pages_in_black_on_white(browser: Browser, sheets: Path, name: str) -> None:
    """Printed pages are white in dark mode too, columns do not overlap, and three pages are enough."""
    page = browser.new_page(viewport={"width": 680, "height": 960}, color_scheme="dark")
    page.goto((sheets / f"{name}.html").as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('.fields td')].filter(cell => cell.scrollWidth > cell.clientWidth + 1)
            .map(cell => cell.textContent)"""
    )
    assert beyond == []
    paper = page.pdf(prefer_css_page_size=True)
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") <= 3
    page.close()


def read_code(picture: bytes) -> list[str]:
    """The text of the QR code in a picture."""
    import zxingcpp
    from PIL import Image

    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))]


@pytest.mark.parametrize(("media", "width"), [("screen", 1100), ("screen", 390), ("print", 680)])
def test_a_camera_reads_the_address_off_the_sheet(
    browser: Browser, sheets: Path, scheme: str, media: str, width: int
) -> None:
    """The QR code on screen, phone and paper is the address of the softphone's configuration, and only that."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto((sheets / "workbench.html").as_uri())
    page.emulate_media(media=media)  # type: ignore[arg-type]
    address = scanned_address(device_settings(HANDED_OUT, "workbench"))
    assert address == "http://192.0.2.20:8023/stage/workbench/linphone.xml"
    assert read_code(page.screenshot(full_page=True)) == [address]
    page.close()


def test_a_camera_reads_the_address_off_the_private_picture(browser: Browser, tmp_path: Path) -> None:
    """The picture in the private folder has the address and no password."""
    settings = device_settings(HANDED_OUT, "workbench")
    (tmp_path / QR_FILE).write_text(configuration_files(settings, "s3cret-Password")[QR_FILE])
    page = browser.new_page(viewport={"width": 600, "height": 600})
    page.goto((tmp_path / QR_FILE).as_uri())
    assert read_code(page.screenshot()) == [scanned_address(settings)]
    page.close()
