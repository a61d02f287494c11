"""IP access control lists, the addresses in them, and which SIP domains take calls from those addresses alone."""

from __future__ import annotations

import ipaddress
from typing import Any

from dialtone_nb.rehearsal.api.classic import account_uri, classic, stamped
from dialtone_nb.rehearsal.api.credential_list_mappings import Family
from dialtone_nb.rehearsal.fields import Field, read_fields
from dialtone_nb.rehearsal.operations import Ask, Reply
from dialtone_nb.rehearsal.paging import list_reply
from dialtone_nb.rehearsal.refusal import Refusal, absent
from dialtone_nb.rehearsal.store import Tables, Thing

MAPPING = "ip_mapping"
MOST_ADDRESSES = 25
DUPLICATE, STILL_MAPPED, TOO_MANY, WRONG_ADDRESS = 21235, 21236, 21237, 21238
WHOLE_ADDRESS = 32  # bits of an IPv4 address


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError("must be an IPv4 address") from None


def _prefix(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= WHOLE_ADDRESS:
        raise ValueError(f"must be a whole number from 1 to {WHOLE_ADDRESS}")
    return int(text)


LIST_FIELDS = (Field("FriendlyName", required=True, longest=255, code=DUPLICATE),)
ADDRESS_FIELDS = (
    Field("FriendlyName", required=True, longest=255, code=WRONG_ADDRESS),
    Field("IpAddress", _address, required=True, code=WRONG_ADDRESS),
    Field("CidrPrefixLength", _prefix, code=WRONG_ADDRESS),
)


def _list_of(tables: Tables, ask: Ask, name: str = "IpAccessControlListSid") -> Thing:
    found = tables.get("ip_list", ask.names[name])
    if found is None:
        raise absent(ask.path)
    return found


def _address_of(tables: Tables, ask: Ask) -> Thing:
    found = tables.get("ip_address", ask.names["Sid"], _list_of(tables, ask).sid)
    if found is None:
        raise absent(ask.path)
    return found


def _list_uri(tables: Tables, sid: str) -> str:
    return f"{account_uri(tables)}/SIP/IpAccessControlLists/{sid}"


def list_body(tables: Tables, thing: Thing) -> dict[str, Any]:
    """An IP access control list as Twilio shows it."""
    uri = _list_uri(tables, thing.sid)
    return {
        **stamped(tables, thing),
        "friendly_name": thing.name,
        "uri": f"{uri}.json",
        "subresource_uris": {"ip_addresses": f"{uri}/IpAddresses.json"},
    }


def address_body(tables: Tables, thing: Thing) -> dict[str, Any]:
    """An address, or a range of them, as Twilio shows it."""
    uri = f"{_list_uri(tables, thing.parent)}/IpAddresses/{thing.sid}.json"
    return {**stamped(tables, thing), "ip_access_control_list_sid": thing.parent, **thing.body, "uri": uri}


def _named_once(tables: Tables, name: str, own: str = "") -> None:
    other = tables.find("ip_list", "", name)
    if other and other.sid != own:
        raise Refusal(DUPLICATE, f"An IP access control list with the friendly name {name} already exists")


def _listed_once(tables: Tables, parent: str, address: str, own: str = "") -> None:
    if any(one.sid != own and one.body["ip_address"] == address for one in tables.list("ip_address", parent)):
        raise Refusal(DUPLICATE, f"{address} is in this list already")


def create_list(tables: Tables, ask: Ask) -> Reply:
    """A new, empty list; friendly names are unique."""
    name = read_fields(LIST_FIELDS, ask.form)["friendly_name"]
    _named_once(tables, name)
    return Reply(201, list_body(tables, tables.add("AL", "ip_list", "", name, {})))


def list_lists(tables: Tables, ask: Ask) -> Reply:
    """All IP access control lists."""
    things = tables.list("ip_list", "")
    return list_reply(ask, "ip_access_control_lists", things, lambda a: list_body(tables, a), lambda a: str(a.sid))


def fetch_list(tables: Tables, ask: Ask) -> Reply:
    """One IP access control list."""
    return Reply(200, list_body(tables, _list_of(tables, ask, "Sid")))


def update_list(tables: Tables, ask: Ask) -> Reply:
    """A list with another friendly name."""
    thing = _list_of(tables, ask, "Sid")
    name = read_fields(LIST_FIELDS, ask.form)["friendly_name"]
    _named_once(tables, name, thing.sid)
    return Reply(200, list_body(tables, tables.save(thing, {}, name=name)))


def delete_list(tables: Tables, ask: Ask) -> Reply:
    """Nothing; the list is gone. One that is mapped to a domain stays."""
    thing = _list_of(tables, ask, "Sid")
    if any(mapping.name == thing.sid for mapping in tables.list(MAPPING)):
        raise Refusal(STILL_MAPPED, f"IP access control list {thing.name} is still mapped to a domain")
    tables.remove(thing.sid)
    return Reply(204)


def create_address(tables: Tables, ask: Ask) -> Reply:
    """A new address in a list; without a prefix length it is this one alone."""
    parent = _list_of(tables, ask)
    values = {"cidr_prefix_length": WHOLE_ADDRESS} | read_fields(ADDRESS_FIELDS, ask.form)
    _listed_once(tables, parent.sid, values["ip_address"])
    if tables.count("ip_address", parent.sid) >= MOST_ADDRESSES:
        raise Refusal(TOO_MANY, f"The maximum of {MOST_ADDRESSES} addresses in a list is reached")
    return Reply(201, address_body(tables, tables.add("IP", "ip_address", parent.sid, values["ip_address"], values)))


def list_addresses(tables: Tables, ask: Ask) -> Reply:
    """All addresses of a list."""
    things = tables.list("ip_address", _list_of(tables, ask).sid)
    return list_reply(ask, "ip_addresses", things, lambda a: address_body(tables, a), lambda a: str(a.sid))


def fetch_address(tables: Tables, ask: Ask) -> Reply:
    """One address of a list."""
    return Reply(200, address_body(tables, _address_of(tables, ask)))


def update_address(tables: Tables, ask: Ask) -> Reply:
    """An address with some fields changed."""
    thing = _address_of(tables, ask)
    values = read_fields(ADDRESS_FIELDS, ask.form, creating=False)
    _listed_once(tables, thing.parent, (thing.body | values)["ip_address"], thing.sid)
    return Reply(200, address_body(tables, tables.save(thing, values)))


def delete_address(tables: Tables, ask: Ask) -> Reply:
    """Nothing; the address is in the list no more."""
    tables.remove(_address_of(tables, ask).sid)
    return Reply(204)


def is_let_in(tables: Tables, domain: Thing, address: str) -> bool:
    """Whether a SIP domain takes calls from an address; from any, where no IP access control list is mapped to it."""
    mappings = tables.list(MAPPING, domain.sid)
    ranges = [
        ipaddress.IPv4Network(f"{one.body['ip_address']}/{one.body['cidr_prefix_length']}", strict=False)
        for mapping in mappings
        for one in tables.list("ip_address", mapping.name)
    ]
    return not mappings or any(ipaddress.IPv4Address(address) in one for one in ranges)


LISTS = "/SIP/IpAccessControlLists"
ADDRESSES = LISTS + "/{IpAccessControlListSid}/IpAddresses"
OF_LISTS = {
    "parameter": "IpAccessControlListSid",
    "prefix": "AL",
    "mapped": "ip_list",
    "word": "IP access control list",
}
FAMILIES = (
    Family("/Auth/Calls/IpAccessControlListMappings", "contents", MAPPING, **OF_LISTS),
    Family("/IpAccessControlListMappings", "ip_access_control_list_mappings", MAPPING, **OF_LISTS),
)
OPERATIONS = (
    classic("GET", LISTS, list_lists),
    classic("POST", LISTS, create_list),
    classic("GET", LISTS + "/{Sid}", fetch_list),
    classic("POST", LISTS + "/{Sid}", update_list),
    classic("DELETE", LISTS + "/{Sid}", delete_list),
    classic("GET", ADDRESSES, list_addresses),
    classic("POST", ADDRESSES, create_address),
    classic("GET", ADDRESSES + "/{Sid}", fetch_address),
    classic("POST", ADDRESSES + "/{Sid}", update_address),
    classic("DELETE", ADDRESSES + "/{Sid}", delete_address),
    *(operation for family in FAMILIES for operation in family.operations()),
)
