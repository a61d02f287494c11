"""The account's SIP endpoint as rehearsal.localhost opens and shows it, in this process or in another.

At most one process has the endpoint open: a notebook's, or `rehearsal --sip`. It writes its address into the state file
that all processes share, so that the others can forward requests about real phones to it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialtone_nb.errors import DialtoneError
from dialtone_nb.rehearsal.exchange.exchange import Exchange
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiResponse
from dialtone_nb.rehearsal.state.store import Store

if TYPE_CHECKING:
    import requests

    from dialtone_nb.rehearsal.sip.address import TrunkAddress
    from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint

KIND = "sip_door"
CONTROL_HOST = "rehearsal.localhost"
CONNECT_S, ANSWER_S = 1.0, 600.0  # a call to a real phone is answered only when the people have hung up
LISTS = ("registrations", "lives", "delays")  # lists that are empty if no endpoint is open
PATHS = frozenset({"door", "phones", *LISTS})


class SipControl:
    """Opens the SIP endpoint, or finds it in another process, and answers for it; `base` is this process's URL."""

    def __init__(self, store: Store, exchange: Exchange, base: str) -> None:
        self._store = store
        self._exchange = exchange
        self._base = base
        self._own: SipEndpoint | None = None

    def open(
        self,
        host: str,
        port: int,
        trunk: TrunkAddress | None = None,
        *,
        tls_port: int = 0,
        authority: Path | None = None,
    ) -> SipEndpoint:
        """Open the endpoint in this process; raises DialtoneError if one is open already, or the port is taken."""
        from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint

        if elsewhere := self._elsewhere():
            raise DialtoneError(f"The SIP server is running already, in another process: {elsewhere}/phones")
        if self._own:
            raise DialtoneError(f"The SIP server is running already, at {self._own.host}:{self._own.port}")
        self._own = SipEndpoint(
            self._store, self._exchange, host=host, port=port, trunk=trunk, tls_port=tls_port, authority=authority
        )
        with self._store.transaction() as tables:
            tables.add("XX", KIND, "", "", {"url": self._base, "process": os.getpid()})
        return self._own

    def close(self) -> None:
        """Close this process's endpoint, if it has one."""
        if self._own:
            self._own.close()
            self._own = None
            self._forget(self._base)

    # --- requests at rehearsal.localhost ---

    async def forward(self, method: str, path: str, body: bytes) -> ApiResponse | None:
        """The response of the other process that has the endpoint open; None if no other has."""
        if self._own or not (url := await asyncio.to_thread(self._elsewhere)):
            return None
        response = await asyncio.to_thread(_send, url, method, path, body)
        is_json = response.headers.get("content-type", "").startswith("application/json")
        content: Any = (response.json() if is_json else response.text) if response.content else None
        return ApiResponse(response.status_code, content)

    async def answer(self, method: str, path: str, body: dict[str, Any]) -> ApiResponse | None:
        """Answer a request about real phones; None if there is no such operation."""
        match (method, path):
            case ("POST", "door"):
                return ApiResponse(201, await asyncio.to_thread(self._open_asked, body))
            case ("DELETE", "door"):
                await asyncio.to_thread(self.close)
                return ApiResponse(204)
            case ("GET", "door"):
                return ApiResponse(200, self._described())
            case ("GET", "phones") if self._own:
                return ApiResponse(200, self._own.progress.page())
            case ("GET", _) if path in LISTS:
                return ApiResponse(200, {path: getattr(self._own.progress, path)() if self._own else []})
        return None

    def _open_asked(self, body: dict[str, Any]) -> dict[str, Any]:
        """Open the endpoint at an `address` of this machine, perhaps with a `trunk`; raises Refusal if it can't be."""
        from dialtone_nb.rehearsal.sip.address import DEFAULT, is_loopback, read_address, read_trunk

        try:
            host, port = read_address(str(body.get("address") or DEFAULT))
            trunk = read_trunk(str(body["trunk"])) if body.get("trunk") else None
        except argparse.ArgumentTypeError as error:
            raise Refusal(20001, str(error)) from None
        for outside in (host, trunk.peer[0] if trunk else host):
            if not is_loopback(outside) and body.get("beyond_this_machine") is not True:
                raise Refusal(20001, f"{outside} is not this machine alone: say beyond_this_machine: true to mean it")
        try:
            self.open(host, port, trunk)
        except DialtoneError as error:
            raise Refusal(20409, str(error), 409) from None
        return self._described()

    def _described(self) -> dict[str, Any]:
        """The endpoint as JSON: its address for phones, its trunk, and the page that shows what phones do."""
        described: dict[str, Any] = {"is_open": self._own is not None, "state": str(self._store.path.resolve())}
        if own := self._own:
            trunk = "{}:{}".format(*own.trunk.peer) if own.trunk else ""
            described |= {"host": own.host, "port": own.port, "trunk": trunk, "page": f"{self._base}/phones"}
        return described

    # --- the other processes ---

    def _elsewhere(self) -> str:
        """The URL of the other process that has the endpoint open; empty if no other has."""
        with self._store.transaction() as tables:
            known = tables.find(KIND, "", "")
        url = str(known.body["url"]) if known else ""
        if not url or url == self._base:
            return ""
        if not self._is_there(url):
            self._forget(url)
            return ""
        return url

    def _is_there(self, url: str) -> bool:
        import requests

        try:
            described = _send(url, "GET", "/door", b"", answer_s=CONNECT_S).json()
        except (requests.RequestException, ValueError):
            return False
        return isinstance(described, Mapping) and described.get("state") == str(self._store.path.resolve())

    def _forget(self, url: str) -> None:
        with self._store.transaction() as tables:
            for one in tables.list(KIND, ""):
                if one.body["url"] == url:
                    tables.remove(one.sid)


def _send(url: str, method: str, path: str, body: bytes, *, answer_s: float = ANSWER_S) -> requests.Response:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        headers = {"Host": CONTROL_HOST, "Content-Type": "application/json"}
        return session.request(method, url + path, data=body, headers=headers, timeout=(CONNECT_S, answer_s))
