"""Our own server for the rehearsal: with its auth token, its folder, and the names in network.yaml led to it."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from dialtone_nb.account.account import CONTROL, SERVER, beside_rehearsal, open_account, read_environment
from dialtone_nb.cli.serve import main
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.runbooks.opening import parameters_folder
from dialtone_nb.server.server_settings import AUTH_TOKEN
from dialtone_nb.values.loopback import LOOPBACK


def serve_rehearsed(options: argparse.Namespace, project: Path) -> int:
    """The exit code of a server that answers the rehearsal which shares this project's state file."""
    server = load_parameters(parameters_folder(project)).network.server
    base_url = server.base_urls.get(options.environment, "") if server else ""
    if not base_url:
        place, repair = f"network.yaml server.base_urls.{options.environment}", "say where Twilio will find it"
        raise InputError(Fault(place, "is not there", repair))
    account = open_account("rehearsal", project)
    options.folder, options.base_url = beside_rehearsal(project, SERVER), base_url

    def lead_here(address: str) -> None:
        parts = urlsplit(base_url)
        if parts.hostname not in LOOPBACK:
            names = {"host": parts.hostname, "address": address}
            account.transport.send(
                "POST", f"{CONTROL}/servers", json=names, auth=account.credentials.basic
            ).raise_for_status()

    variables = {**read_environment(project), AUTH_TOKEN: account.credentials.auth_token}
    return main(options, variables, lead_here)
