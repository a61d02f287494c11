"""The URL of a request as Twilio asked for it, which is what Twilio signed, whatever a proxy made of it.

X-Forwarded-… is believed only of a declared proxy: anybody else can write there what they like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from dialtone_nb.server.server_settings import Proxy

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def public_base(peer: str, headers: Mapping[str, str], proxies: Sequence[Proxy]) -> str:
    """Scheme and host under which a request was made, such as https://calls.example.org; "" where it names no host.

    `peer` is the address that the connection came from. Behind several declared proxies, each of which has added to
    the headers, the values of the outermost one count.
    """
    scheme, host = "http", headers.get("host", "")
    if is_declared(peer, proxies):
        hops = _hops(headers.get("x-forwarded-for", ""), proxies)
        scheme = _added(headers.get("x-forwarded-proto", ""), hops) or scheme
        host = _added(headers.get("x-forwarded-host", ""), hops) or host
        port = _added(headers.get("x-forwarded-port", ""), hops)
        if port and ":" not in host.rpartition("]")[2] and port != _DEFAULT_PORTS.get(scheme):
            host = f"{host}:{port}"
    return f"{scheme}://{host}" if host and scheme in _DEFAULT_PORTS else ""


@lru_cache(maxsize=1024)
def is_declared(peer: str, proxies: Sequence[Proxy]) -> bool:
    """Whether an address is a declared proxy's."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    # A socket for both families sees IPv4 peers as ::ffff:192.0.2.1.
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in proxy for proxy in proxies)


def _hops(forwarded_for: str, proxies: Sequence[Proxy]) -> int:
    """How many declared proxies a request went through: the one that asks, and those that it and they name."""
    hops = 1
    for address in reversed(_values(forwarded_for)):
        if not is_declared(address, proxies):
            break
        hops += 1
    return hops


def _added(header: str, hops: int) -> str:
    """The value that the outermost of so many proxies wrote; the oldest where they replaced instead of adding."""
    values = _values(header)
    return values[max(len(values) - hops, 0)] if values else ""


def _values(header: str) -> list[str]:
    return [value.strip() for value in header.split(",") if value.strip()]
