"""The files of a new network: what a few answers say, in the words of the sample.

The sample's comments explain the settings and its dial plan is a good first one, so both are taken from there; what
names its own phones, numbers and servers is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

from dialtone_nb.devices import MODELS
from dialtone_nb.parameters import EmergencyAddress
from dialtone_nb.parameters.field_types import is_time_zone
from dialtone_nb.values.phone_numbers import example_number, is_valid_number

ADDRESS_FIELDS = ("customer_name", "street", "city", "region", "postal_code", "country")
# Numbers for a phone that has none yet, kept for fiction; elsewhere than here a country's example has a neighbour.
FICTIONAL = {"US": "+15035550101", "CA": "+16045550101"}
# GSM networks and most countries have it, whatever else they have.
EMERGENCY_ELSEWHERE = "112"
# Premium rate and shared cost are refused in every country, without a line of their own.
_NOTHING_REFUSED = """\
# How a number must not begin, in E.164 form and the same patterns, beside what is refused everywhere: premium rate,
# shared cost and personal numbers. Add what else is dear where you are.
refused_prefixes: []"""
_NANP = 1
_FICTIONAL_TARGET = re.compile(r'number: "\+1[0-9]{3}55501[0-9]{2}"')


@dataclass(frozen=True, slots=True)
class NewNetwork:
    """What its operator answered; `number` is empty and `address` None where there is none yet."""

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


def network_texts(network: NewNetwork, sample: Mapping[str, str]) -> dict[str, str]:
    """The files by name, made of the sample's."""
    return {
        "network.yaml": network_text(sample["network.yaml"], network),
        "clients.yaml": clients_text(sample["clients.yaml"], network),
        "dialplan.yaml": dialplan_text(sample["dialplan.yaml"], network.country),
        "accepted.yaml": re.sub(
            r"(?m)^(# last sign of life of ).*:$", rf"\g<1>{network.phone}:", sample["accepted.yaml"]
        ),
        **{f"{name}.yaml": f"account: twilio\nenvironment: {name}\n" for name in network.environments},
    }


def network_text(sample: str, network: NewNetwork) -> str:
    """network.yaml, with the sample's comments; servers of our own that the sample has are written as comments."""
    environments, prefix, name = network.environments, network.domain_prefix, network.name
    remarks = dict(re.findall(r"protected: (true|false) +(#.*)", sample))
    last = environments[-1] if len(environments) > 1 else ""

    def protection(environment: str) -> str:
        protected = "true" if environment == last else "false"
        return f"  {environment}:\n    protected: {protected.ljust(16)}{remarks.get(protected, '')}".rstrip()

    def declared(block: str) -> str:
        return "\n".join([block.splitlines()[0], *map(protection, environments)]) + "\n\n"

    def server(block: str) -> str:
        urls = [f"    {environment}: https://{environment}.calls.example.org" for environment in environments]
        lines = [line for line in block.rstrip().splitlines() if "https://" not in line]
        at = next(at for at, line in enumerate(lines) if "base_urls:" in line) + 1
        return _as_comment("\n".join([*lines[:at], *urls, *lines[at:]])) + "\n"

    changes: dict[str, Callable[[str], str]] = {
        "service": lambda block: _with_value(block, "name", name),
        "environments": declared,
        "sip_domain_prefix": lambda block: block.replace("dialtone-example", prefix).replace("stage", environments[0]),
        "credential_list": lambda block: _with_value(block, "credential_list", f"{name.lower()}-phones"),
        "trunk": _trunk,
        "time_zone": lambda block: _with_value(block, "time_zone", _time_zone(network)),
        "server": server,
        "provisioning": _as_comment,
    }
    head, *blocks = re.split(r"(?m)^(?=[a-z_]+:)", sample)
    return head + "".join(changes.get(block.partition(":")[0], str)(block) for block in blocks)


def _with_value(block: str, key: str, value: str) -> str:
    """The block with another value of a key, and the comment behind it where it was."""

    def changed(found: re.Match[str]) -> str:
        return f"{found[1]}{value}".ljust(len(found[1] + found[2])) + (f"  {found[3]}" if found[3] else "")

    return re.sub(rf"(?m)^( *{key}: )(\S+ *?)(?:  (#.*))?$", changed, block, count=1)


def _trunk(block: str) -> str:
    contexts = re.sub(r"(contexts: ).*", r"\g<1>[menu, operator]", block)
    lines = re.sub(
        r"(?m)^  (username: .*)$", r"  # \1          # with its password in the variable TRUNK_PASSWORD", contexts
    )
    return lines.replace(
        "\n", "\n  # Until you write yours here, an example stands for it: at Twilio nobody answers there.\n", 1
    )


def _as_comment(block: str) -> str:
    return re.sub(r"(?m)^(?=[^#\n])", "# ", block)


def _time_zone(network: NewNetwork) -> str:
    from phonenumbers.timezone import time_zones_for_number  # a large table

    zones = time_zones_for_number(phonenumbers.parse(network.caller_id))
    return next(filter(is_time_zone, zones), "UTC")


def clients_text(sample: str, network: NewNetwork) -> str:
    """clients.yaml with one phone, and the sample's comments at its head and foot."""
    lines = sample.splitlines()
    head = "\n".join(_comments_from(lines))
    foot = "\n".join(reversed(_comments_from(lines[::-1])))
    fictional = "" if network.number else "      # fiction, for rehearsals, until you write its own here"
    entry = [
        f"{network.phone}:",
        f"  description: The first phone of {network.name}",
        f"  environment: {network.environments[0]}",
        f'  caller_id: "{network.caller_id}"{fictional}',
        "  trunk_context: menu",
        *_address_lines(network.address),
        f"  device: any                     # or {', '.join(name for name in MODELS if name != 'any')}",
    ]
    return "\n\n".join(filter(None, [head, "\n".join(entry), foot])) + "\n"


def _comments_from(lines: Sequence[str]) -> list[str]:
    end = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return list(lines[:end])


def _address_lines(address: EmergencyAddress | None) -> Iterator[str]:
    if address is None:
        yield "  # emergency_address: none yet, so this phone can't call for help"
        return
    yield "  emergency_address:"
    for field in ADDRESS_FIELDS:
        text = str(getattr(address, field)).replace("\\", "\\\\").replace('"', '\\"')
        yield f'    {field}: "{text}"'


def dialplan_text(sample: str, country: str) -> str:
    """dialplan.yaml: the sample's rules without its own numbers, or what people of another country dial."""
    at_home = _calling_code(country) == _NANP

    def changed(paragraph: str) -> str:
        if "\n    pattern: " in paragraph:
            return _rules(paragraph) if at_home else _rules_elsewhere(paragraph, country)
        if re.search(r"(?m)^allowed_countries:", paragraph):
            return _allowing(paragraph, country)
        if re.search(r"(?m)^refused_prefixes:", paragraph):
            return _without_area_codes(paragraph, country) if at_home else _NOTHING_REFUSED
        return paragraph if at_home else paragraph.replace("9 1 1", " ".join(EMERGENCY_ELSEWHERE))

    return "\n\n".join(map(changed, sample.rstrip().split("\n\n"))) + "\n"


def _rules(paragraph: str) -> str:
    return "".join(rule for rule in _by_rule(paragraph) if not _FICTIONAL_TARGET.search(rule)).rstrip()


def _by_rule(paragraph: str) -> list[str]:
    return re.split(r"(?m)^(?=  - name: )", f"{paragraph}\n")


def _rules_elsewhere(paragraph: str, country: str) -> str:
    """The sample's rules that hold anywhere, with the country's own way to dial at home and abroad."""
    from dialtone_nb.dialplan.check import EMERGENCY_NUMBERS  # loads a library for automata

    head, *rules = _by_rule(paragraph)
    trunk = [rule for rule in rules if "\n    trunk: " in rule]
    plus = [rule for rule in rules if 'pattern: "+X."' in rule]
    metadata = PhoneMetadata.metadata_for_region(country)
    prefixes = (metadata.preferred_international_prefix, metadata.international_prefix) if metadata else ()
    # Where there are several ways out, they stand as a regular expression; most of the world dials 00.
    abroad = next((prefix for prefix in prefixes if prefix and prefix.isdecimal()), "00")
    home = (metadata.national_prefix if metadata else None) or ""
    emergency = [EMERGENCY_ELSEWHERE, *(["999"] if country == "GB" and "999" in EMERGENCY_NUMBERS else [])]
    own = [
        f'  - name: international\n    pattern: "{abroad}."\n    pstn: "+{{dialled:{len(abroad)}}}"\n',
        f'  - name: national\n    pattern: "{home or "X"}."\n    pstn: "+{_calling_code(country)}{_rest(home)}"\n',
    ]
    helped = [f'  - name: emergency-{number}\n    pattern: "{number}"\n    emergency: true\n' for number in emergency]
    return "".join([head, *helped, *trunk, *own, *plus]).rstrip()


def _calling_code(country: str) -> int:
    return int(phonenumbers.country_code_for_region(country))


def _rest(prefix: str) -> str:
    return f"{{dialled:{len(prefix)}}}" if prefix else "{dialled}"


def _allowing(paragraph: str, country: str) -> str:
    if _calling_code(country) != _NANP:
        return f"# ISO 3166. Calls to other countries are refused.\nallowed_countries: [{country}]"
    is_listed = re.search(rf"allowed_countries: .*\b{country}\b", paragraph)
    return paragraph if is_listed else paragraph.replace("allowed_countries: [", f"allowed_countries: [{country}, ")


def _without_area_codes(paragraph: str, country: str) -> str:
    """The refused prefixes but those of the country itself: at home they are no islands."""
    # A library for automata, which is slow to load, and which a server that runs without notebooks lacks.
    from dialtone_nb.dialplan.countries import beginnings_regex, refused_beginnings

    elsewhere = re.compile(beginnings_regex(refused_beginnings(frozenset({country})).elsewhere))
    lines = paragraph.splitlines()
    found = [re.match(r'      - "\+1([0-9]{3})"', line) for line in lines]
    return "\n".join(
        line for line, area in zip(lines, found, strict=True) if not area or elsewhere.match(f"+1{area[1]}2345678")
    )
