"""Text that others wrote, made fit for a terminal: what would move its cursor or turn its lines is spelled out."""

from __future__ import annotations

import unicodedata

# Control characters and formats (writing direction, zero width), halves of pairs, and Unicode's own ends of lines.
_SPELLED_OUT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    """The text with every character that a terminal would obey spelled out, as in \\x1b."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(one) if unicodedata.category(one) in _SPELLED_OUT else one for one in text)


def printable_lines(text: str) -> str:
    """The same of a text of several lines, which stay lines; tabs stay too."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def _spelled(character: str) -> str:
    return (
        character.encode("ascii", "backslashreplace").decode() if ord(character) > 127 else f"\\x{ord(character):02x}"
    )
