"""What credential lists and IP access control lists have in common: they have a name and entries, and end unmapped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dialtone_nb.rehearsal.api.collection import Collection
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.parameters import Pairs, Parameter, read_parameters
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing


@dataclass(frozen=True, slots=True)
class Limit:
    """How many there may be, and the code that one too many is refused with."""

    most: int
    code: int


@dataclass(frozen=True, slots=True)
class SipLists:
    """Lists of a type under /SIP, and their entries.

    `mappings` are the kinds of thing that tie such a list to a domain. The codes are those of a second list of the same
    name, and of deleting a list that is mapped. `make_entry` reads a new entry from a form, as its natural key and its
    body; `change_entry` reads what changes in one.
    """

    all: Collection
    entries: Collection
    word: str
    longest_name: int
    limit: Limit
    entry_limit: Limit
    mappings: tuple[str, ...]
    duplicate: int
    still_mapped: int
    make_entry: Callable[[Tables, Thing, Pairs], tuple[str, Body]]
    change_entry: Callable[[Tables, Thing, Pairs], Body]

    def _read_name(self, tables: Tables, form: Pairs, own: str = "") -> str:
        """The friendly name, which no other list may have."""
        field = Parameter("FriendlyName", required=True, longest=self.longest_name, code=self.duplicate)
        name = str(read_parameters((field,), form)["friendly_name"])
        other = tables.find(self.all.kind, "", name)
        if other and other.sid != own:
            raise Refusal(self.duplicate, f"{self.word} with the friendly name {name} already exists")
        return name

    def create(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A new, empty list."""
        name = self._read_name(tables, request.form)
        if tables.count(self.all.kind, "") >= self.limit.most:
            raise Refusal(self.limit.code, f"The maximum of {self.limit.most} lists is reached")
        return self.all.show(tables, self.all.add(tables, "", name, {}), 201)

    def update(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A list with another friendly name."""
        thing = self.all.at(tables, request)
        return self.all.show(tables, tables.save(thing, {}, name=self._read_name(tables, request.form, thing.sid)))

    def delete(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Delete the list and its entries. One that is mapped to a domain stays."""
        thing = self.all.at(tables, request)
        if any(mapping.name == thing.sid for kind in self.mappings for mapping in tables.list(kind)):
            raise Refusal(self.still_mapped, f"{self.word} {thing.name} is still mapped to a domain")
        return self.all.delete(tables, request)

    def create_entry(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A new entry of a list."""
        parent = self.all.at(tables, request, self.all.variable)
        name, body = self.make_entry(tables, parent, request.form)
        if tables.count(self.entries.kind, parent.sid) >= self.entry_limit.most:
            raise Refusal(self.entry_limit.code, f"The maximum of {self.entry_limit.most} in a list is reached")
        return self.entries.show(tables, self.entries.add(tables, parent.sid, name, body), 201)

    def update_entry(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """An entry with some fields changed."""
        entry = self.entries.at(tables, request)
        return self.entries.show(tables, tables.save(entry, self.change_entry(tables, entry, request.form)))

    def operations(self) -> tuple[Operation, ...]:
        """What can be asked of lists of the type, and of their entries."""
        return (
            *self.all.operations(create=self.create, update=self.update, delete=self.delete),
            *self.entries.operations(create=self.create_entry, update=self.update_entry, delete=self.entries.delete),
        )


def list_fields(tables: Tables, thing: Thing) -> Body:
    """The fields of a list."""
    return {"friendly_name": thing.name}
