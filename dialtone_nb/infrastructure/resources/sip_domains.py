"""SIP domains, and the two families of mappings that say whose credentials they take."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.model import (
    Action,
    ApplyContext,
    Group,
    Resource,
    ResourceType,
    of_key,
    read_fields,
)
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.variables import VARIABLE

FIELDS = (
    "friendly_name",
    "voice_url",
    "voice_method",
    "voice_fallback_url",
    "voice_status_callback_url",
    "sip_registration",
    "emergency_calling_enabled",
    "secure",
    "byoc_trunk_sid",
    "emergency_caller_sid",
)


def list_sip_domains(account: Account) -> list[Resource]:
    """The account's SIP domains by name."""
    return [_resource(one) for one in account.client.sip.domains.list(page_size=1000)]


def create_sip_domain(context: ApplyContext, resource: Resource) -> Resource:
    """Make the domain; it refuses everybody until a credential list is mapped."""
    fields = {name: value for name, value in resource.fields.items() if value != ""}
    return _resource(context.client.sip.domains.create(domain_name=resource.key, **fields))


def update_sip_domain(context: ApplyContext, resource: Resource) -> Resource:
    """Change the domain's settings."""
    return _resource(context.client.sip.domains(context.sid_of(resource)).update(**resource.fields))


def delete_sip_domain(context: ApplyContext, resource: Resource) -> None:
    """Delete the domain."""
    context.client.sip.domains(context.sid_of(resource)).delete()


def find_sip_domain(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the domain up."""
    return of_key(list_sip_domains(context.account), resource.key)


def mapping_key(domain: str, credential_list: str) -> str:
    """How a mapping is known: by its domain and its list."""
    return f"{domain}/{credential_list}"


def list_mappings(account: Account, kind: ResourceType, domain: Resource) -> list[Resource]:
    """The mappings of one family on a domain; a mapping's SID is its list's."""
    try:
        mappings = _family(account, kind, domain.sid).list()
    except AbsentError:  # a domain that was deleted stays listed for some seconds
        return []
    return [Resource(kind, mapping_key(domain.key, one.friendly_name), {}, one.sid) for one in mappings]


def create_mapping(context: ApplyContext, resource: Resource) -> Resource:
    """Map the list to the domain, for one family of requests."""
    domain, name = resource.key.split("/", 1)
    sid = context.sid(CREDENTIAL_LIST, name)
    _family(context.account, resource.kind, context.sid(SIP_DOMAIN, domain)).create(credential_list_sid=sid)
    return Resource(resource.kind, resource.key, {}, sid)


def delete_mapping(context: ApplyContext, resource: Resource) -> None:
    """Delete the mapping: the list's users are refused from now on."""
    domain, _ = resource.key.split("/", 1)
    _family(context.account, resource.kind, context.sid(SIP_DOMAIN, domain))(context.sid_of(resource)).delete()


def find_mapping(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the mapping up."""
    domain = context.state.find(SIP_DOMAIN, resource.key.split("/", 1)[0])
    if domain is None:
        return None
    return of_key(list_mappings(context.account, resource.kind, domain), resource.key)


def _family(account: Account, kind: ResourceType, domain_sid: str) -> Any:
    auth = account.client.sip.domains(domain_sid).auth
    family = auth.calls if kind is CALLS_MAPPING else auth.registrations
    return family.credential_list_mappings


def _resource(domain: Any) -> Resource:
    return Resource(
        SIP_DOMAIN,
        domain.domain_name,
        read_fields(domain, FIELDS),
        domain.sid,
        {"auth_type": domain.auth_type or "", "date_updated": str(domain.date_updated)},
    )


# Code, variables and tables come first, so that no call arrives before it can be answered.
SIP_DOMAIN = ResourceType(
    "SIP domain",
    Group.SIP,
    create_sip_domain,
    find_sip_domain,
    update_sip_domain,
    delete_sip_domain,
    in_console="voice/manage/sip-domains",
    needs=(DEPLOYMENT, VARIABLE, SERVED_TABLE),
    warnings={Action.DELETE: "phones on it lose their dial tone"},
)


def _mapping_type(name: str) -> ResourceType:
    needs = (SIP_DOMAIN, CREDENTIAL_LIST)
    return ResourceType(name, Group.SIP, create_mapping, find_mapping, delete=delete_mapping, needs=needs)


CALLS_MAPPING = _mapping_type("calls mapping")
REGISTRATIONS_MAPPING = _mapping_type("registrations mapping")
MAPPINGS = (CALLS_MAPPING, REGISTRATIONS_MAPPING)
