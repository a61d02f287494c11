"""The parameter files as typed models: what should exist, all of it checked, all faults at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dialtone_nb.dialplan.model import Dialplan
from dialtone_nb.errors import Fault, ParametersError
from dialtone_nb.parameters.clients import Client, ClientLimits, EmergencyAddress, client_faults
from dialtone_nb.parameters.network import Network, Server, network_faults
from dialtone_nb.parameters.words import DEVICES, EDGES, ClientName, Device
from dialtone_nb.yaml_models import YamlFile

__all__ = [
    "DEVICES",
    "EDGES",
    "Client",
    "ClientLimits",
    "Device",
    "EmergencyAddress",
    "Network",
    "Parameters",
    "Server",
    "load_parameters",
]

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What should exist, all of it checked."""

    network: Network
    clients: dict[str, Client]
    dialplan: Dialplan
    folder: Path

    def clients_in(self, environment: str) -> dict[str, Client]:
        """The phones of one environment, by name."""
        return {name: client for name, client in self.clients.items() if client.environment == environment}

    def sip_domain_of(self, name: str) -> str:
        """The SIP domain that a phone registers to: the one with emergency calling where it has an address."""
        client = self.clients[name]
        return self.network.sip_domain(client.environment, emergency=client.emergency_address is not None)


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


def _load(path: Path, model: type[M], faults: list[Fault]) -> tuple[YamlFile, M] | None:
    try:
        file = YamlFile(path)
        return file, file.parse(model)
    except ParametersError as error:
        faults.extend(error.faults)
        return None
