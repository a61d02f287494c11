"""Credential lists: who may register and call, by the domains that they are mapped to."""

from __future__ import annotations

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.model import ApplyContext, Group, Resource, ResourceType, of_key


def list_credential_lists(account: Account) -> list[Resource]:
    """The account's credential lists by friendly name."""
    lists = account.client.sip.credential_lists.list(page_size=1000)
    return [Resource(CREDENTIAL_LIST, one.friendly_name, {}, one.sid) for one in lists]


def create_credential_list(context: ApplyContext, resource: Resource) -> Resource:
    """Make the list, empty."""
    made = context.client.sip.credential_lists.create(friendly_name=resource.key)
    return Resource(resource.kind, resource.key, {}, made.sid)


def delete_credential_list(context: ApplyContext, resource: Resource) -> None:
    """Delete the list. It must be mapped nowhere (21241)."""
    context.client.sip.credential_lists(context.sid_of(resource)).delete()


def find_credential_list(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the list up."""
    return of_key(list_credential_lists(context.account), resource.key)


CREDENTIAL_LIST: ResourceType = ResourceType(
    "credential list",
    Group.SIP,
    create_credential_list,
    find_credential_list,
    delete=delete_credential_list,
    declared=lambda parameters, _: [Resource(CREDENTIAL_LIST, parameters.network.credential_list)],
    in_console="voice/manage/credential-lists",
)
