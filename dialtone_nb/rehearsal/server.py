"""Starting and stopping the rehearsal."""

from __future__ import annotations

import atexit
import contextlib
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

from dialtone_nb.errors import DialtoneError, Fault, InputError
from dialtone_nb.values.assumptions import Assumed

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.exchange.exchange import Exchange
    from dialtone_nb.rehearsal.functions.front import Front
    from dialtone_nb.rehearsal.http.app import App
    from dialtone_nb.rehearsal.http.requests import Receive, Scope
    from dialtone_nb.rehearsal.http.responses import Send
    from dialtone_nb.rehearsal.http.server import Server
    from dialtone_nb.rehearsal.http.sip_control import SipControl
    from dialtone_nb.rehearsal.sip.address import TrunkAddress
    from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint
    from dialtone_nb.rehearsal.state.identity import Identity
    from dialtone_nb.rehearsal.state.store import Store

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Served:
    """An open state file, with everything that serves its account."""

    app: App
    store: Store
    front: Front
    exchange: Exchange
    sip: SipControl

    def close(self) -> None:
        """End its calls and functions, and close the file."""
        self.sip.close()
        self.front.close()
        self.exchange.close()
        self.store.close()


class Rehearsal:
    """A running stand-in for Twilio; a client needs its `url`, `account_sid` and `auth_token`."""

    def __init__(self, url: str, listening: socket.socket, open_state: Callable[..., Served], state: Path) -> None:
        self.url = url
        self._open_state = open_state
        self.served = open_state(state)
        self._server = _server_of(self._answer)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="rehearsal", daemon=True
        )
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise DialtoneError(f"The rehearsal did not start on {self.url}")
            time.sleep(0.002)
        # Python stops daemon threads at any point when it exits, so the thread is ended before.
        atexit.register(self.close)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        import sqlite3

        from dialtone_nb.rehearsal.http.responses import close_connection

        served = self.served
        try:
            await served.app(scope, receive, send)
        except sqlite3.ProgrammingError:
            if served is self.served:
                raise
            # The account was closed meanwhile. After the wait for the disconnect, uvicorn does not expect a response.
            close_connection(send, at_once=True)
            await receive()

    def change_state(self, state: Path, seed: int) -> None:
        """Continue at the same address with another state file of the same owner.

        Calls in progress are abandoned, and requests under way for the previous file are dropped. Restarting the server
        instead would take ten times as long.
        """
        before, self.served = self.served, self._open_state(state, seed)
        before.close()

    def be_the_only_server(self) -> None:
        """Enter this server into the state file; raises InputError if another server of that file is running.

        Kernels open the state file of a server, each for its own runbook, and see the same account. With two servers it
        would be unclear which one a request goes to, and a call can only go on in the server where it began.
        """
        store, identity = self.served.store, self.identity
        with store.transaction() as tables:
            found = tables.sql.execute("SELECT value FROM meta WHERE key = 'server'").fetchone()
        if found and found[0] != self.url and _answers(found[0], identity):
            repair = "use that one or stop it, or name another file"
            raise InputError(Fault(str(store.path), f"is served already, at {found[0]}", repair))
        with store.transaction() as tables:
            tables.sql.execute("INSERT OR REPLACE INTO meta VALUES ('server', ?)", (self.url,))

    @property
    def identity(self) -> Identity:
        """The account's SID and current secrets; after closing, the last known ones."""
        import sqlite3  # a slow import that other users of this module do not need

        store = self.served.store
        with contextlib.suppress(sqlite3.ProgrammingError), store.transaction() as tables:
            return tables.identity
        return store.identity

    @property
    def account_sid(self) -> str:
        """The rehearsed account's SID; it begins with ACfacade."""
        return self.identity.account_sid

    @property
    def auth_token(self) -> str:
        """The rehearsed account's auth token."""
        return self.identity.auth_token

    def open_sip_door(
        self,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        trunk: TrunkAddress | None = None,
        tls_port: int = 0,
        authority: Path | None = None,
    ) -> SipEndpoint:
        """Open SIP, so that real phones can register and call until the rehearsal closes; it can be open only once.

        A Dial to a SIP address outside of Twilio goes to the `trunk`, or else to a built-in far side. `authority` is a
        file to write a certificate authority to; phones that trust it can use TLS.
        """
        return self.served.sip.open(host, port, trunk, tls_port=tls_port, authority=authority)

    def wipe(self) -> None:
        """Empty the account, so that the next things get the same SIDs as the first ones."""
        with self.served.store.transaction() as tables:
            tables.wipe()
        # Functions with other contents will get the same SIDs, so the running processes must not answer for them.
        self.served.front.end_left_builds_now()

    def close(self) -> None:
        """Stop the server, and close the state file."""
        atexit.unregister(self.close)
        if not self._thread.is_alive():
            return
        self.served.sip.close()
        # Responses take milliseconds; only idle connections, and requests held by a fault, can still be open.
        self._server.end()
        self._thread.join()
        self.served.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Rehearsal, not Twilio: {self.account_sid} at {self.url}>"


def start_rehearsal(
    state: Path,
    *,
    seed: int | None = None,
    port: int = 0,
    node_modules: Sequence[Path] = (),
    lag: int = 0,
    twilio: str = "",
    otherwise: Mapping[str, Assumed] = MappingProxyType({}),
    owner: Identity | None = None,
    lasting: bool = True,
) -> Rehearsal:
    """Start a rehearsal in a thread of this process, on loopback only; port 0 takes any free one.

    The default `seed` is the state file's own, and 7 for a new file. `node_modules` are folders of npm packages that
    deployed functions may load; raises InputError if one is missing. `lag` is for how many reads a list shows the
    account as it was before a creation or deletion. `twilio` is "recorded" or "documented", for behaviour on which the
    two disagree (default: DIALTONE_REHEARSAL_TWILIO, or else recorded); `otherwise` overrides single assumptions, by
    their ids. A new state file gets the SID and secrets of its `owner`, or new ones; if it is not `lasting`, it may be
    lost with this process.
    """
    # Slow imports, needed only to start one.
    from dialtone_nb.rehearsal.api.all_operations import OPERATIONS
    from dialtone_nb.rehearsal.assumptions import choose_behaviour
    from dialtone_nb.rehearsal.exchange.exchange import Exchange
    from dialtone_nb.rehearsal.functions.front import Front
    from dialtone_nb.rehearsal.functions.packages import Packages
    from dialtone_nb.rehearsal.http.app import App
    from dialtone_nb.rehearsal.http.control import Control
    from dialtone_nb.rehearsal.http.eventual_consistency import Lag
    from dialtone_nb.rehearsal.http.faults import InjectedFaults
    from dialtone_nb.rehearsal.http.operations import Router
    from dialtone_nb.rehearsal.http.sip_control import SipControl
    from dialtone_nb.rehearsal.state.store import Store

    packages, behaviour = Packages(node_modules), choose_behaviour(twilio, otherwise)
    router = Router(OPERATIONS)

    def open_state(state: Path, seed: int | None = seed) -> Served:
        store = Store(state, seed, behaviour, owner, lasting=lasting)
        faults, requests = InjectedFaults(), Counter[str]()
        lists = Lag(router, lag)
        front, exchange = Front(store, url, packages), Exchange(store, url)
        sip = SipControl(store, exchange, url)
        control = Control(store, exchange, sip, faults, lists, requests)
        app = App(store, front, packages, router, lists, exchange, control, faults, requests)
        return Served(app, store, front, exchange, sip)

    listening = _listen(port)
    url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
    try:
        return Rehearsal(url, listening, open_state, state)
    except BaseException:
        listening.close()
        raise


def _answers(url: str, identity: Identity) -> bool:
    """Whether a rehearsal of this same account answers at an address: only that one accepts its token."""
    import urllib.request
    from base64 import b64encode

    basic = b64encode(f"{identity.account_sid}:{identity.auth_token}".encode()).decode()
    headers = {"Host": "api.twilio.com", "Authorization": f"Basic {basic}"}
    request = urllib.request.Request(f"{url}/2010-04-01/Accounts/{identity.account_sid}.json", headers=headers)  # noqa: S310
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:  # no server, or another one
        return False


def _listen(port: int) -> socket.socket:
    # The protocol is given explicitly because asyncio sets TCP_NODELAY only then.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        with contextlib.suppress(OSError):
            listening.close()
        repair = "stop what uses it, or name another (0: any free one)"
        raise InputError(Fault(f"port {port} of {LOOPBACK}", f"can't be used: {error.strerror}", repair)) from error
    listening.listen(128)
    return listening


def _server_of(app: Callable[..., Awaitable[None]]) -> Server:
    import uvicorn

    from dialtone_nb.rehearsal.http.server import Server

    config = uvicorn.Config(
        app,
        loop="auto" if sys.platform != "win32" else "asyncio",
        http="auto",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    return Server(config)
