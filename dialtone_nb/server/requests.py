"""A request as Twilio made it: its parameters, the URL that it was sent to, and whether Twilio signed it.

X-Forwarded-… is believed only of a declared proxy: anybody else can write there what they like.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs

from twilio.request_validator import RequestValidator

from dialtone_nb.server.server_settings import Proxy

# Twilio's requests have some forty parameters in two kilobytes, and a phone's SIP headers at most some more.
LARGEST_BODY: Final = 64 * 1024
MOST_PARAMETERS: Final = 500
FORM: Final = "application/x-www-form-urlencoded"
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
SIGNATURE_HEADER: Final = "x-twilio-signature"


class RefusedRequest(Exception):  # noqa: N818 - nothing is wrong here, somebody is turned away
    """A request that gets no answer but this status; its text says why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class RequestParameters(dict[str, list[str]]):
    """Parameters as they were sent: a list for each name, since Twilio's signature covers repeated ones too."""

    # How Twilio's validator asks for the values of a name.
    getall = dict.__getitem__

    def single(self) -> dict[str, str]:
        """A value for each name; one that was sent more than once is no call's, and is empty."""
        return {name: values[0] if len(values) == 1 else "" for name, values in self.items()}


def parse_values(encoded: bytes) -> RequestParameters:
    """The parameters of a query or a form, blank ones too; refused where they are too many, or no UTF-8."""
    if not encoded:
        return RequestParameters()
    try:
        text = encoded.decode("ascii")
        values = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise RefusedRequest(HTTPStatus.BAD_REQUEST, "the parameters can't be read") from None
    return RequestParameters(values)


async def read_form(content_type: str, content_length: str, body: AsyncIterator[bytes]) -> RequestParameters:
    """The parameters of a form, never more of it in memory than the largest that is read."""
    if content_length.isdecimal() and int(content_length) > LARGEST_BODY:
        raise RefusedRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {LARGEST_BODY} bytes")
    content = bytearray()
    async for chunk in body:
        content += chunk
        if len(content) > LARGEST_BODY:
            raise RefusedRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {LARGEST_BODY} bytes")
    if content and content_type.partition(";")[0].strip().lower() != FORM:
        raise RefusedRequest(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {FORM}")
    return parse_values(bytes(content))


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


class SignatureCheck:
    """Twilio's own validator, asked first for what fits nearly always.

    Twilio signs with the primary auth token alone. Which one that is changes at once when the secondary is promoted,
    so while somebody rotates it, a server takes both.
    """

    def __init__(self, *auth_tokens: str) -> None:
        self._validators = [RequestValidator(token) for token in auth_tokens if token]

    def is_valid(self, url: str, parameters: RequestParameters, signature: str) -> bool:
        """Whether Twilio signed this request; never an exception, whatever somebody sent."""
        try:
            # The validator always works out two signatures, with the port in the URL and without; the one for the URL
            # as it stands is nearly always the one.
            for validator in self._validators:
                if compare_digest(validator.compute_signature(url, parameters).encode(), signature.encode()):
                    return True
            return any(validator.validate(url, parameters, signature) for validator in self._validators)
        except ValueError:  # a port that is not a number, text that is not Unicode
            return False
