"""Our own server as the files have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dialtone_nb.account.account import SERVER, Account, beside_rehearsal
from dialtone_nb.dialplan.table import Table, table_json
from dialtone_nb.errors import InputError
from dialtone_nb.parameters import Server
from dialtone_nb.server.folder import read_table


def server_folder(server: Server, account: Account, project: Path) -> Path:
    """The server's folder; a rehearsal's lies beside its state, apart from that of real calls."""
    return beside_rehearsal(project, SERVER) if account.is_rehearsal else project / server.folder


@dataclass(frozen=True)
class OwnServer:
    """Our own server as the files have it: its folder, where Twilio finds each environment, and the compiled table."""

    folder: Path
    base_urls: Mapping[str, str]
    table: Table

    def source(self, version: str) -> str:
        """The text of a table that was served before; empty where it is gone."""
        try:
            return table_json(read_table(self.folder, version)) if version else ""
        except InputError:
            return ""
