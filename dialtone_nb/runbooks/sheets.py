"""A phone's sheet and ready configuration for the rehearsal's SIP door: this computer in place of Twilio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dialtone_nb.account.rehearsal_control import SipDoor, find_door
from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.phones.configurations import configuration_files, find_password
from dialtone_nb.phones.private_files import load_private_files, private_folder, save_private_files
from dialtone_nb.phones.settings import RegistrarAddress, device_settings, registrar_at
from dialtone_nb.phones.sheets import render_sheet
from dialtone_nb.runbooks.workspace import Site


def registrar_of(site: Site, client: str, door: SipDoor | None = None) -> RegistrarAddress | None:
    """Where a phone registers while a door is open: there; None where none is, and so at Twilio."""
    door = door or find_door(site.account)
    if door is None:
        return None
    return registrar_at(site.parameters, client, door.host, door.port)


def write_sheet(site: Site, client: str, registrar: RegistrarAddress | None) -> Path:
    """The phone's sheet, for a door or for Twilio; it holds no password."""
    sheet = sheet_folder(site) / f"{client}.html"
    sheet.parent.mkdir(parents=True, exist_ok=True)
    write_whole(sheet, render_sheet(site.parameters, client, registrar=registrar))
    return sheet


def rewrite_for_door(site: Site, client: str, door: SipDoor) -> Sequence[Path]:
    """The sheet, and the private files, of a phone that was set up before the door was open, now made for it."""
    registrar = registrar_of(site, client, door)
    folder = private_folder(site.environment, client, root=site.private)
    settings = device_settings(site.parameters, client, registrar=registrar)
    written = [write_sheet(site, client, registrar)]
    if password := find_password(settings, load_private_files(folder)):
        written += save_private_files(folder, configuration_files(settings, password))
    return written


def sheet_folder(site: Site) -> Path:
    """Where the device sheets of an environment go."""
    return site.project / "reports" / ("rehearsal" if site.account.is_rehearsal else site.environment) / "sheets"
