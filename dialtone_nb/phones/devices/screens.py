"""A device's screens, filled in: the one list from which its sheet and its configuration file are both made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one screen: its own name there, what stands in it, and how the configuration file calls it."""

    screen: str
    label: str
    shown: str  # as a person sees it: "10 minutes"; of the password, where to find it
    name: str = ""  # in the configuration file: "P32"; empty where the file hasn't it
    value: str = ""  # in the configuration file: "10"
    why: str = ""
    is_password: bool = False


Fields = tuple[Field, ...]


def by_screen(fields: Sequence[Field]) -> dict[str, Fields]:
    """The fields of each screen, in the order in which the device shows them."""
    names = dict.fromkeys(field.screen for field in fields)
    return {name: tuple(field for field in fields if field.screen == name) for name in names}


def named_values(fields: Sequence[Field], password: str) -> dict[str, str]:
    """What a configuration file holds, by name, in order."""
    return {field.name: password if field.is_password else field.value for field in fields if field.name}
