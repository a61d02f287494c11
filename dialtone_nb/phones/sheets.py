"""A phone's sheet: one HTML page that a person takes to the device, on paper or on a telephone's screen."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from dialtone_nb.parameters import Parameters
from dialtone_nb.phones.configurations import loadable_names, scanned_address
from dialtone_nb.phones.devices import device_fields
from dialtone_nb.phones.devices.screens import by_screen
from dialtone_nb.phones.devices.words import device_words
from dialtone_nb.phones.failures import failures_for
from dialtone_nb.phones.proofs import proofs_for, rehearsed_proofs_for
from dialtone_nb.phones.qr_codes import draw_qr_code
from dialtone_nb.phones.settings import RegistrarAddress, device_settings
from dialtone_nb.values.loopback import LOOPBACK
from dialtone_nb.values.phone_numbers import format_number


def render_sheet(parameters: Parameters, client: str, *, registrar: RegistrarAddress | None = None) -> str:
    """The sheet as one self-contained HTML page. It never holds the password, only where that is.

    With a `registrar` it is for a rehearsal that the real phone registers to, and says so at its top.
    """
    settings = device_settings(parameters, client, registrar=registrar)
    declared = parameters.clients[client]
    files = loadable_names(settings)
    address = settings.provisioning or "the address that it shows"
    named = f"{client} --rehearsal" if registrar else client  # for `hand-over`: where the files are
    words = device_words(settings.device, client=named, file=" and ".join(files), address=address)
    scanned = scanned_address(settings)
    proofs = rehearsed_proofs_for if registrar else proofs_for
    emergency = declared.emergency_address is not None
    return _template().render(
        settings=settings,
        client=declared,
        number=format_number(declared.caller_id),
        words=words,
        files=files,
        scanned=scanned,
        qr_code=draw_qr_code(scanned, f"QR code of {scanned}") if scanned else "",
        folder=settings.private_file.rpartition("/")[0],
        screens=by_screen(device_fields(settings)),
        proofs=proofs(parameters, client, see_registered=words.see_registered),
        is_here=registrar is not None and registrar.host in LOOPBACK,
        failures=failures_for(settings.transport, emergency=emergency),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("dialtone_nb.phones"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("sheet.html.j2")
