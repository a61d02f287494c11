"""A thing at Twilio as plain data: its kind, natural key and fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

Value = str | int | bool | None


class Kind(StrEnum):
    """Twilio's nouns, in the order in which they come to be; leaving goes the other way."""

    SERVICE = "service"
    ENVIRONMENT = "environment"
    FUNCTION = "function"
    FUNCTION_VERSION = "function version"
    BUILD = "build"
    DEPLOYMENT = "deployment"
    VARIABLE = "variable"
    SERVED_TABLE = "served table"
    CREDENTIAL_LIST = "credential list"
    SIP_DOMAIN = "SIP domain"
    CALLS_MAPPING = "calls mapping"
    REGISTRATIONS_MAPPING = "registrations mapping"
    ADDRESS = "address"
    PHONE_NUMBER = "phone number"
    CREDENTIAL = "credential"

    @property
    def rank(self) -> int:
        """The place in the order in which things come to be."""
        return list(Kind).index(self)


@dataclass(frozen=True, slots=True, order=True)
class Id:
    """What identifies a thing before it has a SID: its kind and its natural key."""

    kind: Kind
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


@dataclass(frozen=True, slots=True)
class Item:
    """A thing: as it should be (no SID), or as it is."""

    kind: Kind
    key: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    sid: str = ""
    # What Twilio decides, such as an environment's domain name: other things refer to it, nothing is compared with it.
    given: Mapping[str, Value] = field(default_factory=dict)

    @property
    def id(self) -> Id:
        """Kind and natural key."""
        return Id(self.kind, self.key)


class State(Mapping[Id, Item]):
    """Things by kind and natural key, in the order of kinds and then keys."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        ordered = sorted(items, key=lambda item: (item.kind.rank, item.key))
        self._items = {item.id: item for item in ordered}

    def __getitem__(self, key: Id) -> Item:
        return self._items[key]

    def __iter__(self) -> Iterator[Id]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def of(self, kind: Kind) -> list[Item]:
        """All things of one kind."""
        return [item for item in self._items.values() if item.kind is kind]

    def find(self, kind: Kind, key: str) -> Item | None:
        """The thing, or None."""
        return self._items.get(Id(kind, key))

    def sid(self, kind: Kind, key: str) -> str:
        """The SID of a thing that exists; a `KeyError` where it does not."""
        return self._items[Id(kind, key)].sid

    def with_item(self, item: Item) -> State:
        """This state with one thing added or replaced."""
        return State({**self._items, item.id: item}.values())

    def without(self, key: Id) -> State:
        """This state with one thing taken out."""
        return State(item for item in self._items.values() if item.id != key)


REFERENCE = re.compile(r"\{\{(?P<kind>[^:{}]+):(?P<key>[^{}]*):(?P<field>[a-z_]+)\}\}")


def reference(kind: Kind, key: str, name: str) -> str:
    """A placeholder for what Twilio will decide, to be used inside a field: an environment's domain name, a SID."""
    return f"{{{{{kind}:{key}:{name}}}}}"


def references(value: Value) -> list[Id]:
    """The things that a field refers to."""
    if not isinstance(value, str):
        return []
    return [Id(Kind(found["kind"]), found["key"]) for found in REFERENCE.finditer(value)]


def resolve(value: Value, state: Mapping[Id, Item]) -> Value:
    """The field with every reference replaced that the state can answer."""
    if not isinstance(value, str):
        return value

    def answer(found: re.Match[str]) -> str:
        item = state.get(Id(Kind(found["kind"]), found["key"]))
        if item is None:
            return found[0]
        known = item.sid if found["field"] == "sid" else item.given.get(found["field"])
        return found[0] if known in (None, "") else str(known)

    return REFERENCE.sub(answer, value)


def resolve_fields(item: Item, state: Mapping[Id, Item]) -> Item:
    """The thing with its references resolved as far as the state can."""
    return replace(item, fields={name: resolve(value, state) for name, value in item.fields.items()})
