"""A page of ours that is open in Chromium, and what the browser did meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Opened = tuple["Page", list[str]]


@contextmanager
def opened_page(browser: Browser, path: Path, scheme: str, width: int) -> Iterator[Opened]:
    """A page in a colour scheme, with the browser's requests, console messages and failures."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    noticed: list[str] = []
    page.on("request", lambda asked: noticed.append(f"request {asked.url}"))
    page.on("console", lambda message: noticed.append(f"{message.type} {message.text}"))
    page.on("pageerror", lambda error: noticed.append(f"error {error}"))
    page.goto(path.as_uri())
    yield page, noticed
    page.close()


def check_offline_and_readable(opened: Opened, widths: tuple[int, ...]) -> None:
    """Assert one request, an empty console, no finding of axe-core, and no overflow on any screen."""
    from axe_playwright_python.sync_playwright import Axe

    page, noticed = opened
    assert page.locator("h1").count() == 1
    page.wait_for_load_state("networkidle")
    assert noticed == [f"request {page.url}"]
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
