"""Operations of the API (host, method, path, handler), and the router that finds them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from dialtone_nb.rehearsal.http.parameters import Pairs
from dialtone_nb.rehearsal.state.store import Tables

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.exchange.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Upload:
    """The file part of a multipart body."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A parsed request to an operation; `names` are the variables of the operation's path."""

    method: str
    host: str
    path: str
    names: dict[str, str] = field(default_factory=dict)
    query: Pairs = ()
    form: Pairs = ()
    upload: Upload | None = None
    by_api_key: bool = False
    # The permissions of a restricted API key; None for a standard key and for the auth token.
    allowed: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """The response to it: its status, and the data of its JSON body, or None for no body."""

    status: int
    body: Any = None


Handler = Callable[[Tables, ApiRequest], ApiResponse]
# Calls a handler in a transaction of its own.
Answering = Callable[[], ApiResponse]
# Carries out what a request asks of the exchange, and calls the handler before or after that.
AtExchange = Callable[["Exchange", ApiRequest, Answering], Awaitable[ApiResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that the rehearsal models; `path` is written as in Twilio's OpenAPI documents."""

    host: str
    method: str
    path: str
    handler: Handler
    at_exchange: AtExchange | None = None


@cache  # hundreds of operations, the same at every start
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+?)", re.escape(path)))


class Router:
    """Finds the operation for a request."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = tuple(operations)
        self._found: dict[tuple[str, str, int], list[tuple[re.Pattern[str], Operation]]] = defaultdict(list)
        for operation in self.operations:
            key = (operation.host, operation.method, operation.path.count("/"))
            self._found[key].append((_pattern(operation.path), operation))

    def find(self, host: str, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation for a request, with the variables of its path; None if it is not modelled."""
        for pattern, operation in self._found.get((host, method, path.count("/")), ()):
            if match := pattern.fullmatch(path):
                return operation, match.groupdict()
        return None
