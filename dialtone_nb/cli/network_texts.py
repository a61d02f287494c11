"""The files of a new network: what a few answers say, in templates that the sample network follows too.

Their comments explain the settings, and their dial plan is a good first one. Rendered with the sample's answers they
are the sample's files, which a test holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata
from ruamel.yaml import YAML

from dialtone_nb.devices import MODELS
from dialtone_nb.dialplan.countries import beginnings_regex, refused_beginnings
from dialtone_nb.parameters import FILES, OPTIONAL_FILES, Client, EmergencyAddress
from dialtone_nb.parameters.field_types import is_time_zone
from dialtone_nb.values.emergency import EMERGENCY_NUMBERS
from dialtone_nb.values.phone_numbers import example_number, is_valid_number

if TYPE_CHECKING:
    from jinja2 import Environment

ADDRESS_FIELDS = ("customer_name", "street", "city", "region", "postal_code", "country")
# Numbers for a phone that has none yet, kept for fiction; elsewhere than here a country's example has a neighbour.
FICTIONAL = {"US": "+15035550101", "CA": "+16045550101"}
# What YAML 1.1, and hence papermill -f, reads as true and false.
YAML_1_1_TRUTHS = {"yes", "no", "on", "off"}
# The calling code of the North American Numbering Plan.
NANP = 1


@dataclass(frozen=True, slots=True)
class NewNetwork:
    """The operator's answers; without a number yet `number` is empty, without an address `address` is None."""

    name: str
    domain_prefix: str
    environments: tuple[str, ...]
    phone: str
    number: str
    address: EmergencyAddress | None
    country: str

    @property
    def caller_id(self) -> str:
        """The phone's number, or one of its country that nobody has."""
        if self.number or self.country in FICTIONAL:
            return self.number or FICTIONAL[self.country]
        example = example_number(self.country)
        others = (f"{example[:-1]}{digit}" for digit in "0123456789")
        return next(number for number in others if number != example and is_valid_number(number))

    @property
    def phones(self) -> dict[str, Client]:
        """Its first phone, by name."""
        first = Client(
            description=f"The first phone of {self.name}",
            environment=self.environments[0],
            caller_id=self.caller_id,
            trunk_context="menu",
            emergency_address=self.address,
        )
        return {self.phone: first}


def network_texts(network: NewNetwork, sample: Mapping[str, Client] | None = None) -> dict[str, str]:
    """The files by name; those of the sample network where its phones are given, with its servers and numbers."""
    context = {
        **{field: getattr(network, field) for field in network.__dataclass_fields__},
        "is_sample": sample is not None,
        "phones": sample or network.phones,
        "address_fields": ADDRESS_FIELDS,
        "devices": [key for key in MODELS if key != "any"],
        "time_zone": _time_zone(network.caller_id),
        **_dialling(network.country),
    }
    texts = {name: _templates().get_template(f"{name}.j2").render(context) for name in (*FILES, *OPTIONAL_FILES)}
    return texts | {f"{name}.yaml": f"account: twilio\nenvironment: {_scalar(name)}\n" for name in network.environments}


@cache
def _templates() -> Environment:
    # A server that runs without notebooks has the command line, and no templates.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("dialtone_nb.cli"),
        autoescape=False,  # noqa: S701 - what is written is YAML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # Text up to the column at which a comment begins, or two blanks where it is longer.
    templates.filters["pad"] = lambda text, column: text.ljust(column - 2) + "  "
    templates.filters |= {"quoted": _quoted, "scalar": _scalar}
    return templates


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _scalar(text: str) -> str:
    """The text as a value of YAML, in quotes where it would else be read as something that is not text."""
    is_text = YAML(typ="safe").load(text) == text and text.lower() not in YAML_1_1_TRUTHS
    return text if is_text else _quoted(text)


def _time_zone(number: str) -> str:
    from phonenumbers.timezone import time_zones_for_number  # a large table

    return next(filter(is_time_zone, time_zones_for_number(phonenumbers.parse(number))), "UTC")


def _dialling(country: str) -> dict[str, Any]:
    """How people of a country dial: at home, abroad and for help."""
    code = int(phonenumbers.country_code_for_region(country))
    metadata = PhoneMetadata.metadata_for_region(country)
    exits = (metadata.preferred_international_prefix, metadata.international_prefix) if metadata else ()
    return {
        "in_nanp": code == NANP,
        "calling_code": code,
        # In a country whose emergency numbers Twilio does not put through, no rule could call one.
        "emergency_numbers": EMERGENCY_NUMBERS.get(country, ()),
        # Where there are several ways out, they stand as a regular expression; most of the world dials 00.
        "exit_code": next((prefix for prefix in exits if prefix and prefix.isdecimal()), "00"),
        "trunk_prefix": (metadata.national_prefix if metadata else None) or "",
        "is_elsewhere": _elsewhere_under_nanp(country) if code == NANP else None,
    }


def _elsewhere_under_nanp(country: str) -> Callable[[str], bool]:
    """Whether an area code is another country's: at home they are no islands."""
    elsewhere = re.compile(beginnings_regex(refused_beginnings(frozenset({country})).elsewhere))
    return lambda area_code: elsewhere.match(f"+1{area_code}2345678") is not None
