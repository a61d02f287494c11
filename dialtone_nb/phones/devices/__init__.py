"""The devices that a phone can be: their screens and their configuration files, one module a make."""

from __future__ import annotations

from dialtone_nb.phones.devices.any_phone import any_phone_fields
from dialtone_nb.phones.devices.grandstream import grandstream_fields, grandstream_files
from dialtone_nb.phones.devices.linksys import linksys_fields, linksys_files
from dialtone_nb.phones.devices.linphone import linphone_fields, linphone_files
from dialtone_nb.phones.devices.polycom import polycom_fields, polycom_files
from dialtone_nb.phones.devices.screens import Fields
from dialtone_nb.phones.settings import DeviceSettings

__all__ = ["device_fields", "device_files"]

FIELDS = {
    "grandstream": grandstream_fields,
    "linksys": linksys_fields,
    "polycom": polycom_fields,
    "linphone": linphone_fields,
    "any": any_phone_fields,
}
FILES = {
    "grandstream": grandstream_files,
    "linksys": linksys_files,
    "polycom": polycom_files,
    "linphone": linphone_files,
}


def device_fields(settings: DeviceSettings) -> Fields:
    """The screens of the phone's make, filled in with its settings; the password is not among them."""
    return FIELDS[_make(settings)](settings)


def device_files(settings: DeviceSettings, password: str) -> dict[str, str]:
    """What the phone's make can load, by name; nothing where it is set up by hand. They hold the password."""
    return FILES[_make(settings)](settings, password) if _make(settings) in FILES else {}


def _make(settings: DeviceSettings) -> str:
    return settings.device.partition("-")[0]
