"""A phone's sheet: one HTML page that a person takes to the device, on paper or on a telephone's screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from pydantic import Field

from dialtone_nb.devices.model import Transport
from dialtone_nb.parameters import Parameters
from dialtone_nb.parameters.yaml_files import Closed, YamlFile
from dialtone_nb.phones.configurations import loadable_names, scanned_address
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
    steps = settings.model.steps.filled(client=named, file=" and ".join(files), address=address)
    scanned = scanned_address(settings)
    return _template().render(
        settings=settings,
        client=declared,
        number=format_number(declared.caller_id),
        steps=steps,
        files=files,
        scanned=scanned,
        qr_code=draw_qr_code(scanned, f"QR code of {scanned}") if scanned else "",
        folder=settings.private_file.rpartition("/")[0],
        screens=settings.by_screen(),
        proofs=proofs_for(parameters, client, see_registered=steps.see_registered, is_rehearsed=registrar is not None),
        is_here=registrar is not None and registrar.host in LOOPBACK,
        failures=failures_for(settings.transport, emergency=declared.calls_emergency),
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


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing to try: what to do, and what a good result is."""

    name: str
    do: str
    good: str


def proofs_for(
    parameters: Parameters, client: str, *, see_registered: str, is_rehearsed: bool = False
) -> tuple[Proof, ...]:
    """The proofs that a phone works, in the order in which one stands on the other; 933 where there is that line.

    At a rehearsal nobody's telephone but this one is real.
    """
    declared = parameters.clients[client]
    number, address = format_number(declared.caller_id), declared.emergency_address
    if is_rehearsed:
        call, heard = "Dial 503 555 0191, and speak.", "A voice says so, and then you hear yourself."
        menu = "A voice says that this is the trunk, or your own server answers."
        ring = "In the walkthrough, at “A real telephone”, press the button that rings it."
        rings = "This phone rings. A voice says that nobody real is calling."
        read = "A voice says that this is no emergency service, and what you dialled."
    else:
        call, heard = (
            "Dial your own mobile phone, area code first.",
            f"It rings and shows {number}. Both sides can hear each other.",
        )
        menu = "The network’s own menu answers."
        ring, rings = f"From your mobile phone call {number}.", "This phone rings. Both sides can hear each other."
        read = f"A voice reads the address: {address.street}, {address.city}." if address else ""
    has_menu = any(rule.pattern == "#" for rule in parameters.dialplan.rules)
    return (
        Proof("registers", "Wait a minute after the last change.", see_registered),
        Proof("hears dial tone", "Lift the handset, or open the keypad.", "A steady tone, or the keypad is ready."),
        Proof("calls out", call, heard),
        *([Proof("reaches the menu", "Dial # and nothing else.", menu)] if has_menu else []),
        Proof("rings from outside", ring, rings),
        *(
            [
                Proof(
                    "reads its address back",
                    "Dial 933, before the phone is opened to the public. Never try with 911.",
                    read,
                )
            ]
            if declared.has_test_line
            else []
        ),
    )


class Failure(Closed):
    """One thing that goes wrong: the proof that shows it, Twilio's codes for it, what it means, how to repair it."""

    proof: str
    sign: str
    codes: tuple[int, ...] = Field((), strict=False)
    means: str
    repair: str
    transports: tuple[Transport, ...] = Field(("UDP", "TCP", "TLS"), strict=False)
    emergency: bool = False


def failures_for(transport: Transport, *, emergency: bool) -> tuple[Failure, ...]:
    """The failures that a phone with this transport, with emergency calling or without, can have."""
    return tuple(
        failure
        for failure in _all_failures()
        if transport in failure.transports and (emergency or not failure.emergency)
    )


@cache
def _all_failures() -> tuple[Failure, ...]:
    failures: tuple[Failure, ...] = YamlFile(Path(__file__).with_name("failures.yaml")).parse(list[Failure])
    return tuple(failures)
