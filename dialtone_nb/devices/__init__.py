"""The telephones that a phone can be: one record a model, in the module of its maker, and all of them here."""

from __future__ import annotations

from dialtone_nb.devices.any_phone import ANY_PHONE
from dialtone_nb.devices.grandstream import GRANDSTREAM
from dialtone_nb.devices.linksys import LINKSYS
from dialtone_nb.devices.linphone import LINPHONE
from dialtone_nb.devices.model import DeviceModel
from dialtone_nb.devices.polycom import POLYCOM

__all__ = ["MODELS"]

# By the name that clients.yaml has for it. This is the only list of devices.
MODELS: dict[str, DeviceModel] = {model.key: model for model in (*LINKSYS, *GRANDSTREAM, *POLYCOM, LINPHONE, ANY_PHONE)}
