"""network.yaml as a typed model: what every phone shares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from dialtone_nb.errors import Fault
from dialtone_nb.parameters.field_types import (
    BaseUrl,
    DomainPrefix,
    Edge,
    EnvironmentName,
    Hosting,
    ProvisioningUrl,
    SyslogAddress,
    TimeZone,
    UniqueName,
)
from dialtone_nb.parameters.yaml_files import Closed, YamlFile, suggest
from dialtone_nb.values.sip import sip_domain_name

# Folders of reports and a consent have these names.
TAKEN = ("rehearsal", "all")
# What the trunk's URI and headers may have in braces.
PLACEHOLDERS = ("client", "context", "dialled")


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


class Server(Closed):
    """Our own server: where Twilio finds each environment of it, and its folder as this machine sees it."""

    base_urls: dict[EnvironmentName, BaseUrl] = Field(min_length=1)
    folder: str = Field("server", min_length=1)
    # Whether a function at Twilio puts emergency calls through where this server fails.
    fallback_function: bool = True


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
    syslog: SyslogAddress | None = None
    call_time_limit_s: int = Field(3600, ge=10, le=14400)
    ring_timeout_s: int = Field(30, ge=5, le=600)
    time_zone: TimeZone = "UTC"
    # US dollars a day, a month or a year, at which Twilio tells of what the account has cost.
    spend_alarms: dict[Literal["daily", "monthly", "yearly"], Annotated[float, Field(gt=0, le=1_000_000)]] = Field(
        default_factory=dict
    )

    def sip_domain(self, environment: str, *, emergency: bool) -> str:
        """The name of an environment's SIP domain, with emergency calling or without."""
        return sip_domain_name(self.sip_domain_prefix, environment, emergency=emergency)

    @property
    def self_hosted(self) -> Server | None:
        """Our own server, where it answers Twilio; None where Twilio's functions do."""
        return self.server if self.hosting == "self_hosted" else None


def network_faults(file: YamlFile, network: Network) -> Iterator[Fault]:
    """What is wrong with the file as a whole: what fits its model, and not the rest of it."""
    for name in TAKEN:
        if name in network.environments:
            problem = f"{name!r} has a meaning of its own here"
            yield Fault(file.place("environments", name), problem, "choose another name")
    for name in network.environments:
        for emergency in (True, False):
            label = network.sip_domain(name, emergency=emergency).split(".", 1)[0]
            if len(label) > 63:
                problem = f"makes the SIP domain name {label!r} of {len(label)} characters, more than 63"
                yield Fault(file.place("sip_domain_prefix"), problem, "shorten it")
    used = set(re.findall(r"{([^}]*)}", network.trunk.uri + "".join(network.trunk.headers.values())))
    for word in sorted(used - {*PLACEHOLDERS}):
        yield Fault(file.place("trunk"), f"has the placeholder {{{word}}}", suggest(word, PLACEHOLDERS))
    if not network.trunk.uri.startswith(("sip:", "sips:")):
        problem = f"is not a SIP URI: {network.trunk.uri!r}"
        yield Fault(file.place("trunk", "uri"), problem, "write sip:{context}@your.server")
    yield from _server_faults(file, network)


def _server_faults(file: YamlFile, network: Network) -> Iterator[Fault]:
    if network.hosting == "self_hosted" and network.server is None:
        repair = "add server with the base_urls of each environment, or choose functions"
        yield Fault(file.place("hosting"), "is self_hosted, and there is no server", repair)
        return
    urls = network.server.base_urls if network.server else {}
    for name in urls:
        if name not in network.environments:
            place = file.place("server", "base_urls", name)
            yield Fault(place, f"{name!r} is not an environment", suggest(name, [*network.environments]))
    if network.hosting == "self_hosted":
        for name in network.environments:
            if name not in urls:
                place, repair = file.place("server", "base_urls"), f"add {name}: https://your.host"
                yield Fault(place, f"has none for {name}", repair)
    by_url: dict[str, str] = {}
    for name, url in urls.items():
        # One server serves one environment: it knows its own by how it was started.
        if (first := by_url.setdefault(url, name)) != name:
            place = file.place("server", "base_urls", name)
            yield Fault(place, f"{url} is that of {first} already", "give each environment its own")
