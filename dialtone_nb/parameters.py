"""parameters/network.yaml and clients.yaml as typed models: what should exist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints

from dialtone_nb.dialplan.model import Dialplan
from dialtone_nb.e164 import country_of, is_e164
from dialtone_nb.errors import Fault, ParametersError
from dialtone_nb.sip import sip_domain_name
from dialtone_nb.yaml_faults import spelled, suggest
from dialtone_nb.yaml_models import Closed, YamlFile

M = TypeVar("M")

# An environment's name is its domain suffix (at most 16 characters) and part of two SIP domain names.
EnvironmentName = Annotated[
    str, spelled("[a-z][a-z0-9]{0,15}", "small letters and digits, a letter first, 16 at most, such as stage")
]
# The user name in the credential list: at most 32 characters; and part of SIP URIs, so nothing that needs escaping.
ClientName = Annotated[
    str, spelled("[a-z0-9][a-z0-9_-]{0,31}", "small letters, digits, - and _, 32 at most, such as front-desk")
]
UniqueName = Annotated[str, spelled("[A-Za-z0-9][A-Za-z0-9-]{0,49}", "letters, digits and -, 50 at most")]
DomainPrefix = Annotated[
    str, spelled("[a-z][a-z0-9-]{0,30}[a-z0-9]", "small letters, digits and -, 2 to 32, a letter first")
]

Device = Literal[
    "linksys-pap2t",
    "linksys-spa2102",
    "grandstream-ht701",
    "grandstream-ht801",
    "grandstream-ht802",
    "polycom-soundpoint",
    "linphone",
    "any",
]
# Who answers Twilio: its own functions, or our own server.
Hosting = Literal["functions", "self_hosted"]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DEVICES: tuple[str, ...] = get_args(Device)

# Twilio, SIP interface: where phones may enter its network; "roaming" is not for SIP.
Edge = Literal["ashburn", "umatilla", "dublin", "frankfurt", "singapore", "tokyo", "sao-paulo", "sydney"]
EDGES: tuple[Edge, ...] = get_args(Edge)


def _check_number(number: str) -> str:
    if not is_e164(number):
        raise ValueError("must be E.164; write a plus sign, the country code and the number, such as +15035550101")
    if not country_of(number):
        raise ValueError("is a number of no country; check its digits")
    return number


PhoneNumber = Annotated[str, AfterValidator(_check_number)]


def _check_provisioning(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("is no address of a web server; write one such as http://192.0.2.20:8023")
    return url.rstrip("/")


ProvisioningUrl = Annotated[str, AfterValidator(_check_provisioning)]


class Service(Closed):
    """The Twilio Serverless service."""

    name: UniqueName
    runtime: Literal["node20", "node22"] = "node22"


class Environment(Closed):
    """One environment of the service, and how careful to be with it."""

    protected: bool


class Trunk(Closed):
    """Our own SIP server: where calls to a context go, with which headers."""

    uri: str
    contexts: tuple[str, ...] = Field(min_length=1, strict=False)
    headers: dict[str, str] = Field(default_factory=dict)
    username: str = ""


def _check_base_url(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be a scheme and a host alone, such as https://stage.phones.example.org")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("must begin with https://; plain http is for this very machine, and for rehearsals")
    return url


def _check_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; write it as America/Los_Angeles, or UTC") from None
    return name


TimeZone = Annotated[str, AfterValidator(_check_time_zone)]
BaseUrl = Annotated[str, AfterValidator(_check_base_url)]


class Server(Closed):
    """Our own server: where Twilio finds each environment of it, and its folder as this machine sees it."""

    base_urls: dict[EnvironmentName, BaseUrl] = Field(min_length=1)
    folder: str = Field("server", min_length=1)


class Network(Closed):
    """network.yaml: what every phone shares."""

    service: Service
    environments: dict[EnvironmentName, Environment] = Field(min_length=1)
    sip_domain_prefix: DomainPrefix
    credential_list: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    trunk: Trunk
    hosting: Hosting = "functions"
    server: Server | None = None
    edge: Edge | None = None
    provisioning: ProvisioningUrl = ""
    call_time_limit_s: int = Field(3600, ge=10, le=14400)
    ring_timeout_s: int = Field(30, ge=5, le=600)
    time_zone: TimeZone = "UTC"

    def sip_domain(self, environment: str, *, emergency: bool) -> str:
        """The name of an environment's SIP domain, with emergency calling or without."""
        return sip_domain_name(self.sip_domain_prefix, environment, emergency=emergency)

    @property
    def self_hosted(self) -> Server | None:
        """Our own server, where it answers Twilio; None where Twilio's functions do."""
        return self.server if self.hosting == "self_hosted" else None


class EmergencyAddress(Closed):
    """Where the ambulance goes; what Twilio calls an Address."""

    customer_name: str = Field(min_length=1)
    street: str = Field(min_length=1)
    street_secondary: str = ""
    city: str = Field(min_length=1)
    region: str = Field(min_length=1)
    postal_code: str = Field(min_length=1)
    country: Literal["US", "CA", "GB"]


QuietHours = Annotated[
    str,
    spelled("([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]", "two times of a day, such as 22:00-06:00"),
]


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
        faults.extend(_network_faults(*network))
    try:
        file = YamlFile(folder / "clients.yaml")
        clients, entry_faults = file.parse_entries(ClientName, Client)
        # A phone that is written wrongly must not hide what is wrong with the others.
        faults += [*entry_faults, *(_client_faults(file, network[1], clients) if network else ())]
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


# Folders of reports and a consent have these names.
_TAKEN = ("rehearsal", "all")


def _network_faults(file: YamlFile, network: Network) -> list[Fault]:
    faults = [
        Fault(file.place("environments", name), f"{name!r} has a meaning of its own here", "choose another name")
        for name in _TAKEN
        if name in network.environments
    ]
    for name in network.environments:
        for emergency in (True, False):
            label = network.sip_domain(name, emergency=emergency).split(".", 1)[0]
            if len(label) > 63:
                faults.append(
                    Fault(
                        file.place("sip_domain_prefix"),
                        f"makes the SIP domain name {label!r} of {len(label)} characters, more than 63",
                        "shorten it",
                    )
                )
    used = set(re.findall(r"{([^}]*)}", network.trunk.uri + "".join(network.trunk.headers.values())))
    faults.extend(
        Fault(
            file.place("trunk"),
            f"has the placeholder {{{word}}}",
            suggest(word, ["client", "context", "dialled"]),
        )
        for word in sorted(used - {"client", "context", "dialled"})
    )
    if not network.trunk.uri.startswith(("sip:", "sips:")):
        faults.append(
            Fault(
                file.place("trunk", "uri"), f"is no SIP URI: {network.trunk.uri!r}", "write sip:{context}@your.server"
            )
        )
    return faults + _server_faults(file, network)


def _server_faults(file: YamlFile, network: Network) -> list[Fault]:
    if network.hosting == "self_hosted" and network.server is None:
        repair = "add server with the base_urls of each environment, or choose functions"
        return [Fault(file.place("hosting"), "is self_hosted, and there is no server", repair)]
    urls = network.server.base_urls if network.server else {}
    faults = [
        Fault(
            file.place("server", "base_urls", name),
            f"{name!r} is no environment",
            suggest(name, list(network.environments)),
        )
        for name in urls
        if name not in network.environments
    ]
    if network.hosting == "self_hosted":
        faults += [
            Fault(file.place("server", "base_urls"), f"has none for {name}", f"add {name}: https://your.host")
            for name in network.environments
            if name not in urls
        ]
    by_url: dict[str, str] = {}
    for name, url in urls.items():
        # One server serves one environment: it knows its own by how it was started.
        if by_url.setdefault(url, name) != name:
            place = file.place("server", "base_urls", name)
            faults.append(Fault(place, f"{url} is that of {by_url[url]} already", "give each environment its own"))
    return faults


def _client_faults(file: YamlFile, network: Network, clients: dict[str, Client]) -> list[Fault]:
    faults = []
    callers: dict[str, str] = {}
    for name, client in clients.items():
        if client.environment not in network.environments:
            faults.append(
                Fault(
                    file.place(name, "environment"),
                    f"{client.environment!r} is not declared in network.yaml",
                    suggest(client.environment, list(network.environments)),
                )
            )
        if client.trunk_context not in network.trunk.contexts:
            faults.append(
                Fault(
                    file.place(name, "trunk_context"),
                    f"there is no context {client.trunk_context!r} on the trunk",
                    suggest(client.trunk_context, network.trunk.contexts),
                )
            )
        if client.caller_id in callers:
            faults.append(
                Fault(
                    file.place(name, "caller_id"),
                    f"{client.caller_id} is the caller ID of {callers[client.caller_id]} already",
                    "give each phone its own number, or an incoming call can't tell them apart",
                )
            )
        callers.setdefault(client.caller_id, name)
    return faults
