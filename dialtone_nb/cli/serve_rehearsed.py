"""Our own server for the rehearsal: with its auth token, its folder, and the names in network.yaml led to it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dialtone_nb.account.account import SERVER, beside_rehearsal, open_account, read_environment
from dialtone_nb.account.rehearsal_control import lead_host
from dialtone_nb.cli.serve import main
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.runbooks.opening import parameters_folder
from dialtone_nb.server.settings import AUTH_TOKEN
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
            lead_host(account, str(parts.hostname), address)

    variables = {**read_environment(project), AUTH_TOKEN: account.credentials.auth_token}
    return main(options, variables, lead_here)


@contextmanager
def serving(project: Path, parameters: Parameters, folder: Path) -> Iterator[None]:
    """Our own server of each environment, a process each, until leaving; none where Twilio's functions answer.

    What each logs goes into a file in `folder`.
    """
    environments = tuple(parameters.network.environments) if parameters.network.hosting == "self_hosted" else ()
    command = (sys.executable, "-m", "dialtone_nb", "serve", "--rehearsal", "--port", "0", "--environment")
    running: list[subprocess.Popen[bytes]] = []
    try:
        # One after the other: the first may make the account that all of them answer.
        for environment in environments:
            log = folder / f"server-{environment}.log"
            with log.open("wb") as messages:
                server = subprocess.Popen((*command, environment), cwd=project, stdout=subprocess.PIPE, stderr=messages)
            running.append(server)
            # Its first line says that it listens; where it can't, it ends without one and has logged why.
            if not (server.stdout and server.stdout.readline()):
                *_, why = ["nothing was logged", *log.read_text(errors="replace").split("\n")[:-1]]
                raise InputError(Fault(str(log), f"our own server did not start: {why}", "mend that, and run again"))
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            with process:
                process.wait()
