"""What credential lists and IP access control lists have in common: a name, entries, and mappings to domains."""

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
    """The most that there may be, and the error code for one more."""

    most: int
    code: int


@dataclass(frozen=True, slots=True)
class SipLists:
    """Lists of one type under /SIP, and their entries.

    `mappings` are the kinds of mapping that tie such a list to a domain. `duplicate` is the error code for a second
    list of the same name, `still_mapped` that for deleting a mapped list. `make_entry` reads a new entry from a form,
    as its natural key and its body; `change_entry` reads what changes in one.
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
        """The friendly name in a form; raises Refusal if another list has it."""
        field = Parameter("FriendlyName", required=True, longest=self.longest_name, code=self.duplicate)
        name = str(read_parameters((field,), form)["friendly_name"])
        other = tables.find(self.all.kind, "", name)
        if other and other.sid != own:
            raise Refusal(self.duplicate, f"{self.word} with the friendly name {name} already exists")
        return name

    def create(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Create an empty list."""
        name = self._read_name(tables, request.form)
        if tables.count(self.all.kind, "") >= self.limit.most:
            raise Refusal(self.limit.code, f"The maximum of {self.limit.most} lists is reached")
        return self.all.show(tables, self.all.add(tables, "", name, {}), 201)

    def update(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Change a list's friendly name."""
        thing = self.all.at(tables, request)
        return self.all.show(tables, tables.save(thing, {}, name=self._read_name(tables, request.form, thing.sid)))

    def delete(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Delete the list and its entries; refused while it is mapped to a domain."""
        thing = self.all.at(tables, request)
        if any(mapping.name == thing.sid for kind in self.mappings for mapping in tables.list(kind)):
            raise Refusal(self.still_mapped, f"{self.word} {thing.name} is still mapped to a domain")
        return self.all.delete(tables, request)

    def create_entry(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Add an entry to a list."""
        parent = self.all.at(tables, request, self.all.variable)
        name, body = self.make_entry(tables, parent, request.form)
        if tables.count(self.entries.kind, parent.sid) >= self.entry_limit.most:
            raise Refusal(self.entry_limit.code, f"The maximum of {self.entry_limit.most} in a list is reached")
        return self.entries.show(tables, self.entries.add(tables, parent.sid, name, body), 201)

    def update_entry(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Change some fields of an entry."""
        entry = self.entries.at(tables, request)
        return self.entries.show(tables, tables.save(entry, self.change_entry(tables, entry, request.form)))

    def operations(self) -> tuple[Operation, ...]:
        """The operations on lists of this type and on their entries."""
        return (
            *self.all.operations(create=self.create, update=self.update, delete=self.delete),
            *self.entries.operations(create=self.create_entry, update=self.update_entry, delete=self.entries.delete),
        )


def list_fields(tables: Tables, thing: Thing) -> Body:
    """The fields of a list."""
    return {"friendly_name": thing.name}
