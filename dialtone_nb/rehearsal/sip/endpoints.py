"""The account's SIP door: in this process, in another one that shares the state file, or in none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialtone_nb.errors import DialtoneError
from dialtone_nb.rehearsal.exchange.exchange import Exchange
from dialtone_nb.rehearsal.http.operations import ApiResponse
from dialtone_nb.rehearsal.state.store import Store

if TYPE_CHECKING:
    import requests

    from dialtone_nb.rehearsal.sip.address import TrunkAddress
    from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint

KIND = "sip_door"
CONTROL_HOST = "rehearsal.localhost"
CONNECT_S, ANSWER_S = 1.0, 600.0  # a call that rings a real phone takes as long as its people talk


class Doors:
    """Opens the door, and finds it where another process has it open; `base` is this process's own address."""

    def __init__(self, store: Store, exchange: Exchange, base: str) -> None:
        self._store = store
        self._exchange = exchange
        self._base = base
        self.own: SipEndpoint | None = None

    def open(
        self,
        host: str,
        port: int,
        trunk: TrunkAddress | None = None,
        *,
        tls_port: int = 0,
        authority: Path | None = None,
    ) -> SipEndpoint:
        """The door, open in this process; a `DialtoneError` where there is one already, or the port is taken."""
        from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint

        if elsewhere := self.elsewhere():
            raise DialtoneError(f"The SIP door is open already, in another process: {elsewhere}/phones")
        if self.own:
            raise DialtoneError(f"The SIP door is open already, at {self.own.host}:{self.own.port}")
        self.own = SipEndpoint(
            self._store,
            self._exchange,
            host=host,
            port=port,
            trunk=trunk,
            tls_port=tls_port,
            authority=authority,
        )
        with self._store.transaction() as tables:
            tables.add("XX", KIND, "", "", {"url": self._base, "process": os.getpid()})
        return self.own

    def close(self) -> None:
        """Close this process's door, where it has one."""
        if self.own:
            self.own.close()
            self.own = None
            self._forget(self._base)

    def elsewhere(self) -> str:
        """The address of the other process that has the door open; empty where none has."""
        with self._store.transaction() as tables:
            known = tables.find(KIND, "", "")
        url = str(known.body["url"]) if known else ""
        if not url or url == self._base:
            return ""
        if not self._is_there(url):
            self._forget(url)
            return ""
        return url

    def forward(self, url: str, method: str, path: str, body: bytes) -> ApiResponse:
        """What the other process answers that has the door open."""
        response = _ask(url, method, path, body)
        is_json = response.headers.get("content-type", "").startswith("application/json")
        content: Any = (response.json() if is_json else response.text) if response.content else None
        return ApiResponse(response.status_code, content)

    def _is_there(self, url: str) -> bool:
        import requests

        try:
            told = _ask(url, "GET", "/door", b"", answer_s=CONNECT_S).json()
        except (requests.RequestException, ValueError):
            return False
        return isinstance(told, Mapping) and told.get("state") == str(self._store.path.resolve())

    def _forget(self, url: str) -> None:
        with self._store.transaction() as tables:
            for one in tables.list(KIND, ""):
                if one.body["url"] == url:
                    tables.remove(one.sid)


def _ask(url: str, method: str, path: str, body: bytes, *, answer_s: float = ANSWER_S) -> requests.Response:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        headers = {"Host": CONTROL_HOST, "Content-Type": "application/json"}
        return session.request(method, url + path, data=body, headers=headers, timeout=(CONNECT_S, answer_s))
