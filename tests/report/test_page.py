"""An executed runbook becomes one page that needs nothing else and repeats to the byte."""

import re
from pathlib import Path
from typing import Any

import nbformat
import plotly.graph_objects as go
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dialtone_nb.display.outputs import figure_bundle
from dialtone_nb.errors import InputError
from dialtone_nb.report.page import POLICY, write_html
from dialtone_nb.report.report_table import ReportTable


def shown(data: dict[str, Any]) -> Any:
    """An output that shows these forms of one thing."""
    return new_output("display_data", data=data)


def notebook_of(*outputs: Any, source: str = "look", run: int = 1, **cell: Any) -> Any:
    """A runbook of one code cell, with the marks that a run by papermill leaves."""
    code = new_code_cell(source, outputs=list(outputs), execution_count=1, id=f"random{run}", **cell)
    code.metadata["papermill"] = {"start_time": f"2026-03-02T09:00:0{run}", "duration": run / 7}
    code.metadata["execution"] = {"iopub.status.busy": f"2026-03-02T09:00:0{run}Z"}
    text = new_markdown_cell("# Call report\n\n```\n## no heading\n```\n\n## By day & hour", id=f"text{run}")
    return new_notebook(cells=[text, code], metadata={"papermill": {"duration": run, "output_path": f"/tmp/{run}"}})


def page_of(notebook: Any, folder: Path, name: str = "report") -> str:
    """The page that is written of a notebook."""
    nbformat.write(notebook, folder / f"{name}.ipynb")
    write_html(folder / f"{name}.ipynb", folder / f"{name}.html")
    return (folder / f"{name}.html").read_text(encoding="utf-8")


def figure() -> dict[str, Any]:
    """A figure as a notebook keeps it."""
    return figure_bundle(go.Figure(go.Bar(x=["</script><b>"], y=[3]), layout={"height": 300, "template": None}))


def test_two_runs_of_the_same_runbook_are_the_same_bytes(tmp_path: Path) -> None:
    """Times, ids and file names of a run leave no trace."""
    pages = [page_of(notebook_of(shown(figure()), run=run), tmp_path, f"run{run}") for run in (1, 2)]
    assert pages[0] == pages[1]


def test_what_a_reader_came_for_stands_first(tmp_path: Path) -> None:
    """Cells tagged "lead" come right after the title, in their order, whatever ran before them."""
    lead = {"tags": ["lead"]}
    cells = [
        new_markdown_cell("# Report"),
        new_markdown_cell("## Parameters"),
        new_markdown_cell("## In short", metadata=lead),
        new_code_cell("say()", metadata=lead, outputs=[shown({"text/html": "<p>All is well.</p>"})]),
        new_markdown_cell("## By day"),
    ]
    page = page_of(new_notebook(cells=cells), tmp_path)
    headings = re.findall(r"<h[12][^>]*>([^<]+)", page)
    assert headings == ["Report", "In short", "Parameters", "By day"]
    assert page.index("In short") < page.index("All is well.") < page.index('id="Parameters"')
    assert re.findall(r'<a href="#([^"]+)">', page.partition("</nav>")[0]) == ["In-short", "Parameters", "By-day"]


def test_a_page_fetches_nothing(tmp_path: Path) -> None:
    """Its policy lets the browser fetch nothing, and outside of plotly.js it names no address to load from."""
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
    """A phone that is named like a tag stays a name."""
    page = page_of(notebook_of(shown(figure())), tmp_path)
    holder = page.split('type="application/json">')[1].split("</script>")[0]
    assert "\\u003c/script" in holder or "<\\/script" in holder


def test_code_is_folded_and_that_of_a_failed_cell_is_open(tmp_path: Path) -> None:
    """A reader sees results first; where a cell failed, its code is wanted."""
    fine = page_of(notebook_of(shown({"text/plain": "42"})), tmp_path)
    assert '<details class="code">' in fine
    error = new_output(
        "error", ename="InputError", evalue="x", traceback=["InputError: source x: there is no such file"]
    )
    failed = page_of(notebook_of(error), tmp_path)
    assert '<details class="code" open="">' in failed
    assert "there is no such file" in failed


def test_what_a_notebook_shows_in_several_forms_is_shown_once(tmp_path: Path) -> None:
    """HTML wins over text, and a widget, which is dead on paper, gives way to its text."""
    page = page_of(notebook_of(shown({"text/html": "<i>rich</i>", "text/plain": "plain form"})), tmp_path)
    assert "<i>rich</i>" in page
    assert "plain form" not in page
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "a1"}, "text/plain": "Button"}
    assert "Button" in page_of(notebook_of(shown(widget)), tmp_path)


def test_the_contents_are_the_second_headings(tmp_path: Path) -> None:
    """Each entry leads to its heading; what only looks like one, in a block of code, is none."""
    page = page_of(notebook_of(), tmp_path)
    contents = re.findall(r'<li><a href="#([^"]+)">([^<]+)</a></li>', page)
    assert contents == [("By-day-%26-hour", "By day &amp; hour")]
    assert 'id="By-day-&amp;-hour"' in page or 'id="By-day-&-hour"' in page
    assert "<title>Call report</title>" in page


@pytest.mark.parametrize("content", [None, "not json", '{"cells": 3}'], ids=["absent", "no JSON", "no notebook"])
def test_what_is_no_notebook_is_one_clear_line(content: str | None, tmp_path: Path) -> None:
    """The line names the file, and no page is written."""
    path = tmp_path / "run.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"run\.ipynb") as refusal:
        write_html(path, tmp_path / "run.html")
    assert len(refusal.value.lines()) == 1
    assert not (tmp_path / "run.html").exists()


def test_a_table_escapes_what_it_shows() -> None:
    """A phone named like a tag is a name in the page, in the heading too."""
    html = ReportTable.of(["<b>"], [["<script>"]], "a & b")._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "a &amp; b" in html


def test_a_table_puts_numbers_right_and_says_none_where_it_is_empty() -> None:
    """Counts line up, shares are per cent, a missing number is a dash."""
    table = ReportTable.of(["phone", "attempts", "rate"], [["lobby", 12_345, 0.5], ["van", 1, None]])
    assert str(table).splitlines() == ["phone  attempts   rate", "lobby    12,345  50.0%", "van           1      –"]
    assert 'text-align: right; white-space: nowrap">12,345' in table._repr_html_()
    assert ">none<" in ReportTable.of(["phone"], [])._repr_html_()
