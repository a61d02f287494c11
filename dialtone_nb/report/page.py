"""An executed runbook -> one HTML page that opens offline and repeats to the byte."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dialtone_nb.display.outputs import PLOTLY
from dialtone_nb.display.rendering import PROJECT_LINK, keep_compiled, style_sheet
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.report.figure_table import figure_table
from dialtone_nb.report.page_layout import PageLayout, lay_out
from dialtone_nb.report.runs import Run

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATES: Final = Path(__file__).parent / "templates"
# The first of these that an output has is shown. No widgets and no scripts: a page is a record, not a program.
SHOWN: Final = (
    PLOTLY,
    "text/html",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/markdown",
    "text/latex",
    "text/plain",
)
# Whatever a page holds, the browser must fetch nothing for it.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
PLOTLY_GOES_HERE: Final = "/* plotly.js */"
# What a run leaves behind in the metadata of a notebook and its cells.
OF_A_RUN: Final = ("papermill", "widgets", "execution", "ExecuteTime", "collapsed", "scrolled")
# What IPython knows and Python does not: %time, !ls, ?open, open?
MAGIC: Final = re.compile(r"^\s*[%!?]|=\s*[%!]|\?\s*$", re.MULTILINE)
# A page of fewer chapters needs no table of contents.
MANY_CHAPTERS: Final = 3


def write_html(executed_notebook: Path, html: Path, run: Run | None = None, *, project: Path | None = None) -> None:
    """Write the page of an executed notebook, headed by its run; an `InputError` where the file is not a notebook.

    Its links into the project lead there from where the page lies.
    """
    to_project = os.path.relpath(project or Path.cwd(), html.parent)
    page = render_html(read_notebook(executed_notebook), run)
    write_whole(html, page.replace(f'href="{PROJECT_LINK}', f'href="{Path(to_project).as_posix()}/'))


def read_notebook(path: Path) -> NotebookNode:
    """The notebook in a file; an `InputError` where there is none."""
    import nbformat

    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        raise InputError(Fault(str(path), "there is no such notebook", "run the runbook first")) from None
    # nbformat trusts a file that is JSON, so one of another kind fails in whatever way comes first.
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(Fault(str(path), f"is not a notebook: {str(error).splitlines()[0][:200]}")) from None
    return notebook


def render_html(notebook: NotebookNode, run: Run | None = None) -> str:
    """The page: the same bytes for the same run, cells and outputs, whenever and wherever it is made."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    layout = lay_out(notebook)
    notebook.cells = layout.cells
    scrub(notebook)
    prepare_cells(notebook.cells)
    name_lexer(notebook)
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="dialtone",
        extra_template_basedirs=[str(TEMPLATES)],
        config=Config({"NbConvertBase": {"display_data_priority": list(SHOWN)}}),
        # The notebook is checked once, after all of nbconvert's own steps, and not after each.
        optimistic_validation=True,
    )
    exporter.register_filter("figure_table", lambda figure: figure_table(figure)._repr_html_())  # type: ignore[no-untyped-call]
    keep_compiled(exporter.environment)
    parts = _parts(notebook, layout, run)
    page, _ = exporter.from_notebook_node(notebook, resources={"dialtone": parts})
    # nbconvert parses the finished page once more; plotly's five megabytes are spared that.
    return str(page).replace(PLOTLY_GOES_HERE, _plotly_script() if parts["has_figures"] else "", 1)


def ready_pages() -> None:
    """Have templates compiled and modules imported, so that the next page is made in half the time."""
    from nbformat import from_dict

    # Not by new_code_cell, which checks what it makes: for that it would compile a schema, as papermill does meanwhile.
    cell: dict[str, Any] = {
        "cell_type": "code",
        "source": "ready = True",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    render_html(from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}))  # type: ignore[no-untyped-call]


def scrub(notebook: NotebookNode) -> None:
    """Take out, in place, what differs from run to run: papermill's and JupyterLab's times and states."""
    for part in (notebook, *notebook.cells):
        for key in OF_A_RUN:
            part.metadata.pop(key, None)


def prepare_cells(cells: Sequence[NotebookNode]) -> None:
    """Give cells, in place, the ids that they have in every page, and mark those whose code a reader wants to see."""
    for number, cell in enumerate(cells, 1):
        cell["id"] = f"cell-{number}"
        if any(output.output_type == "error" for output in cell.get("outputs", ())):
            # Somebody who looks for the cause of an error wants to see the code.
            cell.metadata["dialtone_open"] = True


def name_lexer(notebook: NotebookNode) -> None:
    """Have IPython's own lexer, whose import takes a fifth of a second, look at cells with its magic commands alone."""
    language = notebook.metadata.get("language_info", {})
    if language.get("pygments_lexer", language.get("name", "ipython3")) == "ipython3" and not any(
        cell.cell_type == "code" and MAGIC.search(cell.source) for cell in notebook.cells
    ):
        notebook.metadata["language_info"] = {**language, "name": "python", "pygments_lexer": "python"}


def _parts(notebook: NotebookNode, layout: PageLayout, run: Run | None) -> dict[str, Any]:
    folder = TEMPLATES / "dialtone"
    return {
        "title": layout.title,
        "contents": layout.contents if len(layout.contents) >= MANY_CHAPTERS else (),
        "result": layout.result,
        "run": run,
        "policy": POLICY,
        "style": page_style(),
        "script": (folder / "figures.js").read_text(encoding="utf-8"),
        "has_figures": any(PLOTLY in output.get("data", {}) for output in _outputs(notebook)),
        "plotly": PLOTLY_GOES_HERE,
    }


def page_style() -> str:
    """The style of pages, and of our displays on them."""
    return (TEMPLATES / "dialtone" / "page.css").read_text(encoding="utf-8") + style_sheet()


def _plotly_script() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _outputs(notebook: NotebookNode) -> Iterator[Any]:
    return (output for cell in notebook.cells for output in cell.get("outputs", ()))
