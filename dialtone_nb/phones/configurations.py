"""The files of a phone's private folder: its password with every field to type, and what its make can load."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dialtone_nb.devices import MODELS
from dialtone_nb.devices.model import DeviceSettings
from dialtone_nb.phones.private_files import PASSWORD_FILE
from dialtone_nb.phones.qr_codes import draw_qr_code

QR_FILE = "qr.svg"


def configuration_files(settings: DeviceSettings, password: str) -> dict[str, str]:
    """The contents of the phone's private files by name. They hold the password: for `save_private_files` only."""
    files = {PASSWORD_FILE: _as_text(settings, password), **settings.files(password)}
    address = scanned_address(settings)
    return {**files, QR_FILE: draw_qr_code(address, f"QR code of {address}")} if address else files


def scanned_address(settings: DeviceSettings) -> str:
    """The address that the phone's camera can read: of its configuration; empty where it has none, or none is declared.

    The address is no secret: what is behind it is handed out only while an operator has it handed out.
    """
    if not settings.model.has_camera or not settings.provisioning:
        return ""
    return f"{settings.provisioning}/{loadable_names(settings)[0]}"


def loadable_names(settings: DeviceSettings) -> tuple[str, ...]:
    """The names of the private files that the phone's make can load; nothing where it is set up by hand."""
    return tuple(settings.files(password=""))


def find_password(settings: DeviceSettings, files: Mapping[str, str]) -> str:
    """The password that a phone's private files hold; empty where they hold none.

    They may have been written when the phone was declared as another model, whose screens have another word for it.
    """
    screens = (field for model in MODELS.values() for field in replace(settings, model=model).fields)
    labels = {re.escape(field.label) for field in screens if field.is_password}
    found = re.search(rf"^  (?:{'|'.join(labels)}) +(\S+)$", files.get(PASSWORD_FILE, ""), re.MULTILINE)
    return found[1] if found else ""


def _as_text(settings: DeviceSettings, password: str) -> str:
    lines = [f"{settings.client} ({settings.environment}), {settings.model.key}", "Keep this file to yourself."]
    for screen, fields in settings.by_screen().items():
        width = max(len(field.label) for field in fields)
        lines += ["", screen]
        lines += [f"  {field.label:<{width}}  {password if field.is_password else field.shown}" for field in fields]
    return "\n".join(lines) + "\n"
