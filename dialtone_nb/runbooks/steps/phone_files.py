"""A phone's files: its sheet, its ready configuration, and its password on the way to Twilio and into them.

While a door of the rehearsal is open, this computer stands in them in place of Twilio.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dialtone_nb.account.rehearsal_control import DoorAddress, find_door
from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.files.reports_folder import reports_folder
from dialtone_nb.infrastructure.apply import ChangeOutcome, Status
from dialtone_nb.infrastructure.plan import Change, Plan
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.model import Action, Id
from dialtone_nb.infrastructure.site import Site
from dialtone_nb.phones.configurations import configuration_files, find_password
from dialtone_nb.phones.passwords import (
    delete_pending_password,
    generate_password,
    load_pending_password,
    save_pending_password,
)
from dialtone_nb.phones.private_files import load_private_files, private_folder, save_private_files
from dialtone_nb.phones.settings import RegistrarAddress, device_settings, registrar_at
from dialtone_nb.phones.sheets import render_sheet


def registrar_of(site: Site, client: str, door: DoorAddress | None = None) -> RegistrarAddress | None:
    """Where a phone registers while a door is open: there; None where none is, and so at Twilio."""
    door = door or find_door(site.account)
    if door is None:
        return None
    return registrar_at(site.parameters, client, door.host, door.port)


def write_sheet(site: Site, client: str, registrar: RegistrarAddress | None) -> Path:
    """The phone's sheet, for a door or for Twilio; it holds no password."""
    sheet = _sheet_file(site, client)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    write_whole(sheet, render_sheet(site.parameters, client, registrar=registrar))
    return sheet


def renew_files(site: Site, client: str, registrar: RegistrarAddress | None) -> Sequence[Path]:
    """Write anew what is no longer as declared of a set-up phone's sheet and private files: those that were written."""
    folder, sheet = _folder(site, client), _sheet_file(site, client)
    settings = device_settings(site.parameters, client, registrar=registrar)
    written: list[Path] = []
    if not sheet.is_file() or sheet.read_text(encoding="utf-8") != render_sheet(
        site.parameters, client, registrar=registrar
    ):
        written.append(write_sheet(site, client, registrar))
    before = load_private_files(folder)
    if password := find_password(settings, before):
        files = configuration_files(settings, password)
        if not files.items() <= before.items():
            written += save_private_files(folder, files)
    return written


def sheet_file(project: Path, environment: str, client: str, *, rehearsed: bool) -> Path:
    """Where a phone's device sheet goes."""
    reports = reports_folder(rehearsed=rehearsed)
    return project / (reports if rehearsed else reports / environment) / "sheets" / f"{client}.html"


def _sheet_file(site: Site, client: str) -> Path:
    return sheet_file(site.project, site.environment, client, rehearsed=site.account.is_rehearsal)


def is_pending(site: Site, client: str) -> bool:
    """Whether a run broke off while it set this phone's password, so that nobody knows which one Twilio has."""
    return bool(load_pending_password(_folder(site, client)))


def make_passwords(site: Site, client: str, plan: Plan) -> Mapping[Id, str]:
    """The password that the plan needs, on disk before Twilio hears of it: the one still pending, or a new one."""
    secrets: dict[Id, str] = {}
    for change in filter(sets_a_password, plan.changes):
        folder = _folder(site, client)
        password = load_pending_password(folder) or generate_password()
        site.account.transport.keep_secret(password)
        save_pending_password(folder, password)
        secrets[change.id] = password
    return secrets


def keep_passwords(site: Site, client: str, outcomes: Iterable[ChangeOutcome]) -> None:
    """Write a password that Twilio has now to the phone's private files; then none is pending."""
    folder = _folder(site, client)
    for one in outcomes:
        if one.change.kind is not CREDENTIAL or one.status is not Status.DONE:
            continue
        password = load_pending_password(folder)
        if password and sets_a_password(one.change):
            settings = device_settings(site.parameters, client, registrar=registrar_of(site, client))
            save_private_files(folder, configuration_files(settings, password))
        delete_pending_password(folder)


def sets_a_password(change: Change) -> bool:
    """Whether a change gives a phone a password."""
    return change.kind is CREDENTIAL and change.action is not Action.DELETE


def _folder(site: Site, client: str) -> Path:
    return private_folder(site.environment, client, root=site.private)
