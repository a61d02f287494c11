"""The front of *.twil.io: finds the function that a URL belongs to, and decides who may call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dialtone_nb.rehearsal.refusal import not_modelled
from dialtone_nb.rehearsal.store import Store

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.surface import Incoming


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function's URL answers."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Front:
    """Answers at *.twil.io."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def answer(self, incoming: Incoming) -> Answer:
        """The answer of the function that a URL belongs to."""
        raise not_modelled("deployed functions yet")
