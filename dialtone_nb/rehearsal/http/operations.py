"""The operations of the API: each a host, a method, a path and the function that answers; and the router to them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
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
    """A request to an operation, taken apart; `names` are the variables of the operation's path."""

    method: str
    host: str
    path: str
    names: dict[str, str] = field(default_factory=dict)
    query: Pairs = ()
    form: Pairs = ()
    upload: Upload | None = None
    by_api_key: bool = False
    # What a restricted API key may do; None for any other key, and for the auth token.
    allowed: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """The response to it: a status, and what becomes its JSON body (none, where it is None)."""

    status: int
    body: Any = None


Handler = Callable[[Tables, ApiRequest], ApiResponse]
# A handler's answer to a request, in a transaction of its own.
Answering = Callable[[], ApiResponse]
# What the exchange has to do with a request, before it is answered or after.
AtExchange = Callable[["Exchange", ApiRequest, Answering], Awaitable[ApiResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One modelled operation; `path` is written as in Twilio's OpenAPI documents."""

    host: str
    method: str
    path: str
    handler: Handler
    at_exchange: AtExchange | None = None


class Router:
    """Finds the operation for a request."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = tuple(operations)
        self._found: dict[tuple[str, str, int], list[tuple[re.Pattern[str], Operation]]] = defaultdict(list)
        for operation in self.operations:
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+?)", re.escape(operation.path))
            key = (operation.host, operation.method, operation.path.count("/"))
            self._found[key].append((re.compile(pattern), operation))

    def find(self, host: str, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation and the variables of its path; None where nothing is modelled."""
        for pattern, operation in self._found.get((host, method, path.count("/")), ()):
            if match := pattern.fullmatch(path):
                return operation, match.groupdict()
        return None
