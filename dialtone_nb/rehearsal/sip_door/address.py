"""Where the SIP door listens, as a person writes it."""

from __future__ import annotations

import argparse
import ipaddress

DEFAULT = "127.0.0.1:5060"
SIP_PORT = 5060


def read_address(text: str) -> tuple[str, int]:
    """Host and port from `127.0.0.1:5060` or `192.168.1.20`; an argparse error for what phones could not be told.

    It is one IPv4 address of this machine: phones get it as the address to call and to send sound to.
    """
    host, colon, port = text.partition(":")
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IPv4 address with a port, such as {DEFAULT}") from None
    if address.is_unspecified:
        raise argparse.ArgumentTypeError(f"{host} is no address that a phone could call; name this machine's own")
    if colon and not (port.isascii() and port.isdigit() and int(port) < 2**16):
        raise argparse.ArgumentTypeError(f"{port!r} is no port")
    return host, int(port) if colon else SIP_PORT


def warning_of(host: str) -> str:
    """What is to be said of an address that is not only this machine's; empty for loopback."""
    if ipaddress.IPv4Address(host).is_loopback:
        return ""
    return (
        f"Warning: {host} may be reached from other machines. Calls, sound and digests go there in the clear: "
        "use a network that you trust, never the internet.\n"
    )
