"""What all resources have in common: their addresses, and how they are listed, fetched and deleted.

A module per resource has the rest: its parameters, its own fields, what creating and updating it takes, and when it
can't be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, wraps

from dialtone_nb.rehearsal.http.errors import absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, AtExchange, Handler, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter
from dialtone_nb.rehearsal.state.clock import iso8601, rfc2822
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

VERSION = "2010-04-01"


@dataclass(frozen=True, slots=True)
class Api:
    """One of Twilio's APIs: its host and the root of its paths. Addresses are whole URLs, dates are ISO 8601."""

    host: str
    root: str = "/v1"

    def operation(self, method: str, path: str, handler: Handler, at_exchange: AtExchange | None = None) -> Operation:
        """An operation at a path below the root."""
        return Operation(self.host, method, f"{self.root}{path}", handler, at_exchange)

    def date(self, at: float) -> str | None:
        """A time as this API writes it."""
        return iso8601(at)

    def addresses(self, tables: Tables, path: str, links: Mapping[str, str]) -> Body:
        """The fields that say where a thing is, and where what is below it."""
        url = f"https://{self.host}{self.root}{path}"
        return {"url": url} | ({"links": {name: f"{url}/{below}" for name, below in links.items()}} if links else {})


class Api2010(Api):
    """The 2010-04-01 API: each path has the account, addresses are relative and end in .json, dates are RFC 2822."""

    def operation(self, method: str, path: str, handler: Handler, at_exchange: AtExchange | None = None) -> Operation:
        """An operation under the account; another account's SID in the path is a 404."""

        @wraps(handler)
        def answer(tables: Tables, request: ApiRequest) -> ApiResponse:
            if request.names["AccountSid"] != tables.identity.account_sid:
                raise absent(request.path)
            return handler(tables, request)

        return Operation(self.host, method, f"{self.root}{path}.json", answer, at_exchange)

    def date(self, at: float) -> str | None:
        """A time as this API writes it."""
        return rfc2822(at)

    def addresses(self, tables: Tables, path: str, links: Mapping[str, str]) -> Body:
        """The fields that say where a thing is, and where what is below it."""
        uri = f"{account_uri(tables)}{path}"
        below = {name: f"{uri}/{below}.json" for name, below in links.items()}
        return {"uri": f"{uri}.json"} | ({"subresource_uris": below} if below else {})


API_2010 = Api2010("api.twilio.com", f"/{VERSION}/Accounts/{{AccountSid}}")


def account_uri(tables: Tables) -> str:
    """The account's own relative address, without the suffix."""
    return f"/{VERSION}/Accounts/{tables.identity.account_sid}"


def _kept(tables: Tables, thing: Thing) -> Body:
    return thing.body


@cache
def _key(name: str) -> str:
    """The name that a path variable has in bodies: ServiceSid is service_sid."""
    return Parameter(name).key


@dataclass(frozen=True)
class Collection:
    """All resources of a type, at one address: `name` ends their list's path, `above` is the collection of the parents.

    `kind` is their type in the store, and their SIDs begin with `prefix`. `fields` gives the fields that a resource has
    beside the common ones; by default, all that is stored of it.
    """

    api: Api
    name: str
    kind: str
    prefix: str
    above: Collection | None = None
    fields: Callable[[Tables, Thing], Body] = _kept
    # Addresses below a resource's own, by their names in its body.
    links: Mapping[str, str] = field(default_factory=dict)
    # The list's name in bodies, if it differs from the one in the path.
    listed_as: str = ""
    # Whether paths take the unique name as well as the SID.
    by_name: bool = False
    # A resource that never changes has no date_updated.
    is_immutable: bool = False

    @cached_property
    def path(self) -> str:
        """The list's path: /Services/{ServiceSid}/Environments."""
        return f"{self.above.path}/{{{self.above.variable}}}/{self.name}" if self.above else f"/{self.name}"

    @cached_property
    def variable(self) -> str:
        """The variable for a resource's SID in the paths of its subresources: ServiceSid."""
        return f"{self.name.rpartition('/')[2].removesuffix('s')}Sid"

    def at(self, tables: Tables, request: ApiRequest, variable: str = "Sid") -> Thing:
        """The resource that a variable of the path names; a 404 if there is none."""
        parent, key = self.parent_sid(tables, request), request.names[variable]
        # The store may know another parent than the path: /Recordings/{Sid} is under the account, and stored by call.
        found = tables.get(self.kind, key, parent or None)
        if found is None and self.by_name:
            found = tables.find(self.kind, parent, key)
        if found is None:
            raise absent(request.path)
        return found

    def parent_sid(self, tables: Tables, request: ApiRequest) -> str:
        """The SID of the parent in the path; empty if the parent is the account."""
        return self.above.at(tables, request, self.above.variable).sid if self.above else ""

    def sids_above(self, tables: Tables, thing: Thing) -> dict[str, str]:
        """The SIDs of a resource's parents, as variables of its path."""
        if self.above is None:
            return {}
        parent = tables.get(self.above.kind, thing.parent) if self.above.above else None
        return (self.above.sids_above(tables, parent) if parent else {}) | {self.above.variable: thing.parent}

    def body(self, tables: Tables, thing: Thing) -> Body:
        """A resource as Twilio shows it."""
        above = self.sids_above(tables, thing)
        return {
            "sid": thing.sid,
            "account_sid": tables.identity.account_sid,
            **{_key(name): sid for name, sid in above.items()},
            "date_created": self.api.date(thing.created),
            **({} if self.is_immutable else {"date_updated": self.api.date(thing.updated)}),
            **self.fields(tables, thing),
            **self.api.addresses(tables, f"{self.path.format(**above)}/{thing.sid}", self.links),
        }

    def add(self, tables: Tables, parent: str, name: str, body: Body) -> Thing:
        """Add a resource to a parent, with its natural key."""
        return tables.add(self.prefix, self.kind, parent, name, body)

    def show(self, tables: Tables, thing: Thing, status: int = 200) -> ApiResponse:
        """A response with a resource."""
        return ApiResponse(status, self.body(tables, thing))

    def page(self, tables: Tables, request: ApiRequest, things: Sequence[Thing]) -> ApiResponse:
        """A response with the page that was asked for, of these resources."""
        name = self.listed_as or _key(self.name.rpartition("/")[2])
        return list_response(request, name, things, lambda thing: self.body(tables, thing), lambda thing: thing.sid)

    def list(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """All resources of the parent in the path, newest first."""
        return self.page(tables, request, tables.list(self.kind, self.parent_sid(tables, request)))

    def fetch(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """One resource."""
        return self.show(tables, self.at(tables, request))

    def delete(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Delete a resource and its subresources."""
        tables.remove(self.at(tables, request).sid)
        return ApiResponse(204)

    def operations(
        self,
        *,
        list_: Handler | None = None,
        create: Handler | None = None,
        fetch: Handler | None = None,
        update: Handler | None = None,
        delete: Handler | None = None,
    ) -> tuple[Operation, ...]:
        """The operations at the list's address and at a resource's; listing and fetching are always among them."""
        answers = (
            ("GET", self.path, list_ or self.list),
            ("POST", self.path, create),
            ("GET", f"{self.path}/{{Sid}}", fetch or self.fetch),
            ("POST", f"{self.path}/{{Sid}}", update),
            ("DELETE", f"{self.path}/{{Sid}}", delete),
        )
        return tuple(self.api.operation(method, path, handler) for method, path, handler in answers if handler)
