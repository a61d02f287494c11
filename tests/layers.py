"""The layers in CONTRIBUTING.md: packages by floor, allowed imports, and the diagram drawn from them."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple

import dialtone_nb

PACKAGE = Path(dialtone_nb.__file__).parent
MODULES = {
    ".".join(("dialtone_nb", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
    if "node_modules" not in path.parts
}


class Room(NamedTuple):
    """A package's purpose, and its place on its floor in the diagram, in columns from the left."""

    purpose: str
    column: float


# The layers, lowest first; a room stands on those below it, and may lean on its neighbours.
FLOORS: tuple[tuple[str, Mapping[str, Room]], ...] = (
    (
        "what all packages share",
        {
            "errors": Room("a line for each fault", 0.0),
            "values": Room("numbers, SIDs, names", 1.0),
            "files": Room("written whole or not", 2.0),
            "devices": Room("a record a model", 3.0),
        },
    ),
    (
        "what people write",
        {
            "dialplan": Room("rules in, decisions out", 1.0),
            "parameters": Room("the YAML files, checked", 2.5),
        },
    ),
    (
        "Twilio, and what is deployed there",
        {"service": Room("what Twilio runs", 2.0), "account": Room("the one door to Twilio", 3.0)},
    ),
    (
        "our own server, and the phones",
        {"server": Room("answers in Twilio's place", 0.5), "phones": Room("sheets and passwords", 1.5)},
    ),
    (
        "what there is, and what happened",
        {"calls": Room("attempts, rates, figures", 1.0), "infrastructure": Room("plans, applies, records", 2.0)},
    ),
    (
        "what is checked",
        {
            "alarms": Room("tells somebody", 0.5),
            "verify": Room("checks and diagnoses", 1.5),
            "probe": Room("tries what is assumed", 2.5),
        },
    ),
    ("what is shown", {"report": Room("pages", 0.5), "display": Room("outputs in a notebook", 1.5)}),
    ("runbooks", {"runbooks": Room("a module a notebook", 1.5)}),
    (
        "running them",
        {
            "__main__": Room("python -m dialtone_nb", 0.5),
            "cli": Room("commands", 1.5),
            "testing": Room("pytest plugin", 2.5),
        },
    ),
)
# Beside the layers: Twilio's stand-in.
REHEARSAL = "rehearsal"
PICTURE = Path(__file__).parents[1] / "docs" / "layers.svg"


@cache
def imports_of(module: str, *, for_types: bool = True) -> list[tuple[str, int]]:
    """The package's modules that a module imports at runtime, anywhere in it, with line numbers."""
    return list(find_imports(module, for_types=for_types))


def find_imports(module: str, *, for_types: bool) -> Iterator[tuple[str, int]]:
    """The same, from a module's text."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not for_types
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}, line {node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            found = name if name in MODULES else name.rpartition(".")[0]
            if found in MODULES and found != module:
                yield found, node.lineno
                # What a package does when it is imported, happens first.
                for folder in MODULES.keys() & {
                    found.rsplit(".", depth)[0] for depth in range(1, found.count(".") + 1)
                }:
                    if not f"{module}.".startswith(f"{folder}."):
                        yield folder, node.lineno


def floor_of(module: str) -> int:
    """The floor of a module; the package's top-level names are above them all."""
    room = module.split(".")[1] if "." in module else ""
    found = [floor for floor, (_, rooms) in enumerate(FLOORS) if room in rooms]
    assert found or not room, f"{module} is in no room; give it one in FLOORS"
    return found[0] if found else len(FLOORS)


def room_of(module: str) -> str:
    """The room of a module; empty for the package's top-level names."""
    return module.split(".")[1] if "." in module else ""


def arrows() -> list[tuple[str, str]]:
    """The imports between rooms, reduced: with arrows from a to b and b to c there is none from a to c.

    The ground floor is left out, as every room imports it.
    """
    ground = FLOORS[0][1]
    imports: defaultdict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        if module != "dialtone_nb" and (room := room_of(module)) not in ground:
            imports[room] |= {room_of(other) for other, _ in imports_of(module)} - {room, "", *ground}

    def reached(start: str) -> set[str]:
        found, new = set[str](), {start}
        while new:
            new = set().union(*(imports[one] for one in new)) - found
            found |= new
        return found

    def follows(room: str, other: str) -> bool:
        # Two rooms that import each other are one step; neither is a way round to the other.
        between = [one for one in imports[room] - {other} if room not in reached(one)]
        return any(other in reached(one) and one not in reached(other) for one in between)

    return sorted((room, other) for room in list(imports) for other in imports[room] if not follows(room, other))


# The picture's measures, in pixels.
LEFT, TOP, COLUMN, FLOOR, WIDTH, HEIGHT = 204, 62, 178, 92, 158, 50
STYLE = """
svg { font: 13px system-ui, sans-serif; --paper: #ffffff; --floor: #f3f5f8; --line: #c9d0d9; --ink: #1c2128; \
--muted: #5b6470; --arrow: #3d6fa5; --beside: #8a5200 }
@media (prefers-color-scheme: dark) { svg { --paper: #14181d; --floor: #1c2229; --line: #3d4651; --ink: #e6e9ed; \
--muted: #a3adb9; --arrow: #7fb2e5; --beside: #e9ad54 } }
.paper { fill: var(--paper) } .floor { fill: var(--floor) } .ground { fill: var(--line); opacity: .45 }
.room { fill: var(--paper); stroke: var(--line) } .beside { stroke: var(--beside); stroke-dasharray: 5 4 }
text { fill: var(--ink); text-anchor: middle } .name { font-weight: 600 }
.purpose { fill: var(--muted); font-size: 11px }
.story { fill: var(--muted); text-anchor: start } .title { text-anchor: start; font-size: 15px; font-weight: 600 }
path { fill: none; stroke: var(--arrow); stroke-width: 1.6 } path.out { stroke: var(--beside) }
marker path { stroke: none }
.tip { fill: var(--arrow) } .tip-out { fill: var(--beside) }
"""


class Box(NamedTuple):
    """A room's place in the diagram: the middle of its top."""

    x: float
    y: float


def draw() -> str:
    """The diagram as SVG: floors with their rooms, and an arrow from each room to those that it imports from."""
    boxes = {
        room: Box(LEFT + column * COLUMN + WIDTH / 2, TOP + (len(FLOORS) - 1 - number) * FLOOR + (FLOOR - HEIGHT) / 2)
        for number, (_, rooms) in enumerate(FLOORS)
        for room, (_, column) in rooms.items()
    }
    account = boxes["account"]
    boxes[REHEARSAL] = Box(account.x + COLUMN * 1.25, account.y)
    width, height = int(boxes[REHEARSAL].x + WIDTH / 2 + 24), TOP + len(FLOORS) * FLOOR + 16
    wall = int(account.x + WIDTH / 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title">',
        '<title id="title">The layers and packages of dialtone_nb, and which imports from which</title>',
        f"<style>{STYLE}</style>",
        *(_marker(name) for name in ("tip", "tip-out")),
        f'<rect class="paper" width="{width}" height="{height}" rx="8"/>',
        '<text class="title" x="24" y="30">A package imports from its own layer and those below it</text>',
        f'<text class="story" x="24" y="50">{escape(NOTE)}</text>',
    ]
    for number, (story, rooms) in enumerate(FLOORS):
        y = TOP + (len(FLOORS) - 1 - number) * FLOOR
        kind = "floor" if number else "ground"
        parts.append(f'<rect class="{kind}" x="16" y="{y + 3}" width="{wall}" height="{FLOOR - 6}" rx="6"/>')
        parts += _words("story", 30, y + FLOOR / 2 + 4, _in_two(story))
        parts += [part for room, (purpose, _) in rooms.items() for part in _room(room, purpose, boxes[room])]
    parts += _room(REHEARSAL, "stands in for Twilio", boxes[REHEARSAL], kind="room beside")
    parts += _arrows(boxes)
    return "\n".join([*parts, "</svg>", ""])


NOTE = (
    "What follows from other arrows is not drawn, nor are those to the bottom layer, from which every package imports."
)


def _marker(name: str) -> str:
    shape = f'<path class="{name}" d="M0 0 L8 4 L0 8 z"/>'
    size = 'markerWidth="8" markerHeight="8" refX="7" refY="4" markerUnits="userSpaceOnUse"'
    return f'<marker id="{name}" {size} orient="auto-start-reverse">{shape}</marker>'


def _room(name: str, purpose: str, box: Box, *, kind: str = "room") -> list[str]:
    corner = f'x="{box.x - WIDTH / 2:g}" y="{box.y:g}"'
    return [
        f'<rect class="{kind}" {corner} width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        *_words("name", box.x, box.y + 21, [name]),
        *_words("purpose", box.x, box.y + 38, [purpose]),
    ]


def _words(kind: str, x: float, y: float, lines: list[str]) -> list[str]:
    top = y - 8.5 * (len(lines) - 1)
    return [
        f'<text class="{kind}" x="{x:g}" y="{top + 17 * number:g}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    ]


def _in_two(text: str) -> list[str]:
    """The text, broken into two lines after its last comma if it is long."""
    first, comma, rest = text.rpartition(", ")
    return [first + ",", rest] if comma and len(text) > 24 else [text]


def _arrows(boxes: Mapping[str, Box]) -> Iterator[str]:
    """The arrows, down between floors or level between neighbours; arrows that meet at a room are spread."""
    drawn = arrows()
    level = [one for one in drawn if boxes[one[0]].y == boxes[one[1]].y]
    for room, other in level:
        if (other, room) in level and other < room:
            continue  # one arrow, with two heads
        a, b = boxes[room], boxes[other]
        side = WIDTH / 2 if b.x > a.x else -WIDTH / 2
        kind = "out" if other == REHEARSAL else ""
        tip = "tip-out" if kind else "tip"
        start = f' marker-start="url(#{tip})"' if (other, room) in level else ""
        yield f'<path class="{kind}" d="M{a.x + side:g} {a.y + 25:g} H{b.x - side:g}" marker-end="url(#{tip})"{start}/>'
    down = [one for one in drawn if one not in level]
    for room, other in down:
        a, b = boxes[room], boxes[other]
        leaves = sorted((end for start, end in down if start == room), key=lambda end: boxes[end].x)
        comes = sorted((start for start, end in down if end == other), key=lambda start: boxes[start].x)
        x, y = a.x + _port(leaves.index(other), len(leaves)), a.y + HEIGHT
        to_x, to_y = b.x + _port(comes.index(room), len(comes)), b.y
        bend = (to_y - y) / 2
        curve = f"C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"
        yield f'<path d="M{x:g} {y:g} {curve}" marker-end="url(#tip)"/>'


def _port(number: int, count: int) -> float:
    """The offset of the n-th of several arrows from a room's middle."""
    return (number - (count - 1) / 2) * min(34, (WIDTH - 24) / count)


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    sys.stdout.write(f"{PICTURE.relative_to(PICTURE.parents[1])}\n")
