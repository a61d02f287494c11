"""What is known of a telephone, one record a model; its sheet, its files and its dial string all follow from that."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

Transport = Literal["UDP", "TCP", "TLS"]
# The languages of dial strings, by who made them up.
Grammar = Literal["linksys", "grandstream", "polycom"]
GRAMMARS: tuple[Grammar, ...] = get_args(Grammar)
# Twilio, SIP registration: UDP and TCP on 5060, TLS (1.2 or newer) on 5061.
PORTS: dict[Transport, int] = {"UDP": 5060, "TCP": 5060, "TLS": 5061}
# Twilio answers 407 with this realm, whatever the domain (observed).
REALM = "sip.twilio.com"


@dataclass(frozen=True, slots=True)
class ScreenField:
    """One field of one screen: its own name there, what it is set to, and how the configuration file calls it."""

    screen: str
    label: str
    set_to: str  # as a person sees it: "10 minutes"; of the password, where to find it
    name: str = ""  # in the configuration file: "P32"; empty where the file hasn't it
    in_file: str | None = None  # "10"; None where the file has what the screen has
    why: str = ""
    is_password: bool = False

    @property
    def shown(self) -> str:
        """What a sheet says for it."""
        return self.set_to or "(empty)"


ScreenFields = tuple[ScreenField, ...]


def steps(text: str) -> tuple[str, ...]:
    """The steps of a list in plain text, each behind a dash and on as many lines as it takes."""
    return tuple(" ".join(step.split()) for step in re.split(r"(?m)^ *- ", text)[1:])


@dataclass(frozen=True, slots=True)
class Steps:
    """What a person does with a device, each in its order.

    {client} is the phone's name, {file} the file that the device can load, {address} where it is handed out,
    {bare_address} the same without http://.
    """

    open_screens: tuple[str, ...]
    see_registered: str
    undo: tuple[str, ...]
    load_file: tuple[str, ...] = ()

    def filled(self, *, client: str, file: str, address: str) -> Steps:
        """The steps for one phone."""
        names = {"client": client, "file": file, "address": address}
        names["bare_address"] = address.partition("://")[2] or address

        def fill(steps: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(step.format(**names) for step in steps)

        return replace(self, open_screens=fill(self.open_screens), undo=fill(self.undo), load_file=fill(self.load_file))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceModel:
    """One model of telephone or adapter: all that tells it from the others."""

    key: str  # as clients.yaml has it: "grandstream-ht802"
    name: str  # as its maker calls it
    ports: int = 1  # sockets for telephones; the first is the one that is set up
    # Those that it can use with Twilio, the one that it is set to first. TLS where the device can do 1.2. The older
    # ones can't (Twilio's error 32222): TCP keeps a router's binding better than UDP, where it was seen to work.
    transports: tuple[Transport, ...]
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    grammar: Grammar | None = None  # of its dial string; None where a person presses a call key
    screens: Callable[[DeviceSettings], ScreenFields]
    # The files that it can load, by name, made of the names and values that its screens have for them.
    files: Callable[[DeviceSettings, Mapping[str, str]], dict[str, str]] | None = None
    # The name that it makes of its MAC address and asks for, and the one of its files that it means: two expressions.
    own_name: tuple[str, str] | None = None
    has_camera: bool = False  # and takes its configuration from an address that it reads
    steps: Steps
    # What of this was seen with the device itself, and what stands on its maker's word.
    tried: str
    untried: str

    @property
    def plain_transport(self) -> Transport:
        """How it reaches somebody whose certificate it does not trust."""
        usual = self.transports[0]
        return "TCP" if usual == "TLS" else usual


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """What a phone is told, whatever its make; expiry and keep-alive in seconds, empty for nothing."""

    client: str
    environment: str
    model: DeviceModel
    host: str  # the SIP domain, which is the registrar too
    port: int
    transport: Transport
    user: str
    auth_id: str
    display_name: str
    expiry_s: int
    keep_alive_s: int
    outbound_proxy: str
    outbound_port: int  # the proxy's, where there is one
    dial_string: str
    private_file: str  # where the password is: private/<environment>/<client>/phone.txt
    provisioning: str  # the address under which the phone's ready configuration can be fetched
    is_rehearsed: bool  # whether it registers somewhere else than at Twilio
    syslog: str = ""  # the address that it logs its registrations to, where one is declared

    @property
    def outbound_address(self) -> str:
        """The outbound proxy in one field, with its port where that is not the transport's own; empty for none."""
        is_usual = self.outbound_port == PORTS[self.transport]
        return (
            self.outbound_proxy
            if is_usual or not self.outbound_proxy
            else f"{self.outbound_proxy}:{self.outbound_port}"
        )

    @property
    def fields(self) -> ScreenFields:
        """The screens of the phone's model, filled in; the password is not among them."""
        return self.model.screens(self)

    def by_screen(self) -> dict[str, ScreenFields]:
        """The fields of each screen, in the order in which the device shows them."""
        names = dict.fromkeys(field.screen for field in self.fields)
        return {name: tuple(field for field in self.fields if field.screen == name) for name in names}

    def files(self, password: str) -> dict[str, str]:
        """What the device can load, by name; nothing where it is set up by hand. The files hold the password."""
        return self.model.files(self, named_values(self.fields, password)) if self.model.files else {}


def named_values(fields: Sequence[ScreenField], password: str) -> dict[str, str]:
    """What a configuration file holds, by name, in order."""
    return {
        field.name: password if field.is_password else field.set_to if field.in_file is None else field.in_file
        for field in fields
        if field.name
    }
