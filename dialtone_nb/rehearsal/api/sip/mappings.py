"""Mappings of lists to SIP domains: for registrations and for calls; those for calls can be read at two addresses."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dialtone_nb.rehearsal.api.collection import API_2010, Collection
from dialtone_nb.rehearsal.api.sip.credential_lists import CREDENTIAL_LISTS
from dialtone_nb.rehearsal.api.sip.domains import DOMAINS
from dialtone_nb.rehearsal.api.sip.ip_access_control_lists import IP_ACCESS_CONTROL_LISTS
from dialtone_nb.rehearsal.api.sip.lists import SipLists
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, read_parameters, sid
from dialtone_nb.rehearsal.state.domain_access import IP_MAPPING
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

AUTH = "contents"  # the lists' name in bodies under /Auth
NOT_MAPPABLE = 21231
CREDENTIAL_LIST = Parameter("CredentialListSid", sid("CL"), required=True, code=NOT_MAPPABLE)
IP_ACCESS_CONTROL_LIST = Parameter("IpAccessControlListSid", sid("AL"), required=True, code=NOT_MAPPABLE)


@dataclass(frozen=True)
class Mappings(Collection):
    """The mappings at one address under a domain; each has the SID of the list that it maps."""

    lists: SipLists = CREDENTIAL_LISTS
    parameter: Parameter = CREDENTIAL_LIST

    def body(self, tables: Tables, thing: Thing) -> Body:
        """A mapping as Twilio shows it, with the list's SID; under /Auth without domain_sid and uri."""
        mapped = tables.get(self.lists.all.kind, thing.name)
        body = Collection.body(self, tables, replace(thing, sid=thing.name))
        hidden = {"domain_sid", "uri"} if self.listed_as == AUTH else set()
        shown = {key: value for key, value in body.items() if key not in hidden}
        return shown | {"friendly_name": mapped.name if mapped else ""}

    def create(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Map a list to a domain; refused if it is mapped already, through either address."""
        domain_sid = self.parent_sid(tables, request)
        list_sid = read_parameters((self.parameter,), request.form)[self.parameter.key]
        if tables.get(self.lists.all.kind, list_sid) is None:
            raise Refusal(NOT_MAPPABLE, f"{self.lists.word} {list_sid} is not found")
        if tables.find(self.kind, domain_sid, list_sid):
            word = self.parameter.name.removesuffix("Sid")
            raise Refusal(NOT_MAPPABLE, f"{word} already associated with this domain")
        return self.show(tables, self.add(tables, domain_sid, list_sid, {}), 201)


def _mappings(path: str, kind: str, listed_as: str = "") -> Mappings:
    is_ip = kind == IP_MAPPING
    return Mappings(
        API_2010,
        path,
        kind,
        prefix="MA",
        above=DOMAINS,
        by_name=True,
        listed_as=listed_as,
        lists=IP_ACCESS_CONTROL_LISTS if is_ip else CREDENTIAL_LISTS,
        parameter=IP_ACCESS_CONTROL_LIST if is_ip else CREDENTIAL_LIST,
    )


ALL = (
    _mappings("Auth/Calls/CredentialListMappings", "calls_mapping", AUTH),
    _mappings("Auth/Registrations/CredentialListMappings", "registrations_mapping", AUTH),
    _mappings("CredentialListMappings", "calls_mapping"),
    _mappings("Auth/Calls/IpAccessControlListMappings", IP_MAPPING, AUTH),
    _mappings("IpAccessControlListMappings", IP_MAPPING),
)
# Mappings are never updated.
OPERATIONS = tuple(one for each in ALL for one in each.operations(create=each.create, delete=each.delete))
