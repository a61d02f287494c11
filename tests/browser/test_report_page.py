"""The report page in Chromium: it opens offline, draws every figure, in light and in dark, and prints."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dialtone_nb.calls import figures
from dialtone_nb.calls.attempts.quality import Finding
from dialtone_nb.calls.load import CallData
from dialtone_nb.calls.measures.before_after import Deployment
from dialtone_nb.display.outputs import figure_bundle
from dialtone_nb.report import call_report as report
from dialtone_nb.report.page import write_html
from tests.browser.chromium import IN_A_BROWSER
from tests.browser.pages import noticed_of, show
from tests.calls.drawing import NAMES, draw
from tests.calls.strategies import frame_of
from tests.report.calls import START, hundred_calls

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

# Words in figures that end beyond their figure: they are cut off there.
CUT_OFF = """[...document.querySelectorAll(".figure")].flatMap((figure) => {
  const edge = figure.getBoundingClientRect();
  return [...figure.querySelectorAll("text")].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.width && (box.left < edge.left - 2 || box.right > edge.right + 2 || box.bottom > edge.bottom + 2);
  }).map((text) => text.textContent);
})"""
ALL_DRAWN = "[...document.querySelectorAll('.figure')].every((one) => one.dataset.drawn)"

END = START + timedelta(days=99, hours=12)
DESK: "ViewportSize" = {"width": 1280, "height": 800}

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every figure and every table of the call report, over a hundred days."""
    frame = frame_of(hundred_calls())
    data = CallData.of(frame, "a test", (Finding("rows that are not events", 1, "left out", "a.json: 7"),))
    drawn = {name: new_output("display_data", data=figure_bundle(draw(name, frame))) for name in NAMES}
    deployed = figures.draw_rates_over_time(
        CallData.of(frame, "a test").tally(), [Deployment(END, "prod", "ZD1", "ZB1")]
    )
    drawn["a deployment on the last day"] = new_output("display_data", data=figure_bundle(deployed))
    cells = [new_markdown_cell("# Call report\n\n## By day & hour")]
    for name, output in drawn.items():
        cells += [new_markdown_cell(f"### {name}"), new_code_cell("look", outputs=[output])]
    chapters = {"days": "## Tables\n\n", "findings": "## What was read\n\n"}
    for title, shown in tables_of(data):
        output = new_output("display_data", data={"text/html": shown._repr_html_()})
        heading = new_markdown_cell(f"{chapters.get(title, '')}### {title}")
        cells += [heading, new_code_cell("look", outputs=[output], metadata={"title": title})]
    folder = tmp_path_factory.mktemp("page")
    nbformat.write(new_notebook(cells=cells), folder / "report.ipynb")
    write_html(folder / "report.ipynb", folder / "report.html")
    return folder / "report.html"


def tables_of(data: CallData) -> list[tuple[str, Any]]:
    """The summary and every table, each with a title."""
    tally, life = data.tally(), report.look_for_life(data)
    comparisons = report.compare_calls(data, [Deployment(START + timedelta(days=50), "prod", "ZD1", "ZB1")])
    return [
        ("days", report.tabulate_rates(tally, "day")),
        ("summary", report.summarise_calls(data, comparisons, life)),
        ("outcomes", report.tabulate_outcomes(tally)),
        ("funnels", report.tabulate_funnels(tally)),
        ("phones", report.tabulate_rates(tally, "client")),
        ("hours", report.tabulate_rates(data.hours(), "hour")),
        ("deployments", report.tabulate_deployments(comparisons)),
        ("reasons", report.tabulate_reasons(tally)),
        ("refusals", report.tabulate_refusals(tally)),
        ("calls at once", report.tabulate_concurrency(data)),
        ("cost", report.tabulate_cost(tally)),
        ("signs of life", report.tabulate_signs_of_life(life)),
        ("attempts", report.tabulate_attempts(data)),
        ("definitions", report.tabulate_definitions()),
        ("measures", report.tabulate_measures()),
        ("rules", report.tabulate_rules()),
        ("findings", report.tabulate_findings(data)),
    ]


@pytest.fixture(scope="module", params=["light", "dark"])
def drawn(page: "Page", page_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple["Page", list[str]]]:
    """The page with all figures drawn, and the browser's requests, console messages and failures."""
    with noticed_of(page) as noticed:
        show(page, page_path, scheme=request.param)
        page.wait_for_function(ALL_DRAWN)
        yield page, noticed


@pytest.fixture
def opened(drawn: tuple["Page", list[str]]) -> Iterator[tuple["Page", list[str]]]:
    """The page on a desktop screen, reset after the test before: drawing it again would take seconds."""
    page, _ = drawn
    yield drawn
    page.emulate_media(media="screen")
    page.set_viewport_size(DESK)


def test_the_page_asks_for_nothing_but_itself_and_complains_of_nothing(
    opened: tuple["Page", list[str]], page_path: Path
) -> None:
    """The browser requests only the file, and the console is empty."""
    page, noticed = opened
    page.wait_for_load_state("networkidle")
    assert noticed == [f"request {page_path.as_uri()}"]


def test_anybody_can_read_it(opened: tuple["Page", list[str]]) -> None:
    """axe-core finds no fault in figures and tables."""
    from axe_playwright_python.sync_playwright import Axe

    page, _ = opened
    # The rows of a table have the same elements, and axe-core takes milliseconds for each of three thousand cells.
    found = Axe().run(page, {"exclude": [["tbody tr:nth-child(n+11)"]]})
    assert found.violations_count == 0, found.generate_report()


def test_every_figure_is_drawn_inside_the_page(opened: tuple["Page", list[str]]) -> None:
    """Each figure has its marks and fits the column; nothing makes the page scroll sideways."""
    page, _ = opened
    assert page.locator(".figure").count() == len(NAMES) + 1
    marks = ".point path, .points path, .bars path, .hm image, .scatterlayer path, .funnellayer path"
    for figure in page.locator(".figure").all():
        assert figure.locator(marks).count() > 0
        box = figure.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1280
    assert page.evaluate("document.documentElement.scrollWidth") == 1280


@pytest.mark.parametrize("width", [820, 1200, 1400])
def test_no_word_of_a_figure_is_cut_off(opened: tuple["Page", list[str]], width: int) -> None:
    """Names, shares beside bars, and a deployment on the last day end inside of their figure."""
    page, _ = opened
    page.set_viewport_size({"width": width, "height": 800})
    # Figures are drawn anew in their new width.
    for _ in range(200):
        if not page.evaluate(CUT_OFF):
            break
        page.wait_for_timeout(50)
    assert page.evaluate(CUT_OFF) == []


def test_text_can_be_read_on_its_ground(opened: tuple["Page", list[str]]) -> None:
    """Text, quiet text and the words in figures stand out from the ground by at least 4.5 to 1."""
    page, _ = opened
    ratios = page.evaluate(
        """() => {
          const light = (colour) => {
            const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
              .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
          };
          const ground = light(getComputedStyle(document.body).backgroundColor);
          const of = (selector, property) => {
            const ink = light(getComputedStyle(document.querySelector(selector))[property]);
            return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
          };
          const inText = ["h1", "th", "td"].map((selector) => of(selector, "color"));
          const inFigures = [".xtick text", ".legendtext"].map((selector) => of(selector, "fill"));
          return [...inText, ...inFigures];
        }"""
    )
    assert min(ratios) >= 4.5


def test_a_long_table_scrolls_in_its_place_and_prints_whole(opened: tuple["Page", list[str]]) -> None:
    """On screen a table of a hundred days scrolls within a part of the page; printed, it is complete."""
    page, _ = opened
    height = "document.querySelector('.jp-RenderedHTML').getBoundingClientRect().height"
    assert page.evaluate(height) < 600
    page.emulate_media(media="print")
    assert page.evaluate(height) > 1500


def test_code_unfolds(opened: tuple["Page", list[str]]) -> None:
    """The code is folded at first, and can be unfolded."""
    page, _ = opened
    code = page.locator("details.code .highlight").first
    assert not code.is_visible()
    page.locator("details.code summary").first.click()
    assert code.is_visible()


def test_the_contents_lead_to_their_headings(opened: tuple["Page", list[str]]) -> None:
    """A heading with an ampersand is found too."""
    page, _ = opened
    page.set_viewport_size({"width": 1500, "height": 400})
    page.locator("nav.contents a", has_text="By day").click()
    assert page.evaluate("document.querySelector(':target').textContent").startswith("By day & hour")


def test_a_telephone_shows_all_of_it(opened: tuple["Page", list[str]]) -> None:
    """The page fits a phone's screen; a wide table scrolls within it."""
    page, _ = opened
    page.set_viewport_size({"width": 390, "height": 800})
    # Figures are drawn anew in their new width. The page's policy lets nobody wait inside of it.
    width = "document.documentElement.scrollWidth"
    for _ in range(200):
        if page.evaluate(width) == 390:
            break
        page.wait_for_timeout(50)
    assert page.evaluate(width) == 390
