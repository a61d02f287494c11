"""clients.yaml as typed models: one entry a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from pydantic import Field, model_validator

from dialtone_nb.devices import MODELS
from dialtone_nb.devices.model import DeviceModel
from dialtone_nb.errors import Fault
from dialtone_nb.parameters.field_types import ClientName, Device, PhoneNumber, QuietHours, Words
from dialtone_nb.parameters.network import Network
from dialtone_nb.parameters.yaml_files import Closed, YamlFile, suggest
from dialtone_nb.values.emergency import ADDRESSES_IN, EMERGENCY_NUMBERS, TEST_LINE
from dialtone_nb.values.phone_numbers import country_of

# Twilio, <Dial>: at most ten numbers or addresses ring together.
MOST_RINGING: Final = 10


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


class Then(Closed):
    """Where an incoming call goes that nobody answered: exactly one of a telephone number, the trunk, or words."""

    number: PhoneNumber | None = None
    trunk: str | None = None
    say: Words | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Then:
        if len(self.model_fields_set) != 1 or getattr(self, *self.model_fields_set) is None:
            raise ValueError("needs exactly one of number, trunk, say")
        return self


class Client(Closed):
    """One phone.

    A call to its number rings `rings`, all phones together or one after the other (`ring`), and the phone itself where
    nothing is said; then it goes on to `then`. A phone with `incoming: false` only calls out: it may share its number.
    """

    description: str = ""
    environment: str
    caller_id: PhoneNumber
    incoming: bool = True
    rings: tuple[ClientName, ...] | None = Field(None, min_length=1, max_length=MOST_RINGING, strict=False)
    ring: Literal["together", "in_turn"] = "together"
    then: Then | None = None
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

    @property
    def owns_number(self) -> bool:
        """Whether calls to its caller ID are answered as this entry says."""
        return self.incoming or self.rings is not None or self.then is not None

    def steps(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Which phones a call to its number rings, one step after the other; `name` is the phone's own."""
        rings = self.rings or ((name,) if self.incoming else ())
        return (rings,) if rings and self.ring == "together" else tuple((one,) for one in rings)

    @property
    def calls_emergency(self) -> bool:
        """Whether its emergency calls are put through: with an address, or where Twilio registers none."""
        needs_none = self.country in EMERGENCY_NUMBERS and self.country not in ADDRESSES_IN
        return self.emergency_address is not None or needs_none

    @property
    def has_test_line(self) -> bool:
        """Whether 933 reads its emergency address back: Twilio documents that line in North America alone."""
        return self.calls_emergency and TEST_LINE in EMERGENCY_NUMBERS.get(self.country, ())


def client_faults(file: YamlFile, network: Network, clients: dict[str, Client]) -> Iterator[Fault]:
    """What is wrong with phones that fit their model: what they name must be in network.yaml, numbers their own."""
    for name, client in clients.items():
        environment, context = client.environment, client.trunk_context
        if environment not in network.environments:
            problem, repair = (
                f"{environment!r} is not declared in network.yaml",
                suggest(environment, [*network.environments]),
            )
            yield Fault(file.place(name, "environment"), problem, repair)
        if context not in network.trunk.contexts:
            problem = f"there is no context {context!r} on the trunk"
            yield Fault(file.place(name, "trunk_context"), problem, suggest(context, network.trunk.contexts))
    yield from _shared_number_faults(file, clients)
    yield from _ringing_faults(file, network, clients)


def _shared_number_faults(file: YamlFile, clients: dict[str, Client]) -> Iterator[Fault]:
    """Numbers that two phones answer, or that would send an ambulance to two places."""
    owners: dict[str, str] = {}
    addresses: dict[str, tuple[str, EmergencyAddress]] = {}
    environments: dict[str, tuple[str, str]] = {}
    for name, client in clients.items():
        number = client.caller_id
        if client.owns_number and owners.setdefault(number, name) != name:
            yield Fault(
                file.place(name, "caller_id"),
                f"{number} is the caller ID of {owners[number]} already",
                "give each phone its own number, or say incoming: false of those that only call out with it",
            )
        where = environments.setdefault(number, (client.environment, name))
        if where[0] != client.environment:
            yield Fault(
                file.place(name, "caller_id"),
                f"{number} is of {where[1]}, in {where[0]}: a number is answered by one environment",
                "give it another, or move the phone",
            )
        if address := client.emergency_address:
            other, first = addresses.setdefault(number, (name, address))
            if first != address:
                yield Fault(
                    file.place(name, "emergency_address"),
                    f"is another than {other}'s, and both call with {number}: an ambulance would go to one of the two",
                    "give the phone a number of its own, or no emergency address",
                )


def _ringing_faults(file: YamlFile, network: Network, clients: dict[str, Client]) -> Iterator[Fault]:
    """Faults of `rings` and `then`: unknown phones, phones of other environments, and circles."""
    for name, client in clients.items():
        for index, other in enumerate(client.rings or ()):
            place = file.place(name, "rings", index)
            if other not in clients:
                yield Fault(place, f"there is no phone {other!r}", suggest(other, list(clients)))
            elif clients[other].environment != client.environment:
                where = f"{other} is in {clients[other].environment}, and {name} in {client.environment}"
                yield Fault(place, where, "name phones of the same environment")
            elif other in (client.rings or ())[:index]:
                yield Fault(place, f"{other} is named twice", "name each phone once")
        if client.then and client.then.trunk is not None and client.then.trunk not in network.trunk.contexts:
            problem = f"there is no context {client.then.trunk!r} on the trunk"
            yield Fault(file.place(name, "then", "trunk"), problem, suggest(client.then.trunk, network.trunk.contexts))
        if round_trip := _round_trip(name, clients):
            yield Fault(
                file.place(name, "then", "number"),
                f"leads back to {name}: {' -> '.join(round_trip)}",
                "let one of them end in words, the trunk, or a number that is none of ours",
            )


def _round_trip(name: str, clients: dict[str, Client]) -> list[str]:
    """The phones through which a call that nobody answers comes back to where it was; empty where it ends."""
    owners = {client.caller_id: owner for owner, client in clients.items() if client.owns_number}
    went, here = [name], name
    while (then := clients[here].then) and then.number and (following := owners.get(then.number)):
        went.append(following)
        if following == name:
            return went
        if following in went[:-1]:
            return []  # a circle that others are in, whose fault it is
        here = following
    return []
