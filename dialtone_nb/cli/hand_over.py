"""python -m dialtone_nb hand-over: a phone takes its ready configuration from this computer, password and all, once."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from dialtone_nb.account.account import beside_rehearsal
from dialtone_nb.devices import MODELS
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.parameters.field_types import ProvisioningUrl
from dialtone_nb.parameters.yaml_files import suggest, words_of
from dialtone_nb.phones.hand_over import Handout, hand_over, is_own, own_address
from dialtone_nb.phones.private_files import PASSWORD_FILE, PRIVATE, load_private_files, private_folder
from dialtone_nb.phones.qr_codes import write_qr_code
from dialtone_nb.runbooks.steps.opening import parameters_folder

PORT = 8023


def main(arguments: argparse.Namespace, project: Path) -> int:
    """Return 0 if the phone took all of its files, 1 if the time was up; an `InputError` if it has none."""
    _check(arguments.address, arguments.minutes)
    parameters = load_parameters(parameters_folder(project))
    root = beside_rehearsal(project, PRIVATE.name) if arguments.rehearsal else project / PRIVATE
    declared = parameters.network.provisioning
    is_ours = declared.startswith("http:") and is_own(declared)
    address = arguments.address or (declared if is_ours else own_address(PORT))
    handout = make_handout(parameters, arguments.client, root, address)
    if declared and not address.startswith(declared):
        print(f"Not at {declared}, which network.yaml names and the phone's sheet has, but at this computer's address.")

    def ready() -> None:
        print(f"Handing out, each once and for {arguments.minutes:g} minutes at most, on your own network:")
        for name in handout.files:
            print(f"  {handout.address}/{name}")
        if MODELS[handout.device].has_camera:
            print(write_qr_code(f"{handout.address}/{next(iter(handout.files))}"))
        print("Anybody who fetches it has the phone's password. Ctrl+C ends it.", flush=True)

    if hand_over(handout, within_s=arguments.minutes * 60, say=lambda said: print(said, flush=True), ready=ready):
        print(
            "done: the phone has all it needs; if it was not the phone that took it, rotate the password (client_setup)"
        )
        return 0
    print("it was not fetched completely in time, and is no longer handed out")
    return 1


def _check(address: str | None, minutes: float) -> None:
    """Refuse an address without a scheme, which names no host, and would hand out at every address of this computer."""
    try:
        wanted = TypeAdapter(ProvisioningUrl).validate_python(address or "")
    except ValidationError as error:
        problem, repair = words_of(error.errors(include_url=False)[0], "")
        raise InputError(Fault(f"--address {address}", problem, repair)) from None
    if address is not None and urlsplit(wanted).scheme != "http":
        raise InputError(Fault(f"--address {address}", "is not http", "write one such as http://192.0.2.20:8023"))
    if not 0 < minutes * 60 <= threading.TIMEOUT_MAX:
        raise InputError(Fault("--minutes", f"{minutes:g} is no time to wait", "write such as 5"))


def make_handout(parameters: Parameters, client: str, root: Path, address: str) -> Handout:
    """The phone's loadable files, to be handed out under this address; an `InputError` where it has none."""
    if client not in parameters.clients:
        raise InputError(
            Fault(f"client {client}", "is not a phone in clients.yaml", suggest(client, list(parameters.clients)))
        )
    declared = parameters.clients[client]
    folder = private_folder(declared.environment, client, root=root)
    files = {
        name: text
        for name, text in load_private_files(folder).items()
        if name != PASSWORD_FILE and name.endswith((".xml", ".cfg"))
    }
    if not files:
        problem = f"has no ready configuration in {root.name}/{declared.environment}/{client}"
        repair = "set it up with the runbook client_setup; a device of the kind 'any' is set up by hand, from its sheet"
        raise InputError(Fault(f"client {client}", problem, repair))
    return Handout(files, declared.device, f"{address.rstrip('/')}/{declared.environment}/{client}")
