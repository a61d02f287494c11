"""Our own server under its public name: the rehearsal stands in for DNS and for the proxy in front of the server."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.state.store import Store, Tables
from dialtone_nb.values.loopback import LOOPBACK

KIND: Final = "own_server"
BUDGET_S: Final = 15.0
TWILIOS: Final = (".twilio.com", ".twil.io")
# Headers that a proxy does not forward (RFC 9110, 7.6.1), or that the requests library writes itself.
HOP_BY_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive"})


def add_own_server(store: Store, host: str, address: str) -> dict[str, str]:
    """Send requests for a host name to an address from now on; raises Refusal if it is not on this machine."""
    if not _is_on_this_machine(address):
        raise Refusal(20001, f"address must be http://127.0.0.1:PORT, on this machine, not {address!r}")
    if not host or "/" in host or host.endswith(TWILIOS):
        raise Refusal(20001, "host must be the name in the base URL, such as stage.phones.example.org")
    with store.transaction() as tables:
        known = tables.find(KIND, "", host)
        if known:
            tables.save(known, {"address": address.rstrip("/")})
        else:
            tables.add("SV", KIND, "", host, {"address": address.rstrip("/")})
    return {"host": host, "address": address.rstrip("/")}


def _is_on_this_machine(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme == "http" and parts.hostname in LOOPBACK and bool(parts.port) and not parts.path.strip("/")
    except ValueError:  # no valid host or port
        return False


def list_own_servers(store: Store) -> list[dict[str, str]]:
    """The host names of our own servers, with their addresses."""
    with store.transaction() as tables:
        return [{"host": one.name, "address": one.body["address"]} for one in tables.list(KIND, "")]


def address_of(tables: Tables, host: str) -> str:
    """The address of our own server by its host name; empty if there is none."""
    found = tables.find(KIND, "", host)
    return str(found.body["address"]) if found else ""


def is_own_server(store: Store, host: str) -> bool:
    """Whether a host name is our own server's."""
    with store.transaction() as tables:
        return bool(address_of(tables, host))


def forward(
    address: str, method: str, host: str, target: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Forward a request as a TLS-terminating proxy does; gives back status, headers, body, or 502 if nobody answers."""
    import requests  # a large library, for the first request to our own server

    sent: dict[str, Any] = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
    sent |= {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}
    try:
        with requests.Session() as session:
            session.trust_env = False
            response = session.request(
                method, address + target, headers=sent, data=body, timeout=BUDGET_S, allow_redirects=False
            )
    except requests.RequestException:
        return HTTPStatus.BAD_GATEWAY, {"content-type": "text/plain"}, b"nothing answers at this name"
    kept = {name: value for name, value in response.headers.items() if name.lower() not in HOP_BY_HOP}
    return response.status_code, kept, response.content
