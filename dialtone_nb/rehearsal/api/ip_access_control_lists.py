"""IP access control lists, the addresses in them, and which SIP domains take calls from those addresses alone."""

from __future__ import annotations

import ipaddress

from dialtone_nb.rehearsal.api.credential_list_mappings import Family
from dialtone_nb.rehearsal.api.sip_lists import Entries, SipList
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.parameters import Pairs, Parameter, read_parameters
from dialtone_nb.rehearsal.state.domain_access import IP_MAPPING
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

DUPLICATE, STILL_MAPPED, TOO_MANY, WRONG_ADDRESS = 21235, 21236, 21237, 21238
# Twilio documents no limit of how many there may be, nor a code for it: both are taken from credential lists.
MOST_LISTS, TOO_MANY_LISTS = 100, 21239
WHOLE_ADDRESS = 32  # bits of an IPv4 address


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError("must be an IPv4 address") from None


def _prefix(text: str) -> int:
    if text not in map(str, range(1, WHOLE_ADDRESS + 1)):
        raise ValueError(f"must be a whole number from 1 to {WHOLE_ADDRESS}")
    return int(text)


ADDRESS_FIELDS = (
    Parameter("FriendlyName", required=True, longest=255, code=WRONG_ADDRESS),
    Parameter("IpAddress", _address, required=True, code=WRONG_ADDRESS),
    Parameter("CidrPrefixLength", _prefix, code=WRONG_ADDRESS),
)


def _listed_once(tables: Tables, parent: str, address: str, own: str = "") -> None:
    if any(one.sid != own and one.body["ip_address"] == address for one in tables.list("ip_address", parent)):
        raise Refusal(DUPLICATE, f"{address} is in this list already")


def _create(tables: Tables, parent: Thing, form: Pairs) -> tuple[str, Body]:
    """Without a prefix length an address is this one alone."""
    values = {"cidr_prefix_length": WHOLE_ADDRESS} | read_parameters(ADDRESS_FIELDS, form)
    _listed_once(tables, parent.sid, values["ip_address"])
    return values["ip_address"], values


def _change(tables: Tables, entry: Thing, form: Pairs) -> Body:
    values = read_parameters(ADDRESS_FIELDS, form, creating=False)
    _listed_once(tables, entry.parent, (entry.body | values)["ip_address"], entry.sid)
    return values


IP_ACCESS_CONTROL_LISTS = SipList(
    path="IpAccessControlLists",
    key="ip_access_control_lists",
    word="IP access control list",
    kind="ip_list",
    prefix="AL",
    longest=255,
    most=MOST_LISTS,
    mappings=(IP_MAPPING,),
    duplicate=DUPLICATE,
    too_many=TOO_MANY_LISTS,
    still_mapped=STILL_MAPPED,
    entries=Entries(
        path="IpAddresses",
        key="ip_addresses",
        kind="ip_address",
        prefix="IP",
        most=25,
        too_many=TOO_MANY,
        create=_create,
        change=_change,
        shown=("friendly_name", "ip_address", "cidr_prefix_length"),
    ),
)
OF_LISTS = {
    "parameter": "IpAccessControlListSid",
    "prefix": "AL",
    "mapped": "ip_list",
    "word": "IP access control list",
}
FAMILIES = (
    Family("/Auth/Calls/IpAccessControlListMappings", "contents", IP_MAPPING, **OF_LISTS),
    Family("/IpAccessControlListMappings", "ip_access_control_list_mappings", IP_MAPPING, **OF_LISTS),
)
OPERATIONS = (
    *IP_ACCESS_CONTROL_LISTS.operations(),
    *(operation for family in FAMILIES for operation in family.operations()),
)
