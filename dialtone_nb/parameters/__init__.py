"""The parameter files as typed models: what should exist, all of it checked, all faults at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dialtone_nb.errors import Fault, ParametersError
from dialtone_nb.parameters.clients import Client, ClientLimits, EmergencyAddress, client_faults
from dialtone_nb.parameters.dialplan import Dialplan
from dialtone_nb.parameters.field_types import EDGES, ClientName
from dialtone_nb.parameters.network import Network, Server, network_faults
from dialtone_nb.parameters.yaml_files import YamlFile

__all__ = [
    "EDGES",
    "SAMPLE",
    "Client",
    "ClientLimits",
    "EmergencyAddress",
    "Network",
    "Parameters",
    "Server",
    "is_network",
    "load_parameters",
]

M = TypeVar("M")
# The sample network: what tests, kept notebooks and the walkthrough work on, and a rehearsal until there is another.
SAMPLE = Path("parameters") / "sample"
FILES = ("network.yaml", "clients.yaml", "dialplan.yaml")
OPTIONAL_FILES = ("accepted.yaml", "watch.yaml")


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """What should exist, all of it checked; equal to itself alone, so that what is made of it can be kept."""

    network: Network
    clients: dict[str, Client]
    dialplan: Dialplan
    folder: Path

    @property
    def is_sample(self) -> bool:
        """Whether this is the sample network, whose numbers and addresses are fictional."""
        return self.folder.parts[-2:] == SAMPLE.parts

    @property
    def name(self) -> str:
        """What a reader calls this network: as its service is called."""
        return "the sample network" if self.is_sample else self.network.service.name

    def clients_in(self, environment: str) -> dict[str, Client]:
        """The phones of one environment, by name."""
        return {name: client for name, client in self.clients.items() if client.environment == environment}

    @property
    def numbers(self) -> dict[str, str]:
        """The phone that each of our numbers belongs to: of those that call with it, the one that answers it."""
        owners_last = sorted(self.clients.items(), key=lambda entry: entry[1].owns_number)
        return {client.caller_id: name for name, client in owners_last}

    def sharing(self, number: str) -> list[str]:
        """The phones that call with this number, in their order."""
        return [name for name, client in self.clients.items() if client.caller_id == number]

    def address_holder(self, number: str) -> str:
        """Whose emergency address a number carries: that of the first phone with one; empty where none has."""
        return next((name for name in self.sharing(number) if self.clients[name].emergency_address), "")

    def sip_domain_of(self, name: str) -> str:
        """The SIP domain that a phone registers to: the one with emergency calling where it makes such calls."""
        client = self.clients[name]
        return self.network.sip_domain(client.environment, emergency=client.calls_emergency)


def is_network(folder: Path) -> bool:
    """Whether a folder holds a network's files; a `ParametersError` where it holds some of them and others are missing.

    Half a network is neither the operator's own nor the sample, so neither is taken for it.
    """
    there = [name for name in (*FILES, *OPTIONAL_FILES) if (folder / name).exists()]
    missing = [name for name in FILES if name not in there]
    if there and missing:
        problem = f"{_is(missing)} missing, and {' and '.join(there)} {_is(there)} there"
        repair = f"write what is missing as in {SAMPLE.as_posix()}/, or move the rest away to rehearse the sample"
        raise ParametersError(Fault(f"{folder.name}/{' and '.join(missing)}", problem, repair))
    return bool(there)


def load_parameters(folder: Path) -> Parameters:
    """The three files of a parameters folder; a `ParametersError` with every fault of all of them."""
    faults: list[Fault] = []
    network = _load(folder / "network.yaml", Network, faults)
    dialplan = _load(folder / "dialplan.yaml", Dialplan, faults)
    clients: dict[str, Client] = {}
    if network:
        faults.extend(network_faults(*network))
    try:
        file = YamlFile(folder / "clients.yaml")
        clients, entry_faults = file.parse_entries(ClientName, Client)
        # A phone that is written wrongly must not hide what is wrong with the others.
        faults += [*entry_faults, *(client_faults(file, network[1], clients) if network else ())]
    except ParametersError as error:
        faults += error.faults
    if faults or not (network and dialplan):
        raise ParametersError(faults)
    return Parameters(network[1], clients, dialplan[1], folder)


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _load(path: Path, model: type[M], faults: list[Fault]) -> tuple[YamlFile, M] | None:
    try:
        file = YamlFile(path)
        return file, file.parse(model)
    except ParametersError as error:
        faults.extend(error.faults)
        return None
