"""The credential list, and the credentials in it that belong to no phone."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.verify.checks import Check, good, wrong
from dialtone_nb.verify.seen import Seen

SUBJECT = "Credential list"


def credential_checks(seen: Seen) -> Iterator[Check]:
    """Whether the list is there, and lets in nobody whom clients.yaml does not declare, in whatever environment."""
    name = seen.parameters.network.credential_list
    title = f"credential list {name}"
    if seen.change(CREDENTIAL_LIST, name):
        repair = f"{seen.deploy_words}, then client_setup for each phone"
        yield wrong(SUBJECT, title, "not there", "no phone can register or call", repair)
        return
    yield good(SUBJECT, title, "there", "phones have a place for their passwords")
    yield _strangers(seen)


def _strangers(seen: Seen) -> Check:
    title = "credentials without a phone"
    strangers = sorted({item.key for item in seen.existing.state.of(CREDENTIAL)} - set(seen.parameters.clients))
    if not strangers:
        return good(SUBJECT, title, "none", "nobody but declared phones can register or call")
    return wrong(
        SUBJECT,
        title,
        ", ".join(strangers),
        "whoever has such a password can register here, and call at our cost",
        "declare them in clients.yaml, or take them out in the Console: Voice, Credential lists",
    )
