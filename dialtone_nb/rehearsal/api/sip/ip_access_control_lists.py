"""IP access control lists and their addresses: a SIP domain with such a list takes calls from these addresses only."""

from __future__ import annotations

import ipaddress

from dialtone_nb.rehearsal.api.collection import API_2010, Collection
from dialtone_nb.rehearsal.api.sip.lists import Limit, SipLists, list_fields
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.parameters import Pairs, Parameter, read_parameters
from dialtone_nb.rehearsal.state.domain_access import IP_MAPPING
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

DUPLICATE, STILL_MAPPED, TOO_MANY, WRONG_ADDRESS = 21235, 21236, 21237, 21238
# Twilio documents neither a limit to the number of lists nor its code; both are taken from credential lists.
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


def _make(tables: Tables, parent: Thing, form: Pairs) -> tuple[str, Body]:
    """A new address from a form; without CidrPrefixLength it is a single host (/32)."""
    values = {"cidr_prefix_length": WHOLE_ADDRESS} | read_parameters(ADDRESS_FIELDS, form)
    _listed_once(tables, parent.sid, values["ip_address"])
    return values["ip_address"], values


def _change(tables: Tables, entry: Thing, form: Pairs) -> Body:
    values = read_parameters(ADDRESS_FIELDS, form, creating=False)
    _listed_once(tables, entry.parent, (entry.body | values)["ip_address"], entry.sid)
    return values


def _fields(tables: Tables, entry: Thing) -> Body:
    return {key: entry.body[key] for key in ("friendly_name", "ip_address", "cidr_prefix_length")}


LISTS = Collection(
    API_2010,
    "SIP/IpAccessControlLists",
    kind="ip_list",
    prefix="AL",
    fields=list_fields,
    links={"ip_addresses": "IpAddresses"},
)
ADDRESSES = Collection(API_2010, "IpAddresses", kind="ip_address", prefix="IP", above=LISTS, fields=_fields)
IP_ACCESS_CONTROL_LISTS = SipLists(
    LISTS,
    ADDRESSES,
    word="IP access control list",
    longest_name=255,
    limit=Limit(MOST_LISTS, TOO_MANY_LISTS),
    entry_limit=Limit(25, TOO_MANY),
    mappings=(IP_MAPPING,),
    duplicate=DUPLICATE,
    still_mapped=STILL_MAPPED,
    make_entry=_make,
    change_entry=_change,
)
OPERATIONS = IP_ACCESS_CONTROL_LISTS.operations()
