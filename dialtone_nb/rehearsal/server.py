"""Starting and stopping the rehearsal."""

from __future__ import annotations

import atexit
import contextlib
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

from dialtone_nb.errors import DialtoneError
from dialtone_nb.values.assumptions import Assumed

if TYPE_CHECKING:
    import uvicorn

    from dialtone_nb.rehearsal.exchange.exchange import Exchange
    from dialtone_nb.rehearsal.functions.front import Front
    from dialtone_nb.rehearsal.http.app import App
    from dialtone_nb.rehearsal.http.sip_control import SipControl
    from dialtone_nb.rehearsal.sip.address import TrunkAddress
    from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint
    from dialtone_nb.rehearsal.state.identity import Identity
    from dialtone_nb.rehearsal.state.store import Store

LOOPBACK = "127.0.0.1"


class Rehearsal:
    """A running stand-in for Twilio; `url`, `account_sid` and `auth_token` are what a client needs."""

    def __init__(
        self,
        url: str,
        listening: socket.socket,
        app: App,
        *,
        store: Store,
        front: Front,
        exchange: Exchange,
        sip: SipControl,
    ) -> None:
        self.url = url
        self._store = store
        self._front = front
        self._exchange = exchange
        self._sip = sip
        self._server = _server_of(app)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="rehearsal", daemon=True
        )
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise DialtoneError(f"The rehearsal did not start on {self.url}")
            time.sleep(0.002)
        # A daemon thread is stopped in the middle of what it does when Python ends: better to end it first.
        atexit.register(self.close)

    @property
    def identity(self) -> Identity:
        """The account's SID and secrets, as they are now; once closed, as they were last."""
        import sqlite3  # slow, and needed only by whoever starts one

        with contextlib.suppress(sqlite3.ProgrammingError), self._store.transaction() as tables:
            return tables.identity
        return self._store.identity

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
        """Open SIP, so that real phones can register and call, until the rehearsal closes; once, not twice.

        A Dial to a SIP address outside of Twilio goes to the `trunk`, or else to somebody built in. With an
        `authority`, a file that is written, phones that trust it may use TLS.
        """
        return self._sip.open(host, port, trunk, tls_port=tls_port, authority=authority)

    def wipe(self) -> None:
        """Empty the account: nothing was ever made or called in it, so the next things get the SIDs of the first."""
        with self._store.transaction() as tables:
            tables.wipe()
        # Functions of other contents will have the same SIDs: what runs must not answer for them.
        self._front.end_left_builds_now()

    def close(self) -> None:
        """Stop answering, and let go of the state file."""
        atexit.unregister(self.close)
        if not self._thread.is_alive():
            return
        self._sip.close()
        # Answers take milliseconds; what is left open are idle connections, and requests that a fault holds.
        self._server.force_exit = self._server.should_exit = True
        self._thread.join()
        self._front.close()
        self._exchange.close()
        self._store.close()

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
) -> Rehearsal:
    """Start a rehearsal in a thread of this process, on loopback alone; port 0 takes any free one.

    Without a `seed` it is the account's own, and 7 for a new one.
    `node_modules` are folders of npm packages that deployed functions may load; an InputError where one is missing.
    `lag` is for how many reads a list shows the account as it was before a creation or a deletion. `twilio` is
    recorded or documented, where the two disagree (else what DIALTONE_REHEARSAL_TWILIO says, else recorded), and what
    is assumed `otherwise`, by the ids of assumptions, takes the place of their values.
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

    packages = Packages(node_modules)
    store = Store(state, seed, choose_behaviour(twilio, otherwise))
    listening = _listen(port)
    url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
    faults, requests, router = InjectedFaults(), Counter[str](), Router(OPERATIONS)
    lists = Lag(router, lag)
    front, exchange = Front(store, url, packages), Exchange(store, url)
    sip = SipControl(store, exchange, url)
    control = Control(store, exchange, sip, faults, lists, requests)
    app = App(store, front, packages, router, lists, exchange, control, faults, requests)
    return Rehearsal(url, listening, app, store=store, front=front, exchange=exchange, sip=sip)


def _listen(port: int) -> socket.socket:
    # The protocol is named because asyncio sends small packets at once (TCP_NODELAY) only where it is.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        with contextlib.suppress(OSError):
            listening.close()
        repair = "stop what uses it, or name another (0: any free one)"
        raise DialtoneError(f"The rehearsal can't use port {port} of {LOOPBACK}: {error.strerror}; {repair}") from error
    listening.listen(128)
    return listening


def _server_of(app: App) -> uvicorn.Server:
    import uvicorn

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
    return uvicorn.Server(config)
