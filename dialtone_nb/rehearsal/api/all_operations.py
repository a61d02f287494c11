"""Every operation of Twilio's that is rehearsed, in one table."""

from __future__ import annotations

from dialtone_nb.rehearsal.api import (
    accounts,
    addresses,
    alerts,
    assets,
    available_phone_numbers,
    builds,
    call_changes,
    calls,
    credential_list_mappings,
    credential_lists,
    deployments,
    dialing_permissions,
    environments,
    functions,
    incoming_phone_numbers,
    ip_access_control_lists,
    logs,
    outgoing_calls,
    prices,
    queues,
    recordings,
    services,
    sip_domains,
    variables,
)

MODULES = (
    accounts,
    addresses,
    alerts,
    assets,
    available_phone_numbers,
    builds,
    call_changes,
    calls,
    credential_list_mappings,
    credential_lists,
    deployments,
    dialing_permissions,
    environments,
    functions,
    incoming_phone_numbers,
    ip_access_control_lists,
    logs,
    outgoing_calls,
    prices,
    queues,
    recordings,
    services,
    sip_domains,
    variables,
)
OPERATIONS = tuple(operation for module in MODULES for operation in module.OPERATIONS)
HOSTS = frozenset(operation.host for operation in OPERATIONS)
