"""A notebook's cells as a page lays them out: the result first, then the rest; explanations are folded, or at the end.

A notebook teaches, so prose comes before what it explains. A page informs: what came of the run comes first, a
figure keeps the sentence that names it, and the rest of the prose is folded beside it. Where a figure or table has
nothing to show, its line stands without that prose; what has nothing but such lines is gathered after the rest.
Chapters that only explain (parameters, definitions, what to do when it fails) are folded at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from dialtone_nb.display.outputs import LINE, PLOTLY, RESULT
from dialtone_nb.display.rendering import render

if TYPE_CHECKING:
    from nbformat import NotebookNode

# Tags of cells: a chapter that comes first, and one that is folded at the end; papermill's own for parameters.
LEAD: Final = "lead"
REFERENCE: Final = "reference"
PARAMETERS: Final = ("parameters", "injected-parameters")
BANNER: Final = 'class="dialtone-banner"'
ABOUT: Final = "About this runbook"
INTRODUCTION: Final = "What it does, and how to undo it"
BRIEF: Final = "The rest in brief"
# What a cell of a page is, under this key of its metadata; the template heeds it.
PART: Final = "dialtone"

_HEADING: Final = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$", re.M)
_FENCED: Final = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
# A sentence ends before a blank and whatever can begin the next one; "e.g." and "v1.2" end none.
_SENTENCE_END: Final = re.compile(r"(?<=[.?!])\s+(?=[A-Z*_`\[(])")
# What a paragraph of plain prose does not begin with: a list, a table, a quotation, HTML, a picture.
_NO_PROSE: Final = re.compile(r"\s*([-*+>|<]\s|[|<>!]|\d+[.)]\s|```|~~~)")
# A link to a file beside the notebook leads nowhere from a page.
_FILE_LINK: Final = re.compile(r"(?<!!)\[([^\]]+)\]\((?!#|\w+:)[^)\s]+\)")


@dataclass(eq=False)
class Chapter:
    """A heading (empty before the first one) of level 1 or 2, and the cells up to the next."""

    level: int
    heading: str
    cells: list[NotebookNode] = field(default_factory=list)

    def holds(self, *tags: str) -> bool:
        """Whether any of its cells has one of the tags."""
        return any(_is_tagged(cell, *tags) for cell in self.cells)

    @property
    def says_something(self) -> bool:
        """Whether there is more than its heading."""
        return any(cell.source.strip() for cell in self.cells)

    @property
    def has_code(self) -> bool:
        """Whether it is more than prose."""
        return any(cell.cell_type == "code" for cell in self.cells)


@dataclass(frozen=True)
class PageLayout:
    """A page's title and its cells in their order, with what leads to a chapter: its anchor and its heading."""

    title: str
    cells: list[NotebookNode]
    contents: tuple[tuple[str, str], ...]
    result: RunResult | None


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: its exit code and the words for it."""

    exit_code: int
    words: str


def lay_out(notebook: NotebookNode) -> PageLayout:
    """Lay a notebook out as a page; one with several results tells a story, and stays in its order."""
    banner = next((cell for cell in notebook.cells if _shows(cell, BANNER)), None)
    chapters = list(_chapters(cell for cell in notebook.cells if cell is not banner))
    title = next((one.heading for one in chapters if one.level == 1), "Runbook")
    results = [cell for cell in notebook.cells if _ended(cell)]
    is_story = len(results) > 1 and not any(cell.output_type == "error" for cell in _outputs(results[-1]))
    if is_story:
        ordered, leading = chapters, []
    else:
        leading = [one for one in chapters if one.holds(LEAD) or any(_ended(cell) for cell in one.cells)]
        ordered = [*leading, *(one for one in chapters if one not in leading)]
    shown = [one for one in ordered if is_story or one in leading or not _is_reference(one)]
    aside = [one for one in ordered if one not in shown and one.says_something]
    paths = _rehearsal_paths if _shows(banner, "REHEARSAL") else _as_they_are
    cells: list[NotebookNode] = [banner] if banner is not None else []
    brief = InBrief()
    kept = list[Chapter]()
    for chapter in shown:
        if left := chapter if is_story else brief.take_from(chapter):
            kept.append(left)
            cells += _shown_cells(left, folds=not is_story, is_leading=chapter in leading)
    cells += brief.cells()
    if aside:
        cells.append(_markdown(f"## {ABOUT}"))
        for chapter in aside:
            cells += _folded_cells(chapter)
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = paths(_FILE_LINK.sub(r"\1", cell.source))
    headings = [one.heading for one in kept if one.level == 2 or (one.level == 1 and one.heading != title)]
    contents = tuple((anchor_of(one), _plain(one)) for one in headings)
    contents += tuple((anchor_of(one), one) for one, is_there in ((BRIEF, brief.is_told), (ABOUT, aside)) if is_there)
    is_told = is_story or not results or any(LEAD in cell.metadata.get("tags", ()) for cell in results)
    return PageLayout(_plain(title), cells, contents, None if is_told else _ended(results[-1]))


@dataclass
class InBrief:
    """The lines in the place of figures and tables with nothing to show, gathered from the chapters of a page."""

    lines: list[tuple[str, list[str]]] = field(default_factory=list)
    left_out: dict[str, dict[str, None]] = field(default_factory=dict)

    @property
    def is_told(self) -> bool:
        """Whether there is any."""
        return bool(self.lines or self.left_out)

    def take_from(self, chapter: Chapter) -> Chapter | None:
        """Gather a chapter's lines; what else it shows, without the prose about what is not there, if there is any."""
        kept: list[NotebookNode] = []
        had_lines = False
        for heading, cells in _sections(chapter):
            told = [_line(cell) for cell in cells if _outputs(cell)]
            had_lines |= any(told)
            if any(told) and all(told):
                self._gather(heading, told)
            else:
                kept += self._shown_lines(cells)
        left = replace(chapter, cells=kept)
        return left if left.has_code or not had_lines else None

    def _gather(self, heading: str, told: Sequence[dict[str, str] | None]) -> None:
        lines = dict.fromkeys(one["line"] for one in told if one and "line" in one)
        if lines:
            self.lines.append((_plain(heading), list(lines)))
        for one in told:
            self._leave_out(one or {})

    def _leave_out(self, told: dict[str, str]) -> None:
        if "left_out" in told:
            self.left_out.setdefault(told["why"], {})[told["left_out"]] = None

    def _shown_lines(self, cells: Sequence[NotebookNode]) -> Iterator[NotebookNode]:
        """The cells of a section of which something is shown; a line has no prose before it, and is said once."""
        prose: list[NotebookNode] = []
        said: set[str] = set()
        for cell in cells:
            if cell.cell_type == "markdown":
                prose.append(cell)
                continue
            if told := _line(cell):
                self._leave_out(told)
                prose = [_markdown(heading[0]) for one in prose if (heading := _HEADING.match(one.source))]
                if (line := told.get("line", "")) and line not in said:
                    said.add(line)
                    yield from [*prose, _markdown(render("line", line=line))]
                    prose = []
                continue
            yield from [*prose, cell]
            prose = []
        yield from prose

    def cells(self) -> list[NotebookNode]:
        """A chapter of all that was gathered."""
        if not self.is_told:
            return []
        told = render("brief", package="dialtone_nb.report", lines=self.lines, left_out=self.left_out)
        return [_markdown(f"## {BRIEF}"), _markdown(told)]


def _sections(chapter: Chapter) -> Iterator[tuple[str, list[NotebookNode]]]:
    """The chapter's parts, each with its heading: the chapter's own, or one of a lower level within it."""
    heading = chapter.heading
    cells: list[NotebookNode] = []
    for cell in chapter.cells:
        found = _HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if found:
            if cells:
                yield heading, cells
            heading, cells = found[2], []
        cells.append(cell)
    yield heading, cells


def _line(cell: NotebookNode) -> dict[str, str] | None:
    """What a cell says that shows nothing but a line in the place of a figure or table."""
    told = [output.get("data", {}).get(LINE) for output in _outputs(cell)]
    return dict(told[0]) if len(told) == 1 and told[0] else None


def anchor_of(heading: str) -> str:
    """The anchor that nbconvert gives a heading."""
    return _plain(heading).replace(" ", "-")


def _chapters(cells: Iterable[NotebookNode]) -> Iterator[Chapter]:
    chapter = Chapter(0, "")
    for cell in cells:
        if cell.cell_type != "markdown" or "papermill-error-cell-tag" in cell.metadata.get("tags", ()):
            chapter.cells.append(cell)
            continue
        for level, heading, prose in _pieces(cell.source):
            if level in (1, 2):
                if chapter.cells or chapter.heading:
                    yield chapter
                chapter = Chapter(level, heading)
            source = prose if level in (0, 1, 2) else f"{'#' * level} {heading}\n\n{prose}"
            # The tags stay, though nothing but the heading stood there.
            chapter.cells.append(_markdown(source, tags=cell.metadata.get("tags", [])))
    yield chapter


def _pieces(source: str) -> Iterator[tuple[int, str, str]]:
    """Level and heading (0 and "" for what stands before the first) and the prose under it."""
    visible = _FENCED.sub(lambda fenced: re.sub(r"[^\n]", "x", fenced[0]), source)
    found = list(_HEADING.finditer(visible))
    begin = source[: found[0].start()] if found else source
    if begin.strip():
        yield 0, "", begin.strip()
    ends = [*(one.start() for one in found[1:]), len(source)]
    for one, end in zip(found, ends, strict=False):
        yield len(one[1]), one[2], source[one.end() : end].strip()


def _shown_cells(chapter: Chapter, *, folds: bool, is_leading: bool) -> Iterator[NotebookNode]:
    """A chapter in sight: its heading, its figures and tables with a sentence each, the rest of its prose folded."""
    prose = [_markdown(f"## {chapter.heading}")] if chapter.level == 2 else []
    for cell in chapter.cells:
        if cell.cell_type == "markdown":
            prose += _captioned(cell, all_folded=is_leading) if folds else [cell] if cell.source.strip() else []
            continue
        captions = [one.source for one in prose if one.metadata.get(PART, {}).get("kind") == "caption"]
        if captions:
            cell.metadata[PART] = {"caption": _plain(captions[-1])}
        if prose and _draws(cell):
            # On paper a figure stays with the words above it.
            prose[0].metadata.setdefault(PART, {})["together"] = "begins"
            cell.metadata.setdefault(PART, {})["together"] = "ends"
        yield from prose
        yield cell
        prose = []
    yield from prose


def _captioned(cell: NotebookNode, *, all_folded: bool) -> Iterator[NotebookNode]:
    """A cell of prose in parts: its heading, the sentence that names what follows, and the rest to be unfolded."""
    if "papermill-error-cell-tag" in cell.metadata.get("tags", ()):
        yield cell
        return
    for level, heading, prose in _pieces(cell.source):
        if level:
            yield _markdown(f"{'#' * level} {heading}")
        if not prose:
            continue
        paragraph, _, others = prose.partition("\n\n")
        if _NO_PROSE.match(paragraph):
            yield _markdown(prose)
            continue
        first, *more = ["", paragraph] if all_folded else _SENTENCE_END.split(paragraph, maxsplit=1)
        if first:
            yield _markdown(first, kind="caption")
        if rest := "\n\n".join([*more, *([others] if others else [])]).strip():
            yield _markdown(rest, kind="reading")


def _folded_cells(chapter: Chapter) -> list[NotebookNode]:
    """A chapter to be unfolded as a whole."""
    heading = chapter.heading if chapter.level == 2 else INTRODUCTION
    cells = [cell for cell in chapter.cells if cell.cell_type != "markdown" or cell.source.strip()]
    if cells:
        cells[0].metadata[PART] = {"opens": _plain(heading), "anchor": anchor_of(heading)}
        cells[-1].metadata.setdefault(PART, {})["closes"] = True
    return cells


def _is_reference(chapter: Chapter) -> bool:
    """Whether it only explains: it is tagged so, is about the parameters, or is only prose."""
    return chapter.level > 0 and (chapter.holds(REFERENCE, *PARAMETERS) or not chapter.has_code)


def _ended(cell: NotebookNode) -> RunResult | None:
    """How the run ended, where this cell tells it."""
    for output in _outputs(cell):
        if output.output_type == "error":
            said = str(output.evalue).splitlines() or [str(output.ename)]
            return RunResult(1, f"Stopped: {said[0]}")
        if found := output.get("data", {}).get(RESULT):
            return RunResult(int(found["exit_code"]), str(found["summary"]))
    return None


def _outputs(cell: NotebookNode) -> Sequence[Any]:
    return cell.get("outputs", ()) if cell.cell_type == "code" else ()


def _draws(cell: NotebookNode) -> bool:
    return any(PLOTLY in one.get("data", {}) for one in _outputs(cell))


def _shows(cell: NotebookNode | None, html: str) -> bool:
    return cell is not None and any(html in str(one.get("data", {}).get("text/html", "")) for one in _outputs(cell))


def _is_tagged(cell: NotebookNode, *tags: str) -> bool:
    return any(tag in cell.metadata.get("tags", ()) for tag in tags)


def _markdown(source: str, *, kind: str = "", tags: Sequence[str] = ()) -> NotebookNode:
    from nbformat.v4 import new_markdown_cell

    metadata: dict[str, Any] = {**({PART: {"kind": kind}} if kind else {}), **({"tags": list(tags)} if tags else {})}
    cell: NotebookNode = new_markdown_cell(source, metadata=metadata)  # type: ignore[no-untyped-call]
    return cell


def _plain(markdown: str) -> str:
    """Text without the marks of emphasis, code and links."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", markdown).replace("`", "").replace("*", "").strip()


def _rehearsal_paths(source: str) -> str:
    """What was rehearsed is recorded apart."""
    return re.sub(r"`reports/(?=(journal|record)\.jsonl`)", "`reports/rehearsal/", source)


def _as_they_are(source: str) -> str:
    return source
