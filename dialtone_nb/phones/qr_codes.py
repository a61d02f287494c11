"""QR codes: a telephone's camera reads an address where a person would have to type it."""

from __future__ import annotations

import io

import segno

# The quiet zone that readers need, in modules (ISO/IEC 18004).
_BORDER = 4
# Legible with a seventh of it smudged: it hangs on a wall, on paper.
_ERROR = "m"


def draw_qr_code(text: str, title: str) -> str:
    """The code as an SVG picture, a file of its own or a part of a page, with a title for screen readers.

    It is dark on light whatever the page's colours are, or cameras fail on it.
    """
    drawn = io.BytesIO()
    _code(text).save(
        drawn, kind="svg", scale=5, border=_BORDER, dark="#000", light="#fff", title=title, xmldecl=False, nl=False,
        svgclass="qr", lineclass=None, omitsize=True,
    )  # fmt: skip
    return drawn.getvalue().decode()


def write_qr_code(text: str) -> str:
    """The code in block characters for a terminal, light on dark as most terminals are."""
    written = io.StringIO()
    _code(text).terminal(written, compact=True, border=_BORDER)
    return written.getvalue()


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error=_ERROR)
