"""Credential lists and the credentials in them: a user name a phone, a password that Twilio never gives back."""

from __future__ import annotations

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Id, Item, Kind


def list_credential_lists(account: Account) -> list[Item]:
    """The account's credential lists by friendly name."""
    lists = account.client.sip.credential_lists.list(page_size=1000)
    return [Item(Kind.CREDENTIAL_LIST, one.friendly_name, {}, one.sid) for one in lists]


def create_credential_list(work: Work, item: Item) -> Item:
    """The list, made, empty."""
    return Item(item.kind, item.key, {}, work.account.client.sip.credential_lists.create(friendly_name=item.key).sid)


def delete_credential_list(work: Work, item: Item) -> None:
    """Delete the list. It must be mapped nowhere (21241)."""
    work.account.client.sip.credential_lists(work.sid(item.kind, item.key)).delete()


def find_credential_list(work: Work, item: Item) -> Item | None:
    """The list, looked for again."""
    return next((one for one in list_credential_lists(work.account) if one.key == item.key), None)


def list_credentials(account: Account, list_sid: str) -> list[Item]:
    """The list's credentials by user name; their passwords can't be read."""
    try:
        credentials = account.client.sip.credential_lists(list_sid).credentials.list(page_size=1000)
    except AbsentError:  # a list that was deleted stays listed for some seconds
        return []
    return [
        Item(Kind.CREDENTIAL, one.username, {}, one.sid, {"date_updated": str(one.date_updated)}) for one in credentials
    ]


def create_credential(work: Work, item: Item) -> Item:
    """The credential, made: the phone can register and call."""
    credentials = work.account.client.sip.credential_lists(work.credential_list_sid).credentials
    made = credentials.create(username=item.key, password=work.secrets[Id(item.kind, item.key)])
    return Item(item.kind, item.key, {}, made.sid)


def update_credential(work: Work, item: Item) -> Item:
    """The credential with its new password; the old one stops working at once."""
    sid = work.sid(item.kind, item.key)
    lists = work.account.client.sip.credential_lists(work.credential_list_sid)
    lists.credentials(sid).update(password=work.secrets[Id(item.kind, item.key)])
    return Item(item.kind, item.key, item.fields, sid)


def delete_credential(work: Work, item: Item) -> None:
    """Delete the credential: the phone can neither register nor call."""
    lists = work.account.client.sip.credential_lists(work.credential_list_sid)
    lists.credentials(work.sid(item.kind, item.key)).delete()


def find_credential(work: Work, item: Item) -> Item | None:
    """The credential, looked for again."""
    found = list_credentials(work.account, work.credential_list_sid)
    return next((one for one in found if one.key == item.key), None)
