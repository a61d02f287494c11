"""Our HTML: rendered from the files in templates/, with one style sheet, on pages of reports and in JupyterLab."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from hashlib import sha1
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

# Links of an output into the project begin so; each page makes them relative to itself.
PROJECT_LINK = "project:"
# A path of the project in a line of text, such as reports/record.jsonl.
_PATH = re.compile(r"(?<![\w/.-])((?:reports|parameters)/[\w./-]*\w)")
# Names up to this length are never broken, and stand side by side; longer ones have a line each.
SHORT = 24


@cache
def _environment(package: str) -> Environment:
    # A runbook imports all displays when it opens; jinja2 waits for the first that is shown.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    keep_compiled(environment)
    environment.globals |= {"SHORT": SHORT, "PROJECT_LINK": PROJECT_LINK}
    environment.filters |= {"pieces": pieces, "indented": indented, "paths": split_at_paths}
    return environment


def keep_compiled(environment: Environment) -> None:
    """Have templates compiled once: the result lies where Python keeps compiled modules, if it keeps any."""
    folder = Path(cache_from_source(__file__)).parent
    if sys.dont_write_bytecode or not os.access(folder, os.W_OK):
        return
    from importlib.metadata import version

    from jinja2 import FileSystemBytecodeCache

    # Whatever makes another program of the same template; what it says itself jinja2 looks at.
    settings = (
        version("jinja2"),
        environment.autoescape,
        environment.trim_blocks,
        environment.lstrip_blocks,
        *sorted(environment.extensions),
    )
    mark = sha1(repr(settings).encode(), usedforsecurity=False).hexdigest()[:8]
    environment.bytecode_cache = FileSystemBytecodeCache(str(folder), f"template-{mark}-%s.cache")


def render(template: str, *, package: str = "dialtone_nb.display", **values: object) -> str:
    """The HTML of a template in a package's templates/, which escapes every value that it does not call safe."""
    return _environment(package).get_template(f"{template}.html.j2").render(values)


def pieces(name: str) -> list[str]:
    """The pieces of a long name, which may be broken after a dot, a slash or a hyphen."""
    return re.split(r"(?<=[./-])(?=\w)", name) if len(name) > SHORT else [name]


def split_at_paths(text: str) -> list[str]:
    """The parts of a text: what stands between paths of the project and, at odd places, those paths."""
    return _PATH.split(text)


def in_lab(html: str) -> str:
    """HTML with links that JupyterLab opens: a notebook's cells run one folder below the project."""
    here = html.replace(f'href="{PROJECT_LINK}notebooks/', 'href="')
    return here.replace(f'href="{PROJECT_LINK}', 'href="../')


def indented(twiml: str) -> str:
    """TwiML with a line for each verb; other text as it is."""
    if not twiml.lstrip().startswith("<"):
        return twiml
    from xml.etree import ElementTree

    try:
        element = ElementTree.fromstring(twiml)  # noqa: S314 - what our own functions answered
    except ElementTree.ParseError:
        return twiml
    ElementTree.indent(element)
    return ElementTree.tostring(element, encoding="unicode")


@cache
def style_sheet() -> str:
    """The style sheet; it takes its colours from whatever page it is on."""
    return (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")


def with_style(html: str) -> str:
    """The HTML with its style sheet before it, for a page that does not have it: each output stands by itself there."""
    return f"<style>{style_sheet()}</style>{html}"
