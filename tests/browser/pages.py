"""A page of ours in Chromium, and what the browser does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def show(page: Page, path: Path, width: int = 1280, *, scheme: str = "light", media: str = "screen") -> None:
    """Load a page of ours into the tab that is there, which takes a tenth of what a new tab does."""
    page.emulate_media(color_scheme=scheme, media=media)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(path.as_uri())


@contextmanager
def noticed_of(page: Page) -> Iterator[list[str]]:
    """The browser's requests, console messages and failures."""
    noticed: list[str] = []
    listeners = {
        "request": lambda asked: noticed.append(f"request {asked.url}"),
        "console": lambda message: noticed.append(f"{message.type} {message.text}"),
        "pageerror": lambda error: noticed.append(f"error {error}"),
    }
    for event, listener in listeners.items():
        page.on(event, listener)  # type: ignore[call-overload]
    yield noticed
    for event, listener in listeners.items():
        page.remove_listener(event, listener)


def check_offline_and_readable(page: Page, path: Path, scheme: str, widths: tuple[int, ...]) -> None:
    """Assert one request, an empty console, no finding of axe-core on the first screen, and no overflow on any."""
    from axe_playwright_python.sync_playwright import Axe

    with noticed_of(page) as noticed:
        show(page, path, widths[0], scheme=scheme)
        page.wait_for_load_state("networkidle")
    assert noticed == [f"request {path.as_uri()}"]
    assert page.locator("h1").count() == 1
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
