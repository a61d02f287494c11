"""The words of the parameter files: names, numbers, URLs and choices, each with what it must look like."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import Annotated, Literal, get_args
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from dialtone_nb.devices import MODELS
from dialtone_nb.parameters.yaml_files import spelled, unknown
from dialtone_nb.values.loopback import LOOPBACK
from dialtone_nb.values.phone_numbers import country_of, is_e164


def is_time_zone(name: str) -> bool:
    """Whether this machine knows a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


# An environment's name is its domain suffix (at most 16 characters) and part of two SIP domain names.
EnvironmentName = Annotated[
    str, spelled("[a-z][a-z0-9]{0,15}", "small letters and digits, a letter first, 16 at most, such as stage")
]
# The user name in the credential list: at most 32 characters; and part of SIP URIs, so nothing that needs escaping.
ClientName = Annotated[
    str, spelled("[a-z0-9][a-z0-9_-]{0,31}", "small letters, digits, - and _, 32 at most, such as front-desk")
]
UniqueName = Annotated[str, spelled("[A-Za-z0-9][A-Za-z0-9-]{0,49}", "letters, digits and -, 50 at most")]
DomainPrefix = Annotated[
    str, spelled("[a-z][a-z0-9-]{0,30}[a-z0-9]", "small letters, digits and -, 2 to 32, a letter first")
]
# What a person hears.
Words = Annotated[str, StringConstraints(min_length=1, max_length=500)]
QuietHours = Annotated[
    str,
    spelled("([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]", "two times of a day, such as 22:00-06:00"),
]

# Who answers Twilio: its own functions, or our own server.
Hosting = Literal["functions", "self_hosted"]
# Twilio, SIP interface: where phones may enter its network; "roaming" is not for SIP.
Edge = Literal["ashburn", "umatilla", "dublin", "frankfurt", "singapore", "tokyo", "sao-paulo", "sydney"]
EDGES: tuple[Edge, ...] = get_args(Edge)


def _check_number(number: str) -> str:
    if not is_e164(number):
        raise ValueError("must be E.164; write a plus sign, the country code and the number, such as +15035550101")
    if not country_of(number):
        raise ValueError("is a number of no country; check its digits")
    return number


def _check_device(device: object) -> object:
    if device not in list(MODELS):
        raise ValueError("; ".join(unknown(str(device), list(MODELS))))
    return device


# A model of telephone, by the name that its record has.
Device = Annotated[str, BeforeValidator(_check_device)]
PhoneNumber = Annotated[str, AfterValidator(_check_number)]


def _split_url(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("has a port that is none; write one from 1 to 65535, or leave it out") from None
    return parts


def _check_provisioning(url: str) -> str:
    parts = _split_url(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("is not an address of a web server; write one such as http://192.0.2.20:8023")
    return url.rstrip("/")


ProvisioningUrl = Annotated[str, AfterValidator(_check_provisioning)]


def _check_syslog(address: str) -> str:
    if len(address) > 253 or not re.fullmatch(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", address, re.A):
        raise ValueError("must be an address alone, without a port or a scheme; write one such as 192.0.2.20")
    if not set(address) <= set("0123456789."):
        return address
    try:
        found = IPv4Address(address)
    except ValueError:
        raise ValueError("is not an address; write one such as 192.0.2.20") from None
    if found.is_loopback or found.is_unspecified or found.is_multicast or found.is_reserved:
        raise ValueError("is not an address that a phone could send to; write this computer's on the phones' network")
    return address


# Where phones send their logs: UDP port 514, the only one that all of them can be told.
SyslogAddress = Annotated[str, AfterValidator(_check_syslog)]


def _check_base_url(url: str) -> str:
    parts = _split_url(url)
    if not parts.hostname or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be a scheme and a host alone, such as https://stage.phones.example.org")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("must begin with https://; plain http is for this very machine, and for rehearsals")
    return url


def _check_time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError(f"there is no time zone {name!r}; write it as America/Los_Angeles, or UTC")
    return name


TimeZone = Annotated[str, AfterValidator(_check_time_zone)]
BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
