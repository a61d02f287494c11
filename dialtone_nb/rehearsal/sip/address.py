"""Parsing the addresses that people write: of the endpoint, and of our own SIP server, the trunk."""

from __future__ import annotations

import argparse
import ipaddress
from dataclasses import dataclass
from typing import Final

from dialtone_nb.rehearsal.sip.transport import HostPort, Transport

DEFAULT = "127.0.0.1:5060"
SIP_PORT, SIP_TLS_PORT = 5060, 5061
TRUNK_TRANSPORTS: Final[dict[str, Transport]] = {"udp": "UDP", "tcp": "TCP"}


@dataclass(frozen=True, slots=True)
class TrunkAddress:
    """Our own SIP server's address; every Dial to a SIP address outside of Twilio goes there, whatever its host."""

    peer: HostPort
    transport: Transport = "UDP"


def read_address(text: str) -> HostPort:
    """Parse host and port from `127.0.0.1:5060` or `192.168.1.20`; raises ArgumentTypeError for other text.

    It must be a specific IPv4 address of this machine, because phones get it as the address for calls and audio.
    """
    host, colon, port = text.partition(":")
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 address with a port, such as {DEFAULT}") from None
    if address.is_unspecified:
        raise argparse.ArgumentTypeError(f"{host} is not an address that a phone could call; name this machine's own")
    if colon and not (port.isascii() and port.isdigit() and int(port) < 2**16):
        raise argparse.ArgumentTypeError(f"{port!r} is not a port")
    return host, int(port) if colon else SIP_PORT


def read_trunk(text: str) -> TrunkAddress:
    """Parse a trunk from `127.0.0.1:5080` or `tcp:127.0.0.1:5080`; raises ArgumentTypeError for other text."""
    transport, colon, rest = text.partition(":")
    if not colon or transport.lower() not in TRUNK_TRANSPORTS:
        return TrunkAddress(read_address(text))
    return TrunkAddress(read_address(rest), TRUNK_TRANSPORTS[transport.lower()])


def is_loopback(host: str) -> bool:
    """Whether an IPv4 address is loopback."""
    return ipaddress.IPv4Address(host).is_loopback


def warning_of(host: str) -> str:
    """The warning about an address that other machines can reach; empty for loopback."""
    if is_loopback(host):
        return ""
    return (
        f"Warning: {host} may be reached from other machines. Calls, audio and digests go there in the clear: "
        "use a network that you trust, never the internet.\n"
    )


def warning_of_trunk(trunk: TrunkAddress) -> str:
    """The warning about a trunk on another machine; empty for loopback."""
    if is_loopback(trunk.peer[0]):
        return ""
    return (
        f"Warning: calls to the trunk leave this machine for {trunk.peer[0]}, with their audio and headers in the "
        "clear. What is dialled there may cost money and reach real people.\n"
    )
