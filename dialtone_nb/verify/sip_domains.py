"""The two SIP domains and the credential list: where calls go, what phones may do, and who is let in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dialtone_nb.infrastructure.plan import Change
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.model import Resource, ResourceType, readable
from dialtone_nb.infrastructure.resources.sip_domains import (
    CALLS_MAPPING,
    FIELDS,
    REGISTRATIONS_MAPPING,
    SIP_DOMAIN,
    mapping_key,
)
from dialtone_nb.verify.checks import Check, good, wrong
from dialtone_nb.verify.comparison import Comparison
from dialtone_nb.verify.phones import not_compared

LIST_SUBJECT = "Credential list"


@dataclass(frozen=True, slots=True)
class Facet:
    """Settings of a domain that belong together, what they are for, and what a wrong one causes."""

    name: str
    fields: tuple[str, ...]
    meaning: str
    harm: str


FACETS = (
    Facet(
        "voice URL",
        ("voice_url", "voice_method"),
        "what a phone dials is decided by our function",
        "a phone that dials reaches nobody, or another application",
    ),
    Facet("registration", ("sip_registration",), "phones may register", "phones can't register, so none can be called"),
    Facet(
        "emergency calling",
        ("emergency_calling_enabled",),
        "911 and 933 go through on the domain of phones with an emergency address, and on no other",
        "911 and 933 don't go through, or go through without an address, which costs $75 a call",
    ),
    Facet(
        "encryption",
        ("secure",),
        "phones may use UDP and TCP; encryption is not demanded",
        "phones without TLS and SRTP are refused (32207 to 32209)",
    ),
)
OTHER_SETTINGS = Facet(
    "other settings",
    tuple(field for field in FIELDS if not any(field in facet.fields for facet in FACETS)),
    "no other URL and no other trunk interferes",
    "calls may be sent elsewhere when the function fails, or be reported elsewhere",
)
_MAPPINGS = (
    (CALLS_MAPPING, "calls", "phones may call", "every call of a phone is refused (32202)"),
    (REGISTRATIONS_MAPPING, "registrations", "phones may register", "every registration is refused (32212)"),
)


def domain_checks(compared: Comparison) -> Iterator[Check]:
    """The checks of both domains; of a domain that is not there, just that."""
    network = compared.parameters.network
    for emergency in (True, False):
        name = network.sip_domain(compared.environment, emergency=emergency)
        domain = compared.find(SIP_DOMAIN, name)
        if domain is None:
            harm = "the phones on it have no dial tone"
            yield wrong(subject_of(name), f"domain {name}", "not there", harm, compared.deploy_words)
            continue
        change = compared.change(SIP_DOMAIN, name)
        for facet in (*FACETS, OTHER_SETTINGS):
            check = _facet(compared, domain, facet, change)
            yield not_compared(check, compared) if {"voice_url", "voice_fallback_url"} & {*facet.fields} else check
        for kind, word, meaning, harm in _MAPPINGS:
            yield _mapping(compared, kind, f"{word} mapping", name, meaning, harm)
        yield _guests(compared, domain)


def subject_of(domain: str) -> str:
    """The heading of a domain's checks."""
    return f"SIP domain {domain}"


def _facet(compared: Comparison, domain: Resource, facet: Facet, change: Change | None) -> Check:
    subject, title = subject_of(domain.key), f"{facet.name} of {domain.key}"
    differing = {name: change.after[name] for name in facet.fields if change and name in change.after}
    if not differing:
        found = "as declared" if facet is OTHER_SETTINGS else readable(domain.fields[facet.fields[0]])
        return good(subject, title, found, facet.meaning)
    words = [f"{readable(domain.fields[name])}, not {readable(value)}" for name, value in differing.items()]
    if facet is OTHER_SETTINGS:
        words = [f"{name.replace('_', ' ')} is {text}" for name, text in zip(differing, words, strict=True)]
    return wrong(subject, title, "; ".join(words), facet.harm, compared.deploy_words)


def _mapping(compared: Comparison, kind: ResourceType, aspect: str, domain: str, meaning: str, harm: str) -> Check:
    subject, title = subject_of(domain), f"{aspect} of {domain}"
    name = compared.parameters.network.credential_list
    if compared.find(kind, mapping_key(domain, name)):
        return good(subject, title, name, meaning)
    return wrong(subject, title, f"{name} is not mapped", harm, compared.deploy_words)


def _guests(compared: Comparison, domain: Resource) -> Check:
    """Whether others than our phones are accepted, or our phones only from certain addresses."""
    subject, title = subject_of(domain.key), f"other users of {domain.key}"
    ours = compared.parameters.network.credential_list
    state = compared.existing.state
    keys = {item.key for kind, *_ in _MAPPINGS for item in state.of(kind) if item.key.startswith(f"{domain.key}/")}
    others = sorted(key.partition("/")[2] for key in keys if key != mapping_key(domain.key, ours))
    if others:
        found, harm = f"mapped as well: {', '.join(others)}", "the users of these lists can call at our cost"
    elif "IP_ACL" in str(domain.given["auth_type"]):
        found = "an IP access control list is mapped as well"
        harm = "password and address must both fit, so phones elsewhere are refused (32201)"
    else:
        return good(subject, title, "none", "only our phones are let in")
    repair = "take the mapping out in the Console: Voice, SIP domains, Authentication"
    return wrong(subject, title, found, harm, repair)


def credential_checks(compared: Comparison) -> Iterator[Check]:
    """Whether the list exists, and has only users that clients.yaml declares, in any environment."""
    name = compared.parameters.network.credential_list
    title = f"credential list {name}"
    if compared.change(CREDENTIAL_LIST, name):
        repair = f"{compared.deploy_words}, then client_setup for each phone"
        yield wrong(LIST_SUBJECT, title, "not there", "no phone can register or call", repair)
        return
    yield good(LIST_SUBJECT, title, "there", "phones have a place for their passwords")
    yield _strangers(compared)


def _strangers(compared: Comparison) -> Check:
    title = "credentials without a phone"
    strangers = sorted({item.key for item in compared.existing.state.of(CREDENTIAL)} - set(compared.parameters.clients))
    if not strangers:
        return good(LIST_SUBJECT, title, "none", "nobody but declared phones can register or call")
    return wrong(
        LIST_SUBJECT,
        title,
        ", ".join(strangers),
        "whoever has such a password can register here, and call at our cost",
        "declare them in clients.yaml, or take them out in the Console: Voice, Credential lists",
    )
