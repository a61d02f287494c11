"""What a phone must be told to work on this network, whatever its make; never its password."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.devices.model import PORTS, DeviceSettings, Transport
from dialtone_nb.errors import Fault, ParametersError
from dialtone_nb.parameters import Parameters
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.dial_strings import write_dial_string
from dialtone_nb.phones.private_files import PASSWORD_FILE, private_folder
from dialtone_nb.values.sip import SHORTEST_EXPIRY_S

# The shortest finds a phone again soonest after a power cut.
EXPIRY_S = SHORTEST_EXPIRY_S
# Routers forget a silent UDP binding after 30 s or more.
KEEP_ALIVE_S = 20


@dataclass(frozen=True, slots=True)
class RegistrarAddress:
    """Where a phone is to register in place of Twilio, such as a rehearsal that real phones can reach."""

    host: str
    port: int
    transport: Transport


def registrar_at(parameters: Parameters, client: str, host: str, port: int) -> RegistrarAddress:
    """The registrar at this address, reached as the phone reaches somebody whose certificate it does not trust."""
    return RegistrarAddress(host, port, parameters.clients[client].model.plain_transport)


def device_settings(
    parameters: Parameters, client: str, *, registrar: RegistrarAddress | None = None
) -> DeviceSettings:
    """The settings of one declared phone, through the network's edge, or for a `registrar` in place of Twilio.

    There the SIP domain stays the phone's domain and the registrar is its outbound proxy: what is proved with it is
    all but what works at Twilio. A `ParametersError` where no such phone is declared.
    """
    if client not in parameters.clients:
        raise ParametersError(
            Fault("clients.yaml", f"there is no phone {client!r}", suggest(client, list(parameters.clients)))
        )
    declared = parameters.clients[client]
    model = declared.model
    transport = registrar.transport if registrar else model.transports[0]
    edge, base = parameters.network.edge, parameters.network.provisioning
    proxy = registrar.host if registrar else f"sip.{edge}.twilio.com" if edge else ""
    patterns = [rule.pattern for rule in parameters.dialplan.rules]
    return DeviceSettings(
        client=client,
        environment=declared.environment,
        model=model,
        host=parameters.sip_domain_of(client),
        port=PORTS[transport],
        transport=transport,
        user=client,
        auth_id=client,  # another one is error 32106
        display_name=client,
        expiry_s=EXPIRY_S,
        keep_alive_s=KEEP_ALIVE_S,
        outbound_proxy=proxy,
        outbound_port=registrar.port if registrar else PORTS[transport],
        dial_string=write_dial_string(model.grammar, patterns) if model.grammar else "",
        private_file=(private_folder(declared.environment, client) / PASSWORD_FILE).as_posix(),
        provisioning=f"{base}/{declared.environment}/{client}" if base else "",
        is_rehearsed=registrar is not None,
        syslog=parameters.network.syslog or "",
    )
