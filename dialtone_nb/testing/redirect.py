"""Clients of Twilio's in this process, whoever makes them, led to the rehearsal.

They are changed where all of their own work is done: in requests' adapter and in aiohttp's session, which are under
twilio-python's two clients, under their subclasses, and under whatever asks a URL of Twilio's by itself.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

import requests

TWILIOS: Final = (".twilio.com", ".twil.io")
AIOHTTP: Final = "aiohttp.client"


@dataclass
class Redirection:
    """Leads requests to Twilio's hosts to `base()`: all of them while it is on, the rehearsed account's at any time.

    What a test has left running would otherwise ask the real Twilio after it.
    """

    base: Callable[[], str]
    account_sid: str
    is_on: bool = False
    # Is shown the path of each request that is led.
    watch: Callable[[str], None] = lambda _: None
    _undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def install(self) -> None:
        """Have requests and aiohttp look here first, until `remove`."""
        send = requests.adapters.HTTPAdapter.send

        @functools.wraps(send)
        def led(adapter: Any, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
            url = request.url or ""
            if not self._leads(url, str(request.headers.get("Authorization", ""))):
                return send(adapter, request, *args, **options)
            # A copy: what the caller has keeps the URL that it asked for, and so does the response.
            copied = request.copy()
            copied.url, copied.headers["Host"] = self._other_url(url), urlsplit(url).hostname or ""
            response = send(adapter, copied, *args, **{**options, "proxies": None})
            response.url, response.request = url, request
            return response

        self._replace(requests.adapters.HTTPAdapter, "send", led)
        # twilio-python brings it for its asynchronous client alone, and it is slow to import.
        if loaded := sys.modules.get(AIOHTTP):
            self._install_in_aiohttp(loaded)
        else:
            sys.meta_path.insert(0, finder := WhenImported(AIOHTTP, self._install_in_aiohttp))
            self._undo.callback(finder.remove)

    def _install_in_aiohttp(self, client: ModuleType) -> None:
        session_type = client.ClientSession
        ask = session_type._request

        @functools.wraps(ask)
        async def led(session: Any, method: str, url: Any, **options: Any) -> Any:
            auth = options.get("auth") or session.auth
            if self._leads(str(url), auth.encode() if auth else ""):
                headers: Mapping[str, str] = options.get("headers") or {}
                options |= {"headers": {**headers, "Host": urlsplit(str(url)).hostname}, "proxy": None}
                url = self._other_url(str(url))
            return await ask(session, method, url, **options)

        self._replace(session_type, "_request", led)

    def remove(self) -> None:
        """Leave requests and aiohttp as they were."""
        self._undo.close()

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        self._undo.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)

    def _leads(self, url: str, authorization: str) -> bool:
        if not (urlsplit(url).hostname or "").endswith(TWILIOS):
            return False
        return self.is_on or self.account_sid in url or self.account_sid == _user_of(authorization)

    def _other_url(self, url: str) -> str:
        parts = urlsplit(url)
        self.watch(parts.path)
        return self.base() + url.removeprefix(f"{parts.scheme}://{parts.netloc}")


class WhenImported(MetaPathFinder):
    """Shows a module to somebody as soon as it has been imported; the others find it, and load it."""

    def __init__(self, name: str, show: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._show = show

    def remove(self) -> None:
        """Look out for it no longer."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """What the others find, with a loader that shows the module after it was run."""
        if name != self._name:
            return None
        self.remove()
        spec = find_spec(name)
        if spec and spec.loader:
            loader, execute = spec.loader, spec.loader.exec_module

            def execute_and_show(module: ModuleType) -> None:
                execute(module)
                self._show(module)

            loader.exec_module = execute_and_show  # type: ignore[method-assign]
        return spec


def _user_of(authorization: str) -> str:
    """The user of HTTP Basic authentication; empty where there is none."""
    kind, _, encoded = authorization.partition(" ")
    try:
        return base64.b64decode(encoded).decode().partition(":")[0] if kind.lower() == "basic" else ""
    except ValueError:
        return ""
