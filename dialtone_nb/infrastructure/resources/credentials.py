"""The credentials in a credential list: one user name for each phone, and a password that Twilio never returns."""

from __future__ import annotations

from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.model import Action, ApplyContext, Group, Resource, ResourceType, of_key
from dialtone_nb.infrastructure.resources.sip_domains import MAPPINGS


def list_credentials(account: Account, list_sid: str) -> list[Resource]:
    """The list's credentials by user name; their passwords can't be read."""
    try:
        credentials = account.client.sip.credential_lists(list_sid).credentials.list(page_size=1000)
    except AbsentError:  # a list that was deleted stays listed for some seconds
        return []
    return [
        Resource(CREDENTIAL, one.username, {}, one.sid, {"date_updated": str(one.date_updated)}) for one in credentials
    ]


def create_credential(context: ApplyContext, resource: Resource) -> Resource:
    """Make the credential: the phone can register and call."""
    made = _credentials(context).create(username=resource.key, password=context.secrets[resource.id])
    return Resource(resource.kind, resource.key, {}, made.sid)


def update_credential(context: ApplyContext, resource: Resource) -> Resource:
    """Give the credential its new password; the old one stops working at once."""
    sid = context.sid_of(resource)
    _credentials(context)(sid).update(password=context.secrets[resource.id])
    return Resource(resource.kind, resource.key, resource.fields, sid)


def delete_credential(context: ApplyContext, resource: Resource) -> None:
    """Delete the credential: the phone can neither register nor call."""
    _credentials(context)(context.sid_of(resource)).delete()


def find_credential(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the credential up."""
    return of_key(list_credentials(context.account, context.credential_list_sid), resource.key)


def _credentials(context: ApplyContext) -> Any:
    return context.client.sip.credential_lists(context.credential_list_sid).credentials


CREDENTIAL = ResourceType(
    "credential",
    Group.PHONES,
    create_credential,
    find_credential,
    update_credential,
    delete_credential,
    needs=(CREDENTIAL_LIST, *MAPPINGS),
    warnings={
        Action.UPDATE: "the phone stops working until it has the new password",
        Action.DELETE: "the phone can neither register nor call",
    },
    undo={
        Action.UPDATE: "no: the old password can't be read back",
        Action.DELETE: "set the client up again, with a new password",
    },
    grave={Action.UPDATE: "changes a password"},
    shows_updates=False,
)
