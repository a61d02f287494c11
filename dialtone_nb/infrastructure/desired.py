"""What should exist in one environment, from the parameter files alone."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator

from dialtone_nb.infrastructure.resources import RESOURCE_TYPES
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT, answers_calls
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.functions import FUNCTION, FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.model import Resource, State, Value, reference
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.sip_domains import MAPPINGS, SIP_DOMAIN, mapping_key
from dialtone_nb.infrastructure.resources.variables import AS_DECLARED, VARIABLE, variable_key
from dialtone_nb.parameters import Client, EmergencyAddress, Network, Parameters
from dialtone_nb.service.bundle import FALLBACK, MANIFEST, OUTGOING, Bundle

# What is to be live: code to build, or something that is there already, by its key.
Live = Bundle | str

# Twilio's limits, in characters: a friendly name, and that of an emergency address.
FRIENDLY_NAME = 64
ADDRESS_NAME = 32
_VERSION = re.compile("[0-9a-f]{64}")
TRUNK_PASSWORD = "TRUNK_PASSWORD"  # noqa: S105  the variable's name


def desired_code(bundle: Bundle, environment: str) -> Iterator[Resource]:
    """The functions, their versions, the build of them, and that it is live."""
    key = bundle.digest
    versions = {path: (module.visibility, module.sha256) for path, module in bundle.modules.items()}
    for path, (visibility, sha256) in {**versions, MANIFEST: ("private", key)}.items():
        yield Resource(FUNCTION, path)
        yield Resource(FUNCTION_VERSION, path, {"visibility": visibility, "sha256": sha256})
    yield Resource(BUILD, key, {"runtime": bundle.runtime, "dependencies": json.dumps(dict(bundle.dependencies))})
    yield Resource(DEPLOYMENT, environment, {"code": key})


def desired_service(parameters: Parameters, environment: str, *, trunk_password: bool) -> Iterator[Resource]:
    """The service, the environment and its variables; the trunk's password only where one was given."""
    name = parameters.network.service.name
    # Our functions need no credentials of the account, so they get none.
    yield Resource(SERVICE, name, {"friendly_name": name, "include_credentials": False, "ui_editable": False})
    yield Resource(ENVIRONMENT, environment, {"domain_suffix": environment})
    if trunk_password:
        yield Resource(VARIABLE, variable_key(environment, TRUNK_PASSWORD), {"value": AS_DECLARED})


def desired_standby(
    parameters: Parameters, environment: str, standby: Bundle, *, trunk_password: bool
) -> Iterator[Resource]:
    """The functions beside our own server; the fallback alone calls no trunk, and gets no password of it."""
    yield from desired_service(parameters, environment, trunk_password=trunk_password and OUTGOING in standby.modules)
    yield from desired_code(standby, environment)


def desired_sip(parameters: Parameters, environment: str, other: str = "") -> Iterator[Resource]:
    """Two SIP domains that take the credential list's users for registering and for calling.

    `other` is the base URL of the other hosting, where that is there.
    """
    network = parameters.network
    for emergency in (True, False):
        domain = network.sip_domain(environment, emergency=emergency)
        words = "with emergency calling" if emergency else "without emergency calling"
        yield Resource(
            SIP_DOMAIN,
            domain,
            {
                "friendly_name": f"{network.service.name} {environment}, {words}"[:FRIENDLY_NAME],
                "voice_url": webhook_url(network, environment, "/sip-outgoing"),
                "voice_method": "POST",
                "voice_fallback_url": fallback_url(network, environment, "/sip-outgoing", other),
                "voice_status_callback_url": "",
                "sip_registration": True,
                "emergency_calling_enabled": emergency,
                "secure": False,
                "byoc_trunk_sid": "",
                "emergency_caller_sid": "",
            },
        )
        for kind in MAPPINGS:
            yield Resource(kind, mapping_key(domain, network.credential_list))


def desired_number(parameters: Parameters, client: Client, *, emergency: bool, other: str = "") -> Resource:
    """A phone's number: its calls go to the service, and where asked for it carries the emergency address.

    Phones that share a number share the resource: the address is that of whoever has one.
    """
    network, holder = parameters.network, parameters.address_holder(client.caller_id)
    fields: dict[str, Value] = {
        "voice_url": webhook_url(network, client.environment, "/sip-incoming"),
        "voice_method": "POST",
        "voice_fallback_url": fallback_url(network, client.environment, "/sip-incoming", other),
        "voice_application_sid": "",
        "trunk_sid": "",
        "voice_receive_mode": "voice",
        # A look-up of every caller's name costs money on every call.
        "voice_caller_id_lookup": False,
        "status_callback": "",
    }
    if emergency:
        fields["emergency_address_sid"] = reference(ADDRESS.id(address_key(holder)), "sid") if holder else ""
    return Resource(PHONE_NUMBER, client.caller_id, fields)


def desired_client(parameters: Parameters, name: str, other: str = "") -> Iterator[Resource]:
    """Everything that one phone needs: its number with the emergency address of whoever has it, its credential."""
    client = parameters.clients[name]
    holder = parameters.address_holder(client.caller_id)
    address = parameters.clients[holder].emergency_address if holder else None
    if address is not None:
        yield Resource(ADDRESS, address_key(holder), _address_fields(address))
    yield desired_number(parameters, client, emergency=True, other=other)
    yield Resource(CREDENTIAL, name)


def desired_hosting(
    parameters: Parameters, environment: str, live: Live | None, *, trunk_password: bool, standby: Bundle | None = None
) -> Iterator[Resource]:
    """Who answers this environment's calls, with this code or table; where that is None, with whatever is live.

    Our own server has the trunk's password in an environment of its own; `standby` are the functions that are to be
    live beside it.
    """
    if parameters.network.self_hosted is None:
        yield from desired_service(parameters, environment, trunk_password=trunk_password)
    elif standby:
        yield from desired_standby(parameters, environment, standby, trunk_password=trunk_password)
    match live:
        case Bundle():
            yield from desired_code(live, environment)
        case str():
            kind = SERVED_TABLE if parameters.network.self_hosted else DEPLOYMENT
            yield Resource(kind, environment, {"code": live})


def desired_environment(
    parameters: Parameters,
    environment: str,
    *,
    live: Live | None,
    trunk_password: bool,
    owned: Collection[str],
    set_up: Collection[str] = (),
    other: str = "",
    table: str = "",
    standby: Bundle | None = None,
) -> State:
    """The whole environment; of the phones those in `set_up` whole, of the others the numbers that are owned.

    `live` is the code to build, or what there is already: a build's key, or the version of a table; `other` the base
    URL of the other hosting, where that is there, too. `table` is the version that keeps our own server in step, and
    `standby` the functions that do so beside it.
    """
    resources = [
        *desired_hosting(parameters, environment, live, trunk_password=trunk_password, standby=standby),
        *desired_sip(parameters, environment, other),
    ]
    if table and other:
        resources.append(Resource(SERVED_TABLE, environment, {"code": table}))
    clients = parameters.clients_in(environment)
    whole = [resource for name in clients if name in set_up for resource in desired_client(parameters, name, other)]
    resources += [
        desired_number(parameters, client, emergency=False, other=other)
        for client in clients.values()
        if client.caller_id in owned
    ]
    # A number that is shared by a phone that is set up and another is the first one's: the last of one key counts.
    declared = [one for kind in RESOURCE_TYPES for one in kind.declared(parameters, environment)]
    return State([*declared, *resources, *whole])


def webhook_url(network: Network, environment: str, path: str) -> str:
    """Where Twilio asks: at our own server, or at a function, whose domain name Twilio gives (a placeholder here)."""
    if network.self_hosted:
        return f"{network.self_hosted.base_urls[environment]}{path}"
    return function_url(environment, path)


def function_url(environment: str, path: str) -> str:
    """Where Twilio finds a function, with a placeholder for the domain name that it gives to the environment."""
    return f"https://{reference(ENVIRONMENT.id(environment), 'domain_name')}{path}"


def fallback_url(network: Network, environment: str, path: str, other: str) -> str:
    """Whom Twilio asks where a webhook fails: the other hosting, else a function that needs nothing but itself."""
    if other:
        return f"{other}{path}"
    own = network.self_hosted
    return function_url(environment, FALLBACK) if own is None or own.fallback_function else ""


def other_hosting(network: Network, state: State, environment: str) -> str:
    """The base URL of the hosting that the files do not choose; empty where nothing of it is live here.

    Our own server counts where it says which table it serves: one that is off would answer no call.
    """
    if network.self_hosted:
        there = state.find(ENVIRONMENT, environment)
        is_whole = answers_calls(state.find(DEPLOYMENT, environment))
        return f"https://{there.given['domain_name']}" if there and is_whole else ""
    urls = network.server.base_urls if network.server else {}
    served = state.find(SERVED_TABLE, environment)
    return urls.get(environment, "") if served and _VERSION.fullmatch(str(served.fields["code"])) else ""


def address_key(client: str) -> str:
    """The friendly name of a phone's address; it starts with the extension, and has 32 characters at most."""
    return f"{client} emergency"[:ADDRESS_NAME]


def _address_fields(address: EmergencyAddress) -> dict[str, Value]:
    return {
        "customer_name": address.customer_name,
        "street": address.street,
        "street_secondary": address.street_secondary,
        "city": address.city,
        "region": address.region,
        "postal_code": address.postal_code,
        "iso_country": address.country,
        "emergency_enabled": True,
    }
