"""SIP domains, and the two families of mappings that say whose credentials they take."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Item, Kind

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
MAPPINGS = (Kind.CALLS_MAPPING, Kind.REGISTRATIONS_MAPPING)


def list_sip_domains(account: Account) -> list[Item]:
    """The account's SIP domains by name."""
    return [_item(one) for one in account.client.sip.domains.list(page_size=1000)]


def create_sip_domain(work: Work, item: Item) -> Item:
    """The domain, made; it refuses everybody until a credential list is mapped."""
    fields = {name: value for name, value in item.fields.items() if value != ""}
    return _item(work.account.client.sip.domains.create(domain_name=item.key, **fields))


def update_sip_domain(work: Work, item: Item) -> Item:
    """The domain, changed."""
    return _item(work.account.client.sip.domains(work.sid(item.kind, item.key)).update(**item.fields))


def delete_sip_domain(work: Work, item: Item) -> None:
    """Delete the domain."""
    work.account.client.sip.domains(work.sid(item.kind, item.key)).delete()


def find_sip_domain(work: Work, item: Item) -> Item | None:
    """The domain, looked for again."""
    return next((one for one in list_sip_domains(work.account) if one.key == item.key), None)


def mapping_key(domain: str, credential_list: str) -> str:
    """How a mapping is known: by its domain and its list."""
    return f"{domain}/{credential_list}"


def list_mappings(account: Account, kind: Kind, domain: Item) -> list[Item]:
    """The mappings of one family on a domain; a mapping's SID is its list's."""
    try:
        mappings = _family(account, kind, domain.sid).list()
    except AbsentError:  # a domain that was deleted stays listed for some seconds
        return []
    return [Item(kind, mapping_key(domain.key, one.friendly_name), {}, one.sid) for one in mappings]


def create_mapping(work: Work, item: Item) -> Item:
    """The mapping, made."""
    domain, name = item.key.split("/", 1)
    sid = work.sid(Kind.CREDENTIAL_LIST, name)
    _family(work.account, item.kind, work.sid(Kind.SIP_DOMAIN, domain)).create(credential_list_sid=sid)
    return Item(item.kind, item.key, {}, sid)


def delete_mapping(work: Work, item: Item) -> None:
    """Delete the mapping: the list's users are refused from now on."""
    domain, _ = item.key.split("/", 1)
    sip_domain = work.account.client.sip.domains(work.sid(Kind.SIP_DOMAIN, domain))
    family = sip_domain.auth.calls if item.kind is Kind.CALLS_MAPPING else sip_domain.auth.registrations
    family.credential_list_mappings(work.sid(item.kind, item.key)).delete()


def find_mapping(work: Work, item: Item) -> Item | None:
    """The mapping, looked for again."""
    domain = work.state.find(Kind.SIP_DOMAIN, item.key.split("/", 1)[0])
    if domain is None:
        return None
    return next((one for one in list_mappings(work.account, item.kind, domain) if one.key == item.key), None)


def _family(account: Account, kind: Kind, domain_sid: str) -> Any:
    auth = account.client.sip.domains(domain_sid).auth
    family = auth.calls if kind is Kind.CALLS_MAPPING else auth.registrations
    return family.credential_list_mappings


def _item(domain: Any) -> Item:
    fields = {name: getattr(domain, name) for name in FIELDS}
    return Item(
        Kind.SIP_DOMAIN,
        domain.domain_name,
        {name: "" if value is None else value for name, value in fields.items()},
        domain.sid,
        {"auth_type": domain.auth_type or "", "date_updated": str(domain.date_updated)},
    )
