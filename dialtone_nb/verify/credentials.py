"""The credential list, and the credentials in it that belong to no phone."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.infrastructure.resources.model import Kind
from dialtone_nb.verify.checks import Check, good, wrong
from dialtone_nb.verify.comparison import Comparison

SUBJECT = "Credential list"


def credential_checks(compared: Comparison) -> Iterator[Check]:
    """Whether the list is there, and lets in nobody whom clients.yaml does not declare, in whatever environment."""
    name = compared.parameters.network.credential_list
    title = f"credential list {name}"
    if compared.change(Kind.CREDENTIAL_LIST, name):
        repair = f"{compared.deploy_words}, then client_setup for each phone"
        yield wrong(SUBJECT, title, "not there", "no phone can register or call", repair)
        return
    yield good(SUBJECT, title, "there", "phones have a place for their passwords")
    yield _strangers(compared)


def _strangers(compared: Comparison) -> Check:
    title = "credentials without a phone"
    strangers = sorted(
        {item.key for item in compared.existing.state.of(Kind.CREDENTIAL)} - set(compared.parameters.clients)
    )
    if not strangers:
        return good(SUBJECT, title, "none", "nobody but declared phones can register or call")
    return wrong(
        SUBJECT,
        title,
        ", ".join(strangers),
        "whoever has such a password can register here, and call at our cost",
        "declare them in clients.yaml, or take them out in the Console: Voice, Credential lists",
    )
