"""One module per Twilio noun; this table is how an apply finds what makes, changes, removes and looks again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dialtone_nb.infrastructure.resources import (
    addresses,
    builds,
    credential_lists,
    deployments,
    environments,
    functions,
    phone_numbers,
    served_tables,
    services,
    sip_domains,
    variables,
)
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Item, Kind


@dataclass(frozen=True, slots=True)
class Handler:
    """What can be done with a kind of thing; None where Twilio knows no such thing."""

    create: Callable[[Work, Item], Item]
    find: Callable[[Work, Item], Item | None]
    update: Callable[[Work, Item], Item] | None = None
    delete: Callable[[Work, Item], None] | None = None


HANDLERS: dict[Kind, Handler] = {
    Kind.SERVICE: Handler(
        services.create_service, services.find_service, services.update_service, services.delete_service
    ),
    Kind.ENVIRONMENT: Handler(
        environments.create_environment, environments.find_environment, delete=environments.delete_environment
    ),
    Kind.FUNCTION: Handler(functions.create_function, functions.find_function),
    Kind.FUNCTION_VERSION: Handler(functions.create_version, functions.find_version, functions.create_version),
    Kind.BUILD: Handler(builds.create_build, builds.find_build),
    Kind.DEPLOYMENT: Handler(
        deployments.create_deployment,
        deployments.find_deployment,
        deployments.create_deployment,
        deployments.delete_deployment,
    ),
    Kind.VARIABLE: Handler(
        variables.create_variable, variables.find_variable, variables.update_variable, variables.delete_variable
    ),
    Kind.SERVED_TABLE: Handler(
        served_tables.switch_served_table,
        served_tables.find_served_table,
        served_tables.switch_served_table,
        served_tables.close_served_table,
    ),
    Kind.CREDENTIAL_LIST: Handler(
        credential_lists.create_credential_list,
        credential_lists.find_credential_list,
        delete=credential_lists.delete_credential_list,
    ),
    Kind.SIP_DOMAIN: Handler(
        sip_domains.create_sip_domain,
        sip_domains.find_sip_domain,
        sip_domains.update_sip_domain,
        sip_domains.delete_sip_domain,
    ),
    Kind.CALLS_MAPPING: Handler(
        sip_domains.create_mapping, sip_domains.find_mapping, delete=sip_domains.delete_mapping
    ),
    Kind.REGISTRATIONS_MAPPING: Handler(
        sip_domains.create_mapping, sip_domains.find_mapping, delete=sip_domains.delete_mapping
    ),
    Kind.ADDRESS: Handler(
        addresses.create_address, addresses.find_address, addresses.update_address, addresses.delete_address
    ),
    Kind.PHONE_NUMBER: Handler(
        phone_numbers.create_phone_number,
        phone_numbers.find_phone_number,
        phone_numbers.update_phone_number,
        phone_numbers.delete_phone_number,
    ),
    Kind.CREDENTIAL: Handler(
        credential_lists.create_credential,
        credential_lists.find_credential,
        credential_lists.update_credential,
        credential_lists.delete_credential,
    ),
}
