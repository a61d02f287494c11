"""HTML comes from templates only, which escape their values."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import dialtone_nb.display
import dialtone_nb.report
from dialtone_nb.display import outputs
from dialtone_nb.display.rendering import SHORT, indented, pieces, render

ROOMS = [Path(str(room.__file__)).parent for room in (dialtone_nb.display, dialtone_nb.report)]
TAG = re.compile(r"</?(?:[a-z]+|h[1-6])[ >]")


@pytest.mark.parametrize(
    "path", sorted(path for room in ROOMS for path in room.rglob("*.py")), ids=lambda path: path.stem
)
def test_no_module_writes_tags(path: Path) -> None:
    """All HTML of a display is in its template, except the style element before outputs."""
    strings = [
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    found = {tag for string in strings for tag in TAG.findall(string)}
    assert found <= ({"<style>", "</style>"} if path.name == "rendering.py" else {"<figure>"})


@pytest.mark.parametrize("kept", [True, False])
def test_compiled_templates_lie_where_python_keeps_compiled_modules(kept: bool, tmp_path: Path) -> None:
    """Where it keeps none, neither are they; and what is kept is taken by the next Python."""
    program = "from dialtone_nb.display.rendering import render; print(render('line', line='a & b'))"
    settings = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "" if kept else "1"}
    pages = [
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, **settings}, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert pages[0] == pages[1] and "a &amp; b" in pages[0]
    assert len(list(tmp_path.rglob("template-*.cache"))) == int(kept)


def test_every_display_has_its_functions() -> None:
    """Displays are registered by name and imported when needed: each exists, as text and as HTML."""
    calls = [
        [ast.literal_eval(argument) for argument in node.args]
        for node in ast.walk(ast.parse(Path(outputs.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_shown_by"
    ]
    assert len(calls) >= 8
    for display, name in calls:
        module = import_module(f"dialtone_nb.display.{display}")
        assert callable(getattr(module, f"{name}_text"))
        assert callable(getattr(module, f"{name}_html"))


def test_what_a_template_is_given_is_escaped() -> None:
    """A name with markup in it is shown literally."""
    assert "&lt;b&gt;&amp;" in render("words", words="<b>&", is_heading=False)
    assert "&lt;script&gt;" in render("notice", lines=["<script>"], role="stop", is_danger=False)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("a/b.c-d", ["a/b.c-d"]),
        ("dialtone-example-stage.sip", ["dialtone-", "example-", "stage.", "sip"]),
        ("https://switchroom.example.org/", ["https://", "switchroom.", "example.", "org/"]),
    ],
)
def test_long_names_are_broken_where_a_reader_would(name: str, broken: list[str]) -> None:
    """Long names may break after dots, slashes and hyphens, and short ones nowhere."""
    assert pieces(name) == broken
    assert (len(broken) > 1) is (len(name) > SHORT)


def test_twiml_has_a_line_for_each_verb() -> None:
    """Other text is left as it is."""
    assert indented("<Response><Hangup/></Response>") == "<Response>\n  <Hangup />\n</Response>"
    for text in ("", "no markup", "<Response>", "< & >"):
        assert indented(text) == text
