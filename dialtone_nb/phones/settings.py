"""What a phone must be told to work on this network, whatever its make; never its password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dialtone_nb.errors import Fault, ParametersError
from dialtone_nb.parameters import Device, Parameters
from dialtone_nb.parameters.yaml_faults import suggest
from dialtone_nb.phones.dial_strings import Grammar, write_dial_string
from dialtone_nb.phones.private_files import PASSWORD_FILE, private_folder
from dialtone_nb.values.sip import SHORTEST_EXPIRY_S

Transport = Literal["UDP", "TCP", "TLS"]

# Twilio, SIP registration: UDP and TCP on 5060, TLS (1.2 or newer) on 5061.
PORTS: dict[Transport, int] = {"UDP": 5060, "TCP": 5060, "TLS": 5061}
# The shortest finds a phone again soonest after a power cut.
EXPIRY_S = SHORTEST_EXPIRY_S
# Routers forget a silent UDP binding after 30 s or more.
KEEP_ALIVE_S = 20
# Twilio answers 407 with this realm, whatever the domain (observed).
REALM = "sip.twilio.com"
CODECS = ("PCMU", "PCMA")

# TLS where the device can do 1.2. The older ones can't (Twilio's error 32222): TCP keeps a router's binding better
# than UDP, where the device has it and it was seen to work.
TRANSPORTS: dict[Device, Transport] = {
    "linksys-pap2t": "UDP",
    "linksys-spa2102": "UDP",
    "grandstream-ht701": "TCP",
    "grandstream-ht801": "TLS",
    "grandstream-ht802": "TLS",
    "polycom-soundpoint": "UDP",
    "linphone": "TLS",
    "any": "UDP",
}
GRAMMAR_OF: dict[Device, Grammar] = {
    "linksys-pap2t": "linksys",
    "linksys-spa2102": "linksys",
    "grandstream-ht701": "grandstream",
    "grandstream-ht801": "grandstream",
    "grandstream-ht802": "grandstream",
    "polycom-soundpoint": "polycom",
}


def plain_transport(device: Device) -> Transport:
    """How a device reaches somebody whose certificate it does not trust: TCP, where it would use TLS."""
    usual = TRANSPORTS[device]
    return "TCP" if usual == "TLS" else usual


@dataclass(frozen=True, slots=True)
class Registrar:
    """Where a phone is to register in place of Twilio, such as a rehearsal that real phones can reach."""

    host: str
    port: int
    transport: Transport


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """What a phone is told; expiry and keep-alive in seconds, empty strings where there is nothing to say."""

    client: str
    environment: str
    device: Device
    host: str  # the SIP domain, which is the registrar too
    port: int
    transport: Transport
    user: str
    auth_id: str
    display_name: str
    expiry_s: int
    keep_alive_s: int
    codecs: tuple[str, ...]
    outbound_proxy: str
    outbound_port: int  # the proxy's, where there is one
    dial_string: str
    private_file: str  # where the password is: private/<environment>/<client>/phone.txt
    provisioning: str  # the address under which the phone's ready configuration can be fetched
    is_rehearsed: bool  # whether it registers somewhere else than at Twilio
    syslog: str = ""  # the address that it logs its registrations to, where one is declared

    @property
    def outbound_address(self) -> str:
        """The outbound proxy in one field, with its port where that is not the transport's own; empty for none."""
        is_usual = self.outbound_port == PORTS[self.transport]
        return (
            self.outbound_proxy
            if is_usual or not self.outbound_proxy
            else f"{self.outbound_proxy}:{self.outbound_port}"
        )


def device_settings(parameters: Parameters, client: str, *, registrar: Registrar | None = None) -> DeviceSettings:
    """The settings of one declared phone, through the network's edge, or for a `registrar` in place of Twilio.

    There the SIP domain stays the phone's domain and the registrar is its outbound proxy: what is proved with it is
    all but what works at Twilio. A `ParametersError` where no such phone is declared.
    """
    if client not in parameters.clients:
        raise ParametersError(
            Fault("clients.yaml", f"there is no phone {client!r}", suggest(client, list(parameters.clients)))
        )
    declared = parameters.clients[client]
    transport = registrar.transport if registrar else TRANSPORTS[declared.device]
    edge, base = parameters.network.edge, parameters.network.provisioning
    proxy = registrar.host if registrar else f"sip.{edge}.twilio.com" if edge else ""
    grammar = GRAMMAR_OF.get(declared.device)
    patterns = [rule.pattern for rule in parameters.dialplan.rules]
    return DeviceSettings(
        client=client,
        environment=declared.environment,
        device=declared.device,
        host=parameters.sip_domain_of(client),
        port=PORTS[transport],
        transport=transport,
        user=client,
        auth_id=client,  # another one is error 32106
        display_name=client,
        expiry_s=EXPIRY_S,
        keep_alive_s=KEEP_ALIVE_S,
        codecs=CODECS,
        outbound_proxy=proxy,
        outbound_port=registrar.port if registrar else PORTS[transport],
        dial_string=write_dial_string(grammar, patterns) if grammar else "",
        private_file=(private_folder(declared.environment, client) / PASSWORD_FILE).as_posix(),
        provisioning=f"{base}/{declared.environment}/{client}" if base else "",
        is_rehearsed=registrar is not None,
        syslog=parameters.network.syslog or "",
    )
