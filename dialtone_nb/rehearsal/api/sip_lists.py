"""What credential lists and IP access control lists have in common: they have a name and entries, and end unmapped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dialtone_nb.rehearsal.api.api_2010 import account_uri, classic, stamped
from dialtone_nb.rehearsal.http.errors import Refusal, absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Pairs, Parameter, read_parameters
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing


@dataclass(frozen=True, slots=True)
class Entries:
    """What lists of a kind hold: its address, its list's name in bodies, its kind in the store, its SID's prefix.

    And how many a list may have (and the code of one too many), what a form makes of a new entry or of one that is
    there (by its natural key and its body), and which fields of it are shown.
    """

    path: str
    key: str
    kind: str
    prefix: str
    most: int
    too_many: int
    create: Callable[[Tables, Thing, Pairs], tuple[str, Body]]
    change: Callable[[Tables, Thing, Pairs], Body]
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SipList:
    """Lists of a kind under /SIP: address, name in bodies, word for people, kind in the store, prefix of their SIDs.

    `mappings` are the kinds of thing that tie such a list to a domain; the codes are those of a second list of the
    same name, of one list too many, and of deleting a list that is mapped.
    """

    path: str
    key: str
    word: str
    kind: str
    prefix: str
    longest: int
    most: int
    mappings: tuple[str, ...]
    duplicate: int
    too_many: int
    still_mapped: int
    entries: Entries

    @property
    def parameter(self) -> str:
        """What the SID of such a list is called in paths: CredentialListSid."""
        return f"{self.path.removesuffix('s')}Sid"

    def _name(self, request: ApiRequest) -> str:
        field = Parameter("FriendlyName", required=True, longest=self.longest, code=self.duplicate)
        return str(read_parameters((field,), request.form)["friendly_name"])

    def _named_once(self, tables: Tables, name: str, own: str = "") -> None:
        other = tables.find(self.kind, "", name)
        if other and other.sid != own:
            raise Refusal(self.duplicate, f"{self.word} with the friendly name {name} already exists")

    def _of(self, tables: Tables, request: ApiRequest, name: str) -> Thing:
        found = tables.get(self.kind, request.names[name])
        if found is None:
            raise absent(request.path)
        return found

    def _entry_of(self, tables: Tables, request: ApiRequest) -> Thing:
        found = tables.get(self.entries.kind, request.names["Sid"], self._of(tables, request, self.parameter).sid)
        if found is None:
            raise absent(request.path)
        return found

    def _uri(self, tables: Tables, sid: str) -> str:
        return f"{account_uri(tables)}/SIP/{self.path}/{sid}"

    def body(self, tables: Tables, thing: Thing) -> dict[str, Any]:
        """A list as Twilio shows it."""
        uri = self._uri(tables, thing.sid)
        return {
            **stamped(tables, thing),
            "friendly_name": thing.name,
            "uri": f"{uri}.json",
            "subresource_uris": {self.entries.key: f"{uri}/{self.entries.path}.json"},
        }

    def entry_body(self, tables: Tables, entry: Thing) -> dict[str, Any]:
        """An entry as Twilio shows it."""
        return {
            **stamped(tables, entry),
            f"{self.key.removesuffix('s')}_sid": entry.parent,
            **{name: entry.body[name] for name in self.entries.shown},
            "uri": f"{self._uri(tables, entry.parent)}/{self.entries.path}/{entry.sid}.json",
        }

    def create(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A new, empty list; friendly names are unique."""
        name = self._name(request)
        self._named_once(tables, name)
        if tables.count(self.kind, "") >= self.most:
            raise Refusal(self.too_many, f"The maximum of {self.most} lists is reached")
        return ApiResponse(201, self.body(tables, tables.add(self.prefix, self.kind, "", name, {})))

    def list(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """All lists of the kind."""
        things = tables.list(self.kind, "")
        return list_response(request, self.key, things, lambda one: self.body(tables, one), lambda one: one.sid)

    def fetch(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """One list."""
        return ApiResponse(200, self.body(tables, self._of(tables, request, "Sid")))

    def update(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A list with another friendly name."""
        thing, name = self._of(tables, request, "Sid"), self._name(request)
        self._named_once(tables, name, thing.sid)
        return ApiResponse(200, self.body(tables, tables.save(thing, {}, name=name)))

    def delete(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Delete the list and its entries. One that is mapped to a domain stays."""
        thing = self._of(tables, request, "Sid")
        if any(mapping.name == thing.sid for kind in self.mappings for mapping in tables.list(kind)):
            raise Refusal(self.still_mapped, f"{self.word} {thing.name} is still mapped to a domain")
        tables.remove(thing.sid)
        return ApiResponse(204)

    def create_entry(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A new entry of a list."""
        parent = self._of(tables, request, self.parameter)
        name, body = self.entries.create(tables, parent, request.form)
        if tables.count(self.entries.kind, parent.sid) >= self.entries.most:
            raise Refusal(self.entries.too_many, f"The maximum of {self.entries.most} in a list is reached")
        entry = tables.add(self.entries.prefix, self.entries.kind, parent.sid, name, body)
        return ApiResponse(201, self.entry_body(tables, entry))

    def list_entries(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """All entries of a list."""
        things = tables.list(self.entries.kind, self._of(tables, request, self.parameter).sid)
        return list_response(
            request, self.entries.key, things, lambda one: self.entry_body(tables, one), lambda one: one.sid
        )

    def fetch_entry(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """One entry of a list."""
        return ApiResponse(200, self.entry_body(tables, self._entry_of(tables, request)))

    def update_entry(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """An entry with some fields changed."""
        entry = self._entry_of(tables, request)
        return ApiResponse(
            200, self.entry_body(tables, tables.save(entry, self.entries.change(tables, entry, request.form)))
        )

    def delete_entry(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Delete the entry from the list."""
        tables.remove(self._entry_of(tables, request).sid)
        return ApiResponse(204)

    def operations(self) -> tuple[Operation, ...]:
        """What lists of the kind, and their entries, answer."""
        lists = f"/SIP/{self.path}"
        entries = f"{lists}/{{{self.parameter}}}/{self.entries.path}"
        return (
            classic("GET", lists, self.list),
            classic("POST", lists, self.create),
            classic("GET", f"{lists}/{{Sid}}", self.fetch),
            classic("POST", f"{lists}/{{Sid}}", self.update),
            classic("DELETE", f"{lists}/{{Sid}}", self.delete),
            classic("GET", entries, self.list_entries),
            classic("POST", entries, self.create_entry),
            classic("GET", f"{entries}/{{Sid}}", self.fetch_entry),
            classic("POST", f"{entries}/{{Sid}}", self.update_entry),
            classic("DELETE", f"{entries}/{{Sid}}", self.delete_entry),
        )
