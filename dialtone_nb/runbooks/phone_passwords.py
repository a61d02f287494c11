"""A phone's password on its way to Twilio and into the phone's private files, whatever stops the run in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dialtone_nb.infrastructure.apply import Outcome, Status
from dialtone_nb.infrastructure.plan import Action, Change, Plan
from dialtone_nb.infrastructure.resources.model import Id, Kind
from dialtone_nb.phones.configurations import configuration_files
from dialtone_nb.phones.passwords import (
    delete_pending_password,
    generate_password,
    load_pending_password,
    save_pending_password,
)
from dialtone_nb.phones.private_files import private_folder, save_private_files
from dialtone_nb.phones.settings import device_settings
from dialtone_nb.runbooks.sheets import registrar_of
from dialtone_nb.runbooks.workspace import Site


def is_pending(site: Site, client: str) -> bool:
    """Whether a run broke off while it set this phone's password, so that nobody knows which one Twilio has."""
    return bool(load_pending_password(_folder(site, client)))


def make_passwords(site: Site, client: str, plan: Plan) -> Mapping[Id, str]:
    """The password that the plan needs, on disk before Twilio hears of it: the one still pending, or a new one."""
    secrets: dict[Id, str] = {}
    for change in filter(_sets_a_password, plan.changes):
        folder = _folder(site, client)
        password = load_pending_password(folder) or generate_password()
        site.account.transport.keep_secret(password)
        save_pending_password(folder, password)
        secrets[change.id] = password
    return secrets


def keep_passwords(site: Site, client: str, outcomes: Iterable[Outcome]) -> None:
    """Write a password that Twilio has now to the phone's private files; then none is pending."""
    folder = _folder(site, client)
    for one in outcomes:
        if one.change.kind is not Kind.CREDENTIAL or one.status is not Status.DONE:
            continue
        password = load_pending_password(folder)
        if password and _sets_a_password(one.change):
            settings = device_settings(site.parameters, client, registrar=registrar_of(site, client))
            save_private_files(folder, configuration_files(settings, password))
        delete_pending_password(folder)


def _sets_a_password(change: Change) -> bool:
    return change.kind is Kind.CREDENTIAL and change.action is not Action.DELETE


def _folder(site: Site, client: str) -> Path:
    return private_folder(site.environment, client, root=site.private)
