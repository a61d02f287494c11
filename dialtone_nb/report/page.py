"""An executed runbook -> one HTML page that opens offline and repeats to the byte."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dialtone_nb.display.outputs import PLOTLY
from dialtone_nb.display.rendering import style_sheet
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.files.atomic_file import write_whole

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
# Whatever a page holds, the browser may fetch nothing for it.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
PLOTLY_GOES_HERE: Final = "/* plotly.js */"
# Cells with this tag come right after a page's title, though they ran later.
LEAD: Final = "lead"
HEADING: Final = re.compile(r"^(#{1,2})\s+(.+?)\s*#*\s*$", re.M)
# What a run leaves behind in the metadata of a notebook and its cells.
OF_A_RUN: Final = ("papermill", "widgets", "execution", "ExecuteTime", "collapsed", "scrolled")
FENCED: Final = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)


def write_html(executed_notebook: Path, html: Path) -> None:
    """Write the page of an executed notebook; an `InputError` where the file is no notebook."""
    page = render_html(read_notebook(executed_notebook))
    html.parent.mkdir(parents=True, exist_ok=True)
    write_whole(html, page)


def read_notebook(path: Path) -> NotebookNode:
    """The notebook in a file; an `InputError` where there is none."""
    import nbformat

    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        raise InputError(Fault(str(path), "there is no such notebook", "run the runbook first")) from None
    # nbformat trusts a file that is JSON, so one of another kind fails in whatever way comes first.
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(Fault(str(path), f"is no notebook: {str(error).splitlines()[0][:200]}")) from None
    return notebook


def render_html(notebook: NotebookNode) -> str:
    """The page: the same bytes for the same cells and outputs, whenever and wherever they were run."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    scrub(notebook)
    prepare_cells(notebook.cells)
    notebook.cells = lead_first(notebook.cells)
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="dialtone",
        extra_template_basedirs=[str(TEMPLATES)],
        config=Config({"NbConvertBase": {"display_data_priority": list(SHOWN)}}),
    )
    parts = _parts(notebook)
    page, _ = exporter.from_notebook_node(notebook, resources={"dialtone": parts})
    # nbconvert parses the finished page once more; plotly's five megabytes are spared that.
    return str(page).replace(PLOTLY_GOES_HERE, _plotly_script() if parts["has_figures"] else "", 1)


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
            # Who looks for the cause wants to see the code.
            cell.metadata["dialtone_open"] = True


def lead_first(cells: Sequence[NotebookNode]) -> list[NotebookNode]:
    """The cells as a page shows them: the title, then those tagged "lead" (what a reader came for), then the others."""
    leading = [cell for cell in cells if LEAD in cell.metadata.get("tags", ())]
    others = [cell for cell in cells if LEAD not in cell.metadata.get("tags", ())]
    after = next((n for n, cell in enumerate(others, 1) if cell.source.startswith("# ")), 0)
    return [*others[:after], *leading, *others[after:]]


def _parts(notebook: NotebookNode) -> dict[str, Any]:
    folder = TEMPLATES / "dialtone"
    has_figures = any(PLOTLY in output.get("data", {}) for output in _outputs(notebook))
    headings = list(_headings(notebook))
    return {
        "title": next((text for level, text in headings if level == 1), "Runbook"),
        "contents": [(anchor_of(text), text) for level, text in headings if level == 2],
        "policy": POLICY,
        "style": (folder / "page.css").read_text(encoding="utf-8") + style_sheet(),
        "script": (folder / "figures.js").read_text(encoding="utf-8"),
        "has_figures": has_figures,
        "plotly": PLOTLY_GOES_HERE,
    }


def _plotly_script() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _outputs(notebook: NotebookNode) -> Iterator[Any]:
    return (output for cell in notebook.cells for output in cell.get("outputs", ()))


def _headings(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Level and text of the first- and second-level headings."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for found in HEADING.finditer(FENCED.sub("", cell.source)):
                yield len(found[1]), found[2].replace("`", "").replace("*", "")


def anchor_of(heading: str) -> str:
    """The anchor that nbconvert gives a heading."""
    return heading.replace(" ", "-")
