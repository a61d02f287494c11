"""SIP registrations: the domains at which phones may call and register, and where they are registered."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.store import Store, Tables, Thing

CALLS, REGISTRATIONS = "calls_mapping", "registrations_mapping"


@dataclass(frozen=True, slots=True)
class RegistrationRefused:
    """The refusal of a registration, with the code of the alert that explains it."""

    code: int
    message: str


def may(tables: Tables, domain: Thing, client: str, kind: str) -> bool:
    """Whether a credential list with this user name is mapped to the domain, for calls or for registrations."""
    return any(tables.find("credential", mapping.name, client) for mapping in tables.list(kind, domain.sid))


def domains_of(tables: Tables, client: str, kind: str) -> list[Thing]:
    """The domains that admit this user name, sorted by name."""
    domains = [domain for domain in tables.list("sip_domain", "") if may(tables, domain, client, kind)]
    return sorted(domains, key=lambda domain: domain.name)


def is_registered(tables: Tables, domain: Thing, client: str) -> bool:
    """Whether the phone is registered at the domain, and would still be admitted when it next refreshes."""
    return (
        bool(tables.find("registration", domain.sid, client))
        and bool(domain.body["sip_registration"])
        and may(tables, domain, client, REGISTRATIONS)
    )


def domain_named(tables: Tables, name: str) -> Thing:
    """The SIP domain of this name; a 404 if the account has none."""
    full = name if name.endswith(".sip.twilio.com") else f"{name}.sip.twilio.com"
    domain = tables.find("sip_domain", "", full.lower())
    if domain is None:
        raise Refusal(20404, f"There is no SIP domain {full} in this account", 404)
    return domain


def chosen_domain(tables: Tables, client: str, kind: str, name: str = "") -> Thing | None:
    """The domain that a phone uses: the named one, the one where it is registered, or the only one; None without any.

    Raises Refusal if several are possible.
    """
    if name:
        return domain_named(tables, name)
    domains = domains_of(tables, client, kind)
    everywhere = domains if kind == REGISTRATIONS else domains_of(tables, client, REGISTRATIONS)
    here = [domain for domain in everywhere if is_registered(tables, domain, client)]
    if kind == CALLS and len(here) == 1:
        return here[0]
    if len(domains) > 1:
        if len(here) != 1:
            names = ", ".join(domain.name for domain in domains)
            raise Refusal(20001, f"{client} may use several domains: {names}; name one as domain")
        return here[0]
    return domains[0] if domains else None


def register(store: Store, client: str, domain_name: str = "") -> str | RegistrationRefused:
    """Register a phone; gives back its domain, or the refusal, about which an alert is raised."""
    with store.transaction() as tables:
        domain = chosen_domain(tables, client, REGISTRATIONS, domain_name)
        if domain is None:
            return _refuse(tables, "", 32212, f"No SIP domain takes registrations of {client}")
        if not domain.body["sip_registration"]:
            return _refuse(tables, domain.sid, 32210, f"SIP registration is not enabled on {domain.name}")
        if not may(tables, domain, client, REGISTRATIONS):
            reason = f"{domain.name} has no credential list mapped for registrations that holds {client}"
            return _refuse(tables, domain.sid, 32212, reason)
        if not tables.find("registration", domain.sid, client):
            tables.add("RG", "registration", domain.sid, client, {})
        return domain.name


def _refuse(tables: Tables, domain_sid: str, code: int, reason: str) -> RegistrationRefused:
    raise_alert(tables, code, domain_sid, reason)
    return RegistrationRefused(code, reason)


def unregister(store: Store, client: str, domain_name: str = "") -> None:
    """Remove a phone's registration at a domain, or at all domains if none is named."""
    with store.transaction() as tables:
        domains = [domain_named(tables, domain_name)] if domain_name else tables.list("sip_domain", "")
        for domain in domains:
            if registration := tables.find("registration", domain.sid, client):
                tables.remove(registration.sid)


def list_phones(store: Store) -> list[dict[str, object]]:
    """All phones at all domains that take their registration, and whether they are registered there."""
    with store.transaction() as tables:
        return [
            {
                "client": credential.name,
                "domain": domain.name,
                "registered": is_registered(tables, domain, credential.name),
            }
            for domain in sorted(tables.list("sip_domain", ""), key=lambda domain: domain.name)
            for mapping in tables.list(REGISTRATIONS, domain.sid)
            for credential in tables.list("credential", mapping.name)
        ]
