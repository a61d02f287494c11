"""Which lists a SIP domain takes: for calls (two addresses, one store) and for registrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dialtone_nb.rehearsal.api.api_2010 import classic, stamped
from dialtone_nb.rehearsal.api.sip_domains import domain_of, domain_uri
from dialtone_nb.rehearsal.http.errors import Refusal, absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, read_parameters, sid
from dialtone_nb.rehearsal.state.store import Tables, Thing


@dataclass(frozen=True, slots=True)
class Family:
    """One address under a domain: its path, its list's name in bodies, the kind of thing that it stores.

    And what is mapped there: the parameter that names it, its SID's prefix, its kind, and a word for it.
    """

    path: str
    list_name: str
    kind: str
    parameter: str = "CredentialListSid"
    prefix: str = "CL"
    mapped: str = "credential_list"
    word: str = "Credential list"

    def body(self, tables: Tables, mapping: Thing) -> dict[str, Any]:
        """A mapping as Twilio shows it: its SID is the mapped list's; the Auth families show no more."""
        mapped = tables.get(self.mapped, mapping.name)
        name = mapped.name if mapped else ""
        body = {**stamped(tables, mapping), "sid": mapping.name, "friendly_name": name}
        if self.list_name == "contents":
            return body
        uri = f"{domain_uri(tables, mapping.parent)}{self.path}/{mapping.name}.json"
        return body | {"domain_sid": mapping.parent, "uri": uri}

    def create(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A new mapping; 21231 where the list is mapped already, through whichever address."""
        domain = domain_of(tables, request)
        field = Parameter(self.parameter, sid(self.prefix), required=True, code=21231)
        mapped = read_parameters((field,), request.form)[field.key]
        if tables.get(self.mapped, mapped) is None:
            raise Refusal(21231, f"{self.word} {mapped} is not found")
        if tables.find(self.kind, domain.sid, mapped):
            raise Refusal(21231, f"{self.parameter.removesuffix('Sid')} already associated with this domain")
        mapping = tables.add("MA", self.kind, domain.sid, mapped, {})
        return ApiResponse(201, self.body(tables, mapping))

    def list(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """All mappings of a domain."""
        things = tables.list(self.kind, domain_of(tables, request).sid)
        return list_response(request, self.list_name, things, lambda m: self.body(tables, m), lambda m: str(m.name))

    def fetch(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """One mapping, by the list's SID."""
        return ApiResponse(200, self.body(tables, self._mapping_of(tables, request)))

    def delete(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Delete the mapping: the domain no longer takes the list."""
        tables.remove(self._mapping_of(tables, request).sid)
        return ApiResponse(204)

    def _mapping_of(self, tables: Tables, request: ApiRequest) -> Thing:
        mapping = tables.find(self.kind, domain_of(tables, request).sid, request.names["Sid"])
        if mapping is None:
            raise absent(request.path)
        return mapping

    def operations(self) -> tuple[Operation, ...]:
        """What this address answers: mappings are never updated."""
        path = f"/SIP/Domains/{{DomainSid}}{self.path}"
        return (
            classic("GET", path, self.list),
            classic("POST", path, self.create),
            classic("GET", path + "/{Sid}", self.fetch),
            classic("DELETE", path + "/{Sid}", self.delete),
        )


CALLS = Family("/Auth/Calls/CredentialListMappings", "contents", "calls_mapping")
REGISTRATIONS = Family("/Auth/Registrations/CredentialListMappings", "contents", "registrations_mapping")
LEGACY = Family("/CredentialListMappings", "credential_list_mappings", "calls_mapping")

OPERATIONS = tuple(operation for family in (CALLS, REGISTRATIONS, LEGACY) for operation in family.operations())
