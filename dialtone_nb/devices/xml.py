"""Configuration files as XML text: escaped, indented, with a declaration."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

__all__ = ["Element", "SubElement", "write_xml"]


def write_xml(root: Element) -> str:
    """The document as text, ending in a newline; an empty element keeps both its tags, as old parsers want it."""
    indent(root)
    body = tostring(root, encoding="unicode", short_empty_elements=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
