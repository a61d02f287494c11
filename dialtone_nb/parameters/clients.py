"""clients.yaml as typed models: one entry a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from dialtone_nb.devices import MODELS
from dialtone_nb.devices.model import DeviceModel
from dialtone_nb.errors import Fault
from dialtone_nb.parameters.field_types import Device, PhoneNumber, QuietHours
from dialtone_nb.parameters.network import Network
from dialtone_nb.parameters.yaml_files import Closed, YamlFile, suggest
from dialtone_nb.values.phone_numbers import country_of


class EmergencyAddress(Closed):
    """Where the ambulance goes; what Twilio calls an Address."""

    customer_name: str = Field(min_length=1)
    street: str = Field(min_length=1)
    street_secondary: str = ""
    city: str = Field(min_length=1)
    region: str = Field(min_length=1)
    postal_code: str = Field(min_length=1)
    country: Literal["US", "CA", "GB"]


class ClientLimits(Closed):
    """What one phone may do, where the hosting can count: calls in an hour; hours without any but emergency calls."""

    calls_an_hour: int | None = Field(None, ge=1, le=1000)
    quiet_hours: QuietHours | None = None


class Client(Closed):
    """One phone."""

    description: str = ""
    environment: str
    caller_id: PhoneNumber
    trunk_context: str
    emergency_address: EmergencyAddress | None = None
    device: Device = "any"
    call_time_limit_s: int | None = Field(None, ge=10, le=14400)
    limits: ClientLimits | None = None

    @property
    def model(self) -> DeviceModel:
        """What is known of its device."""
        return MODELS[self.device]

    @property
    def country(self) -> str:
        """Where the phone is, ISO 3166: by its emergency address, or else by its number; empty where neither tells."""
        return self.emergency_address.country if self.emergency_address else country_of(self.caller_id)


def client_faults(file: YamlFile, network: Network, clients: dict[str, Client]) -> Iterator[Fault]:
    """What is wrong with phones that fit their model: what they name must be in network.yaml, numbers their own."""
    callers: dict[str, str] = {}
    for name, client in clients.items():
        environment, context, number = client.environment, client.trunk_context, client.caller_id
        if environment not in network.environments:
            problem, repair = (
                f"{environment!r} is not declared in network.yaml",
                suggest(environment, [*network.environments]),
            )
            yield Fault(file.place(name, "environment"), problem, repair)
        if context not in network.trunk.contexts:
            problem = f"there is no context {context!r} on the trunk"
            yield Fault(file.place(name, "trunk_context"), problem, suggest(context, network.trunk.contexts))
        if (first := callers.setdefault(number, name)) != name:
            repair = "give each phone its own number, or an incoming call can't tell them apart"
            yield Fault(file.place(name, "caller_id"), f"{number} is the caller ID of {first} already", repair)
