"""The log of our own server, with the fields of Twilio's function log: its event files, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    from dialtone_nb.account.account import Account
    from dialtone_nb.parameters import Network


@dataclass(frozen=True, slots=True)
class ServerLog:
    """The folder with our own server's events.

    `is_rehearsed`: the server uses real time and the rehearsal simulated time, which can't be compared, so all lines
    are taken.
    """

    folder: Path
    is_rehearsed: bool = False
    # The service of the functions that stand by for the server, or did: their calls are in a log of their own.
    service: str = ""

    def lines(self, start: str, end: str) -> Iterator[dict[str, Any]]:
        """The lines between two ISO 8601 times, with a function log's fields; lines without an event are left out."""
        from dialtone_nb.server.folder import EVENTS

        begin, finish = datetime.fromisoformat(start), datetime.fromisoformat(end)
        for file in sorted((self.folder / EVENTS).glob("*/*.jsonl")):
            for line in file.read_bytes().splitlines():
                try:
                    event = orjson.loads(line)
                    at = datetime.fromisoformat(event["timestamp"])
                except (ValueError, KeyError, TypeError):
                    continue
                if self.is_rehearsed or begin <= at < finish:
                    yield {
                        "message": line.decode(),
                        "date_created": event["timestamp"],
                        "environment": file.parent.name,
                    }


# The log with the dial plan's refusals: a Serverless service's, by its unique name, or our own server's.
LogSource: TypeAlias = str | ServerLog


def log_source(network: Network, account: Account, project: Path) -> LogSource:
    """The source of the log: the functions', together with our own server's if that answers or has answered calls."""
    if network.server:
        from dialtone_nb.infrastructure.own_server import server_folder
        from dialtone_nb.server.folder import EVENTS

        folder = server_folder(network.server, account, project)
        if network.self_hosted or (folder / EVENTS).is_dir():
            return ServerLog(folder, account.is_rehearsal, network.service.name)
    return network.service.name
