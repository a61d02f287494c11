"""An executed runbook as one self-contained page that is equal for equal runs."""

import re
from pathlib import Path
from typing import Any

import nbformat
import plotly.graph_objects as go
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dialtone_nb.calls.measures.enough import LeftOut
from dialtone_nb.display.outputs import RESULT, figure_bundle, line_bundle
from dialtone_nb.errors import InputError
from dialtone_nb.report.page import POLICY, write_html
from dialtone_nb.report.page_layout import ABOUT, BRIEF, INTRODUCTION
from dialtone_nb.report.report_table import ReportTable
from tests.report.test_runs import a_run


def shown(data: dict[str, Any]) -> Any:
    """An output with these MIME types."""
    return new_output("display_data", data=data)


def notebook_of(*outputs: Any, source: str = "look", run: int = 1, **cell: Any) -> Any:
    """A runbook with one code cell and the metadata of a papermill run."""
    code = new_code_cell(source, outputs=list(outputs), execution_count=1, id=f"random{run}", **cell)
    code.metadata["papermill"] = {"start_time": f"2026-03-02T09:00:0{run}", "duration": run / 7}
    code.metadata["execution"] = {"iopub.status.busy": f"2026-03-02T09:00:0{run}Z"}
    text = new_markdown_cell("# Call report\n\n```\n## no heading\n```\n\n## By day & hour", id=f"text{run}")
    return new_notebook(cells=[text, code], metadata={"papermill": {"duration": run, "output_path": f"/tmp/{run}"}})


def page_of(notebook: Any, folder: Path, name: str = "report") -> str:
    """The page of a notebook."""
    nbformat.write(notebook, folder / f"{name}.ipynb")
    write_html(folder / f"{name}.ipynb", folder / f"{name}.html")
    return (folder / f"{name}.html").read_text(encoding="utf-8")


def figure() -> dict[str, Any]:
    """A figure as a notebook has it."""
    return figure_bundle(go.Figure(go.Bar(x=["</script><b>"], y=[3]), layout={"height": 300, "template": None}))


def test_two_runs_of_the_same_runbook_are_the_same_bytes(tmp_path: Path) -> None:
    """Times, IDs and file names of a run are left out."""
    pages = [page_of(notebook_of(shown(figure()), run=run), tmp_path, f"run{run}") for run in (1, 2)]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("source", "magic"), [("x = 1 % y\nf'{x!r}?'", False), ("%time f()", True), ("f?", True), ("a = !ls", True)]
)
def test_ipythons_lexer_looks_at_what_only_ipython_reads(source: str, magic: bool, tmp_path: Path) -> None:
    """Its import would take a fifth of a second of every run."""
    page = page_of(notebook_of(source=source), tmp_path)
    assert ("hl-ipython3" in page, "hl-python" in page) == (magic, not magic)


def code(source: str = "look", html: str = "", *, tags: tuple[str, ...] = (), **more: Any) -> Any:
    """A code cell with an output of HTML and other types."""
    outputs = [shown({"text/html": html, **more})] if html or more else []
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {}, outputs=outputs)


def headings_of(page: str) -> list[str]:
    """The headings of a page, in their order."""
    return re.findall(r"<h[12][^>]*>([^<]+)", page)


def test_what_a_reader_came_for_stands_first_and_what_teaches_last(tmp_path: Path) -> None:
    """Chapters tagged "lead" follow the title; explanations and parameters are folded."""
    cells = [
        new_markdown_cell("# Report\n\nWhat this is for."),
        new_markdown_cell("## Parameters\n\nAll may be left."),
        code("days: int = 3", tags=("parameters",)),
        new_markdown_cell("## In short", metadata={"tags": ["lead"]}),
        code("say()", "<p>All is well.</p>", tags=("lead",)),
        new_markdown_cell("## By day"),
        code("draw()", "<p>days</p>"),
        new_markdown_cell("## Words", metadata={"tags": ["reference"]}),
        code("define()", "<p>what they mean</p>"),
        new_markdown_cell("## When it fails\n\nRun it again."),
    ]
    page = page_of(new_notebook(cells=cells), tmp_path)
    assert headings_of(page) == ["Report", "In short", "By day", ABOUT]
    assert re.findall(r'<details class="reference"><summary>([^<]+)', page) == [
        INTRODUCTION,
        "Parameters",
        "Words",
        "When it fails",
    ]
    assert page.index("All is well.") < page.index("days</p>") < page.index("What this is for.")
    assert re.findall(r'<a href="#([^"]+)">', page.partition("</nav>")[0]) == [
        "In-short",
        "By-day",
        "About-this-runbook",
    ]


def ended(exit_code: int, summary: str) -> dict[str, Any]:
    """The output that ends a runbook."""
    return {RESULT: {"exit_code": exit_code, "summary": summary}}


@pytest.mark.parametrize(("exit_code", "role"), [(0, "done"), (2, "unknown"), (4, "failed")])
def test_a_page_begins_with_how_the_run_ended(exit_code: int, role: str, tmp_path: Path) -> None:
    """Its head says it in words; then comes the chapter with the end, before the chapters that led to it."""
    cells = [
        new_markdown_cell("# Deploy"),
        new_markdown_cell("## Plan"),
        code("plan", "<p>27 changes</p>"),
        new_markdown_cell("## Apply"),
        code("apply()", "<p>line by line</p>", **ended(exit_code, "all 27 changes <done>")),
    ]
    page = page_of(new_notebook(cells=cells), tmp_path)
    head = page.partition("</header>")[0]
    assert f'<p class="result {role}">' in head
    assert "all 27 changes &lt;done&gt;" in head
    assert headings_of(page) == ["Deploy", "Apply", "Plan"]


def test_a_story_of_several_runs_stays_in_its_order(tmp_path: Path) -> None:
    """If a notebook ends several runs, its prose stays in order and unfolded."""
    cells = [
        new_markdown_cell("# Walkthrough\n\nRead on. Then go on."),
        new_markdown_cell("## First\n\nDeploy. It takes a moment."),
        code("one", "<p>1</p>", **ended(0, "one")),
        new_markdown_cell("## Second\n\nDelete."),
        code("two", "<p>2</p>", **ended(0, "two")),
    ]
    page = page_of(new_notebook(cells=cells), tmp_path)
    assert headings_of(page) == ["Walkthrough", "First", "Second"]
    assert 'class="reading"' not in page
    assert "It takes a moment." in page


def test_a_figure_keeps_its_sentence_and_has_its_data_behind_it(tmp_path: Path) -> None:
    """The first sentence describes the figure, also for screen readers; other prose and the data are folded."""
    cells = [
        new_markdown_cell("# Report"),
        new_markdown_cell("## By day\n\nAttempts *a day*, stacked. A gap is a day without one.\n\nSee below."),
        new_code_cell("draw()", outputs=[shown(figure())]),
    ]
    page = page_of(new_notebook(cells=cells), tmp_path)
    caption, reading = page.index("Attempts <em>a day</em>, stacked."), page.index("A gap is a day")
    assert (
        caption < page.index('<details class="reading">') < reading < page.index("See below.") < page.index('figure"')
    )
    assert 'aria-label="Attempts a day, stacked."' in page
    data = page.partition('<details class="data">')[2]
    assert "&lt;/script&gt;&lt;b&gt;" in data.partition("</table>")[0]


def test_what_has_nothing_to_show_is_gathered_without_its_prose(tmp_path: Path) -> None:
    """Chapters of nothing but lines are a line each at the end, and what is left out is one sentence a reason."""

    def instead(line: str = "", left_out: LeftOut | None = None) -> Any:
        return new_code_cell("look", outputs=[shown(line_bundle(ReportTable((), (), line=line, left_out=left_out)))])

    few = [LeftOut(what, "5 calls say nothing of it") for what in ("days & nights", "weeks")]
    cells = [
        new_markdown_cell("# Report"),
        new_markdown_cell("## By day\n\nHow to read days."),
        instead(left_out=few[0]),
        new_markdown_cell("How to read weeks."),
        instead(left_out=few[1]),
        new_markdown_cell("## Losses\n\nWhy calls were lost. Read on."),
        instead("No call was lost."),
        instead("No call was lost."),
        new_markdown_cell("## Uses\n\nDurations."),
        code("use()", "<p>long</p>"),
        new_markdown_cell("The same by phone."),
        instead("Nobody <used> it."),
        new_markdown_cell("### Emergencies\n\nEach of them."),
        instead("No emergency call."),
    ]
    page = BeautifulSoup(page_of(new_notebook(cells=cells), tmp_path), "html.parser")
    assert [one.get_text().rstrip("¶") for one in page.select("h1, h2, h3")] == ["Report", "Uses", BRIEF]
    assert [one.get_text() for one in page.select(".dialtone-line")] == ["Nobody <used> it."]
    assert [one.get_text() for one in page.select(".dialtone-brief li")] == [
        "Losses: No call was lost.",
        "Emergencies: No emergency call.",
    ]
    assert [one.get_text() for one in page.select(".dialtone-left-out")] == [
        "Left out, as 5 calls say nothing of it: days & nights, weeks."
    ]
    for gone in ("How to read", "Why calls were lost", "The same by phone", "Each of them"):
        assert gone not in page.get_text()


def test_no_link_of_a_page_is_dead(tmp_path: Path) -> None:
    """Links to other notebooks become text; links within the page and to the Web stay."""
    text = "## When\n\nRead [explore](explore.ipynb), [this](#When) and [that](https://example.org/a)."
    cells = [new_markdown_cell("# Report"), new_markdown_cell(text), code("look", "<p>x</p>")]
    page = page_of(new_notebook(cells=cells), tmp_path)
    assert "explore.ipynb" not in page
    assert 'href="#When"' in page
    assert 'href="https://example.org/a"' in page


def test_a_rehearsal_names_its_own_records(tmp_path: Path) -> None:
    """A rehearsal has its own folder for records."""
    banner = '<div class="dialtone-banner">{}</div>'
    for words, path in (("REHEARSAL", "reports/rehearsal/journal.jsonl"), ("Twilio", "reports/journal.jsonl")):
        cells = [
            new_markdown_cell("# Deploy"),
            code("runbook", banner.format(words)),
            new_markdown_cell("## When it fails\n\nSee `reports/journal.jsonl`."),
        ]
        assert f"<code>{path}</code>" in page_of(new_notebook(cells=cells), tmp_path)


def test_the_head_tells_whose_run_it_was(tmp_path: Path) -> None:
    """Date in the network's time zone, operator, environment, duration and commit; the title is the run's own."""
    nbformat.write(notebook_of(), tmp_path / "run.ipynb")
    write_html(tmp_path / "run.ipynb", tmp_path / "run.html", a_run())
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    at = "Mon 2026-03-02 01:00 America/Los_Angeles"
    assert f"<title>Deploy, prod, {at}</title>" in page
    head = page.partition("</header>")[0]
    for fact in (at, "ada", "prod", "1 min 15 s", "b66d067"):
        assert f"<dd>{fact}</dd>" in head


def test_a_page_fetches_nothing(tmp_path: Path) -> None:
    """Its content security policy forbids loading, and only plotly.js has addresses to load from."""
    page = page_of(notebook_of(shown(figure())), tmp_path)
    assert POLICY in page
    assert not re.search(r"<(script|img|iframe|video|audio|embed)[^>]+src=", page)
    assert re.findall(r"<link[^>]+>", page.partition("<script>")[0]) == ['<link href="data:," rel="icon"/>']


@pytest.mark.parametrize(("figures", "copies"), [(0, 0), (1, 1), (3, 1)])
def test_plotly_is_in_the_page_once_and_only_where_it_is_needed(figures: int, copies: int, tmp_path: Path) -> None:
    """A page without figures is small; three figures share one plotly.js."""
    page = page_of(notebook_of(*[shown(figure()) for _ in range(figures)]), tmp_path)
    assert page.count("plotly.js v") == copies
    assert page.count('type="application/json"') == figures
    assert figures or len(page) < 60_000


def test_text_in_a_figure_can_not_end_its_script(tmp_path: Path) -> None:
    """A phone's name with a tag in it is escaped."""
    page = page_of(notebook_of(shown(figure())), tmp_path)
    holder = page.split('type="application/json">')[1].split("</script>")[0]
    assert "\\u003c/script" in holder or "<\\/script" in holder


def test_code_is_folded_and_that_of_a_failed_cell_is_open(tmp_path: Path) -> None:
    """Readers want the results; of a failed cell they want the code."""
    fine = page_of(notebook_of(shown({"text/plain": "42"})), tmp_path)
    assert '<details class="code">' in fine
    error = new_output(
        "error", ename="InputError", evalue="x", traceback=["InputError: source x: there is no such file"]
    )
    failed = page_of(notebook_of(error), tmp_path)
    assert '<details class="code" open="">' in failed
    assert "there is no such file" in failed


def test_what_a_notebook_shows_in_several_forms_is_shown_once(tmp_path: Path) -> None:
    """HTML is preferred to text; a widget, which does not work in a page, is replaced by its text."""
    page = page_of(notebook_of(shown({"text/html": "<i>rich</i>", "text/plain": "plain form"})), tmp_path)
    assert "<i>rich</i>" in page
    assert "plain form" not in page
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "a1"}, "text/plain": "Button"}
    assert "Button" in page_of(notebook_of(shown(widget)), tmp_path)


def test_the_contents_are_the_second_headings(tmp_path: Path) -> None:
    """Each entry links to its heading; headings within code blocks are left out."""
    notebook = notebook_of()
    for title in ("By phone", "Cost"):
        notebook.cells += [new_markdown_cell(f"## {title}"), code("look")]
    page = page_of(notebook, tmp_path)
    contents = re.findall(r'<li><a href="#([^"]+)">([^<]+)</a></li>', page)
    assert contents[0] == ("By-day-%26-hour", "By day &amp; hour")
    assert 'id="By-day-&amp;-hour"' in page or 'id="By-day-&-hour"' in page
    assert "<title>Call report</title>" in page


@pytest.mark.parametrize("content", [None, "not json", '{"cells": 3}'], ids=["absent", "no JSON", "no notebook"])
def test_what_is_no_notebook_is_one_clear_line(content: str | None, tmp_path: Path) -> None:
    """The error names the file, and no page is written."""
    path = tmp_path / "run.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"run\.ipynb") as refusal:
        write_html(path, tmp_path / "run.html")
    assert len(refusal.value.lines()) == 1
    assert not (tmp_path / "run.html").exists()


def test_a_table_escapes_what_it_shows() -> None:
    """A phone's name with a tag in it is escaped, also in headings."""
    html = ReportTable.of(["<b>"], [["<script>"]], "a & b")._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "a &amp; b" in html


def test_a_table_puts_numbers_right_and_is_a_line_where_it_is_empty() -> None:
    """Counts line up, shares are per cent, a missing number is a dash; without rows there is no grid."""
    table = ReportTable.of(["phone", "attempts", "rate"], [["lobby", 12_345, 0.5], ["van", 1, None]])
    assert str(table).splitlines() == ["phone  attempts   rate", "lobby    12,345  50.0%", "van           1      –"]
    assert 'text-align: right; white-space: nowrap">12,345' in table._repr_html_()
    empty = ReportTable.of(["phone"], [], "not said", empty="No phone.")
    assert empty._repr_html_().strip() == '<p class="dialtone-line">No phone.</p>'
    assert str(empty) == "No phone."
