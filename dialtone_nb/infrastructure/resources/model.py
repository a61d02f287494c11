"""Resources as plain data, the record of what each type of them can do, and what an apply gives to it.

A resource is known by its type and its natural key, such as `SIP domain a.sip.twilio.com`, before Twilio gives it a
SID. Each module beside this one defines the types that its name says, as one `ResourceType`: whatever is to be known
of a type stands there, and all of them are listed in order in `__init__`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.own_server import OwnServer
from dialtone_nb.phones.private_files import PRIVATE
from dialtone_nb.service.bundle import Bundle

if TYPE_CHECKING:
    from twilio.rest import Client as TwilioClient

    from dialtone_nb.parameters import Parameters

Value = str | int | bool | None
Fields = Mapping[str, Value]


class Action(StrEnum):
    """What is done to a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Group(StrEnum):
    """Under which heading a plan shows a resource."""

    CODE = "service and code"
    SIP = "SIP"
    PHONES = "phones"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, order=True)
class Id:
    """What identifies a resource before it has a SID: its type's name and its natural key."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


@dataclass(frozen=True, eq=False, repr=False)
class ResourceType:
    """One type of resource: its words, its place in a plan, and the functions that look it up and change it.

    `find` looks a resource up at Twilio; a function that is None is something that Twilio has no way to do.
    """

    name: str
    group: Group
    create: Callable[[ApplyContext, Resource], Resource]
    find: Callable[[ApplyContext, Resource], Resource | None]
    update: Callable[[ApplyContext, Resource], Resource] | None = None
    delete: Callable[[ApplyContext, Resource], None] | None = None
    # What has to be there before a resource of this type can come to be, and goes only after it.
    needs: tuple[ResourceType, ...] = ()
    # What a plan says of a change: what stops working or acts at once, and how the change is undone where that is not
    # plain; why an update is made, where it is not told by the fields that differ.
    warnings: Mapping[Action, str] = field(default_factory=dict)
    undo: Mapping[Action, str] = field(default_factory=dict)
    why_updated: str = ""
    # Changes that take a plan's fingerprint as consent, with the words for it; every deletion does.
    grave: Mapping[Action, str] = field(default_factory=dict)
    # An update that sets any of these fields to nothing is grave, too.
    grave_when_emptied: Mapping[str, str] = field(default_factory=dict)
    # What a page says of one that is there, beside its key; and whether a page lists it at all.
    remark: Callable[[Resource], str] = lambda _: ""
    is_listed: bool = True
    # Fields that tell a reader less than the lines that differ do.
    unread_fields: frozenset[str] = frozenset()
    # Whether a look shows that an update has happened; no look shows which password a credential has.
    shows_updates: bool = True
    # Whether it takes more than one request to make one: then one that is there may be half made.
    is_made_in_parts: bool = False
    # The error code by which Twilio refuses a change because it is so already.
    already_so: int | None = None
    plural: str = ""
    # What the parameter files say should be there in an environment, where they alone decide; and all that is there in
    # the account, where a plan compares it whatever environment it is of.
    declared: Callable[[Parameters, str], Iterable[Resource]] = lambda _, __: ()
    read_all: Callable[[Account], Iterable[Resource]] | None = None
    # Where Twilio's Console lists them, below its us1/develop; pages of a single one move about, these have stayed.
    in_console: str = ""

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # IPython and hypothesis print the fields of a data class, and of all that it needs.
        printer.text(self.name)

    def id(self, key: str) -> Id:
        """What identifies the resource of this key."""
        return Id(self.name, key)

    def counted(self, count: int) -> str:
        """Their number in words; one goes without its number."""
        return f"{count} {self.plural or f'{self.name}s'}" if count > 1 else self.name

    def grave_words(self, action: Action, after: Fields) -> str:
        """What a change does that can't be taken back or costs money; empty for others."""
        if action is Action.UPDATE:
            emptied = (words for name, words in self.grave_when_emptied.items() if after.get(name) == "")
            return self.grave.get(action) or next(emptied, "")
        return self.grave.get(action, "deletes" if action is Action.DELETE else "")

    @cached_property
    def all_needs(self) -> frozenset[ResourceType]:
        """The types that this one needs, directly or through others."""
        return frozenset(found for need in self.needs for found in (need, *need.all_needs))


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: as it should be (no SID), or as it is."""

    kind: ResourceType
    key: str
    fields: Fields = field(default_factory=dict)
    sid: str = ""
    # What Twilio decides, such as an environment's domain name: others refer to it, nothing is compared with it.
    given: Fields = field(default_factory=dict)

    @property
    def id(self) -> Id:
        """Type and natural key."""
        return self.kind.id(self.key)


class State(Mapping[Id, Resource]):
    """Resources by type and natural key, in the order of their keys."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._resources = {one.id: one for one in sorted(resources, key=lambda one: one.key)}

    def __getitem__(self, key: Id) -> Resource:
        return self._resources[key]

    def __iter__(self) -> Iterator[Id]:
        return iter(self._resources)

    def __len__(self) -> int:
        return len(self._resources)

    def of(self, *kinds: ResourceType) -> list[Resource]:
        """All resources of these types, type by type."""
        return [one for kind in kinds for one in self._resources.values() if one.kind is kind]

    def find(self, kind: ResourceType, key: str) -> Resource | None:
        """The resource, or None."""
        return self._resources.get(kind.id(key))

    def sid(self, kind: ResourceType, key: str) -> str:
        """The SID of a resource that exists; a `KeyError` where it does not."""
        return self._resources[kind.id(key)].sid

    def with_resource(self, resource: Resource) -> State:
        """This state with one resource added or replaced."""
        return State({**self._resources, resource.id: resource}.values())

    def without(self, key: Id) -> State:
        """This state with one resource taken out."""
        return State(one for one in self._resources.values() if one.id != key)


@dataclass
class ApplyContext:
    """What an apply gives to a type's functions: the account, what is known so far, and what must not be in a plan.

    `state` grows as resources come to be, from several threads.
    """

    account: Account
    # The service, and the credential list of the phones.
    service: Id
    credential_list: Id
    state: State
    # The code of the files, which uploads and builds are made of.
    bundle: Bundle
    # Our own server, where that answers Twilio.
    server: OwnServer | None = None
    # Passwords and variables' values by what they belong to: never part of a resource, so never of a plan.
    secrets: Mapping[Id, str] = field(default_factory=dict, repr=False)
    # Where secrets are written that Twilio tells once, the moment it makes them.
    private: Path = PRIVATE
    # Keeps the claim on the environment from running out; an error where it is no longer ours.
    keep_claim: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, resource: Resource) -> None:
        """Remember a resource that exists now."""
        with self.lock:
            self.state = self.state.with_resource(resource)

    def remove(self, key: Id) -> None:
        """Remember that a resource is gone."""
        with self.lock:
            self.state = self.state.without(key)

    def wait(self, seconds: float) -> None:
        """Let this much of the account's time pass, holding on to the claim."""
        self.account.wait(seconds)
        self.keep_claim()

    def sid(self, kind: ResourceType, key: str) -> str:
        """The SID of a resource that exists."""
        return self.state.sid(kind, key)

    def sid_of(self, resource: Resource) -> str:
        """The SID of the resource that exists in the place of this one."""
        return self.state[resource.id].sid

    def resolve(self, resource: Resource) -> Resource:
        """The resource with its references replaced by what exists now."""
        return resolve_fields(resource, self.state)

    @property
    def client(self) -> TwilioClient:
        """Twilio's own client."""
        return self.account.client

    @property
    def service_sid(self) -> str:
        """The service's SID."""
        return self.state[self.service].sid

    @property
    def serverless(self) -> Any:
        """The service, as Twilio's client has it: its environments, functions and builds are under it."""
        return self.client.serverless.v1.services(self.service_sid)

    @property
    def credential_list_sid(self) -> str:
        """The credential list's SID."""
        return self.state[self.credential_list].sid


def of_key(resources: Iterable[Resource], key: str) -> Resource | None:
    """The resource of this key, or None."""
    return next((one for one in resources if one.key == key), None)


def read_fields(thing: object, names: Iterable[str]) -> dict[str, Value]:
    """These fields of a resource as twilio-python has it; one that is not set is empty."""
    return {name: "" if (value := getattr(thing, name)) is None else value for name in names}


REFERENCE = re.compile(r"\{\{(?P<kind>[^:{}]+):(?P<key>[^{}]*):(?P<field>[a-z_]+)\}\}")


def reference(resource: Id, name: str) -> str:
    """A placeholder for what Twilio will decide, to be used inside a field: an environment's domain name, a SID."""
    return f"{{{{{resource.kind}:{resource.key}:{name}}}}}"


def references(value: Value) -> list[Id]:
    """The resources that a field refers to."""
    if not isinstance(value, str):
        return []
    return [Id(found["kind"], found["key"]) for found in REFERENCE.finditer(value)]


def resolve(value: Value, state: Mapping[Id, Resource]) -> Value:
    """The field with every reference replaced that the state can answer."""
    if not isinstance(value, str):
        return value

    def answer(found: re.Match[str]) -> str:
        resource = state.get(Id(found["kind"], found["key"]))
        if resource is None:
            return found[0]
        known = resource.sid if found["field"] == "sid" else resource.given.get(found["field"])
        return found[0] if known in (None, "") else str(known)

    return REFERENCE.sub(answer, value)


def resolve_fields(resource: Resource, state: Mapping[Id, Resource]) -> Resource:
    """The resource with its references resolved as far as the state can."""
    return replace(resource, fields={name: resolve(value, state) for name, value in resource.fields.items()})


def readable(value: Value) -> str:
    """A field's value for a reader: references by what they stand for, hashes cut short."""
    if value is True:
        return "on"
    if value is False:
        return "off"
    if value is None or value == "":
        return "none"
    return shortened(REFERENCE.sub(lambda found: f"‹{found['field'].replace('_', ' ')} of {found['key']}›", str(value)))


def shortened(text: str) -> str:
    """A text for a reader: a hash, such as a build's key, by its first digits."""
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text
