"""Chromium, and a project of its own for whoever runs notebooks in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import CHROMIUM
from tests.browser.laboratory import WAITS_MS, started_lab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


# One a module: Playwright keeps an event loop running, which other modules' tests may not meet.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "there is no chromium here; .ci/run installs it"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with our notebooks and the sample network."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "notebooks").mkdir()
    for file in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(file, folder / "notebooks")
    shutil.copytree(ROOT / "parameters" / "sample", folder / "parameters" / "sample")
    return folder


@pytest.fixture(scope="module")
def lab(root: Path) -> Iterator[str]:
    """The address of JupyterLab, on the folder that the module's own `root` makes."""
    with started_lab(root) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A window in which notebooks are opened, one beside the other."""
    opened = browser.new_page(viewport={"width": 1300, "height": 1000})
    opened.set_default_timeout(WAITS_MS)
    yield opened
    opened.close()


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """A colour scheme."""
    return str(request.param)
