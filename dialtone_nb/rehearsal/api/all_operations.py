"""All operations of Twilio's API that the rehearsal answers, in one table."""

from __future__ import annotations

from importlib import import_module

from dialtone_nb.rehearsal.http.operations import Operation

RESOURCES = (
    "accounts",
    "addresses",
    "alerts",
    "available_phone_numbers",
    "dialing_permissions",
    "empty_lists",
    "incoming_phone_numbers",
    "keys",
    "prices",
    "serverless.builds",
    "serverless.deployments",
    "serverless.environments",
    "serverless.functions_and_assets",
    "serverless.logs",
    "serverless.services",
    "serverless.variables",
    "sip.credential_lists",
    "sip.domains",
    "sip.ip_access_control_lists",
    "sip.mappings",
    "trust",
    "usage_records",
    "usage_triggers",
    "voice.call_changes",
    "voice.calls",
    "voice.outgoing_calls",
    "voice.queues",
    "voice.recordings",
)
MODULES = tuple(import_module(f"dialtone_nb.rehearsal.api.{name}") for name in RESOURCES)
OPERATIONS: tuple[Operation, ...] = tuple(operation for module in MODULES for operation in module.OPERATIONS)
HOSTS = frozenset(operation.host for operation in OPERATIONS)
