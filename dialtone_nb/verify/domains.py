"""The two SIP domains: where their calls go, what they let phones do, and whom they let in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dialtone_nb.infrastructure.plan import Change
from dialtone_nb.infrastructure.resources.model import Resource, ResourceType, readable
from dialtone_nb.infrastructure.resources.sip_domains import (
    CALLS_MAPPING,
    FIELDS,
    REGISTRATIONS_MAPPING,
    SIP_DOMAIN,
    mapping_key,
)
from dialtone_nb.verify.checks import Check, good, wrong
from dialtone_nb.verify.seen import Seen


@dataclass(frozen=True, slots=True)
class Facet:
    """Some settings of a domain that belong together, what they are for, and what harm it does where they are wrong."""

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
_OTHERS = Facet(
    "other settings",
    tuple(field for field in FIELDS if not any(field in facet.fields for facet in FACETS)),
    "no other URL and no other trunk interferes",
    "calls may be sent elsewhere when the function fails, or be reported elsewhere",
)
_MAPPINGS = (
    (CALLS_MAPPING, "calls", "phones may call", "every call of a phone is refused (32202)"),
    (REGISTRATIONS_MAPPING, "registrations", "phones may register", "every registration is refused (32212)"),
)


def domain_checks(seen: Seen) -> Iterator[Check]:
    """The checks of both domains; of a domain that is not there, just that."""
    network = seen.parameters.network
    for emergency in (True, False):
        name = network.sip_domain(seen.environment, emergency=emergency)
        domain = seen.find(SIP_DOMAIN, name)
        if domain is None:
            harm = "the phones on it have no dial tone"
            yield wrong(subject_of(name), f"domain {name}", "not there", harm, seen.deploy_words)
            continue
        change = seen.change(SIP_DOMAIN, name)
        for facet in (*FACETS, _OTHERS):
            yield _facet(seen, domain, facet, change)
        for kind, word, meaning, harm in _MAPPINGS:
            yield _mapping(seen, kind, f"{word} mapping", name, meaning, harm)
        yield _guests(seen, domain)


def subject_of(domain: str) -> str:
    """The heading of a domain's checks."""
    return f"SIP domain {domain}"


def _facet(seen: Seen, domain: Resource, facet: Facet, change: Change | None) -> Check:
    subject, title = subject_of(domain.key), f"{facet.name} of {domain.key}"
    differing = {name: change.after[name] for name in facet.fields if change and name in change.after}
    if not differing:
        found = "as declared" if facet is _OTHERS else readable(domain.fields[facet.fields[0]])
        return good(subject, title, found, facet.meaning)
    words = [f"{readable(domain.fields[name])}, not {readable(value)}" for name, value in differing.items()]
    if facet is _OTHERS:
        words = [f"{name.replace('_', ' ')} is {text}" for name, text in zip(differing, words, strict=True)]
    return wrong(subject, title, "; ".join(words), facet.harm, seen.deploy_words)


def _mapping(seen: Seen, kind: ResourceType, aspect: str, domain: str, meaning: str, harm: str) -> Check:
    subject, title = subject_of(domain), f"{aspect} of {domain}"
    name = seen.parameters.network.credential_list
    if seen.find(kind, mapping_key(domain, name)):
        return good(subject, title, name, meaning)
    return wrong(subject, title, f"{name} is not mapped", harm, seen.deploy_words)


def _guests(seen: Seen, domain: Resource) -> Check:
    """Whether anybody but our phones is let in, or our phones only from some addresses."""
    subject, title = subject_of(domain.key), f"other users of {domain.key}"
    ours = seen.parameters.network.credential_list
    state = seen.existing.state
    keys = {item.key for kind, *_ in _MAPPINGS for item in state.of(kind) if item.key.startswith(f"{domain.key}/")}
    others = sorted(key.partition("/")[2] for key in keys if key != mapping_key(domain.key, ours))
    if others:
        return wrong(
            subject,
            title,
            f"mapped as well: {', '.join(others)}",
            "the users of these lists can call at our cost",
            "take the mapping out in the Console: Voice, SIP domains, Authentication",
        )
    if "IP_ACL" in str(domain.given["auth_type"]):
        return wrong(
            subject,
            title,
            "an IP access control list is mapped as well",
            "password and address must both fit, so phones elsewhere are refused (32201)",
            "take the mapping out in the Console: Voice, SIP domains, Authentication",
        )
    return good(subject, title, "none", "only our phones are let in")
