"""The log of our own server, in the words of a function log: its event files, line by line."""

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
    """Where our own server keeps its events.

    `is_rehearsed`: the server goes by the real clock and the rehearsal by its own, so that no time of either tells
    anything of the other, and every line is taken.
    """

    folder: Path
    is_rehearsed: bool = False

    def lines(self, start: str, end: str) -> Iterator[dict[str, Any]]:
        """The lines between two ISO 8601 times, with the fields of a function log's; what is no event is left out."""
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


# Whose log tells what the dial plan refused: a Serverless service's, by its unique name, or our own server's.
LogSource: TypeAlias = str | ServerLog


def log_source(network: Network, account: Account, project: Path) -> LogSource:
    """The log of whoever answers Twilio."""
    if network.self_hosted:
        from dialtone_nb.infrastructure.own_server import server_folder

        return ServerLog(server_folder(network.self_hosted, account, project), account.is_rehearsal)
    return network.service.name
