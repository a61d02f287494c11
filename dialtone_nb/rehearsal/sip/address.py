"""The addresses that a person writes: where the endpoint listens, and where our own SIP server, the trunk, is."""

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
    """Our own SIP server, to which every Dial of a SIP address outside of Twilio goes, whatever host it names."""

    peer: HostPort
    transport: Transport = "UDP"


def read_address(text: str) -> HostPort:
    """Read host and port from `127.0.0.1:5060` or `192.168.1.20`; an argparse error for what phones could not be told.

    It is one IPv4 address of this machine: phones get it as the address to call and to send audio to.
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
    """Read a trunk from `127.0.0.1:5080` or `tcp:127.0.0.1:5080`; an argparse error for anything else."""
    transport, colon, rest = text.partition(":")
    if not colon or transport.lower() not in TRUNK_TRANSPORTS:
        return TrunkAddress(read_address(text))
    return TrunkAddress(read_address(rest), TRUNK_TRANSPORTS[transport.lower()])


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's alone."""
    return ipaddress.IPv4Address(host).is_loopback


def warning_of(host: str) -> str:
    """The warning about an address that other machines may reach; empty for loopback."""
    if is_loopback(host):
        return ""
    return (
        f"Warning: {host} may be reached from other machines. Calls, audio and digests go there in the clear: "
        "use a network that you trust, never the internet.\n"
    )


def warning_of_trunk(trunk: TrunkAddress) -> str:
    """The warning about a trunk that is another machine; empty for loopback."""
    if is_loopback(trunk.peer[0]):
        return ""
    return (
        f"Warning: calls to the trunk leave this machine for {trunk.peer[0]}, with their audio and headers in the "
        "clear. What is dialled there may cost money and reach real people.\n"
    )
