"""Access to a SIP domain: its authentication types, the IP addresses that it takes calls from, and digest secrets."""

from __future__ import annotations

import hashlib
import ipaddress

from dialtone_nb.rehearsal.state.store import Tables, Thing

REALM = "sip.twilio.com"
IP_MAPPING = "ip_mapping"


def auth_type(tables: Tables, domain: Thing) -> str:
    """A domain's auth_type: the checks that a call must all pass, joined by a comma."""
    kinds = {"IP_ACL": IP_MAPPING, "CREDENTIAL_LIST": "calls_mapping"}
    return ",".join(word for word, kind in kinds.items() if tables.count(kind, domain.sid))


def is_let_in(tables: Tables, domain: Thing, address: str) -> bool:
    """Whether a SIP domain takes calls from an IPv4 address; without a mapped IP access control list it takes any."""
    mappings = tables.list(IP_MAPPING, domain.sid)
    ranges = [
        ipaddress.IPv4Network(f"{one.body['ip_address']}/{one.body['cidr_prefix_length']}", strict=False)
        for mapping in mappings
        for one in tables.list("ip_address", mapping.name)
    ]
    return not mappings or any(ipaddress.IPv4Address(address) in one for one in ranges)


def digest_secret(username: str, password: str) -> str:
    """HA1 of RFC 2617 (MD5 of user name, realm and password): enough to check a digest without the password."""
    return hashlib.md5(f"{username}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()
