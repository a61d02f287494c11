"""Delete: an environment, a whole service, or one client; counted first, and shown to be gone afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.apply import Outcome
from dialtone_nb.infrastructure.desired import address_key
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Action, Change, Plan, delete_items, describe
from dialtone_nb.infrastructure.resources.model import Item, Kind, Value
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.private_files import delete_private_files, private_folder
from dialtone_nb.runbooks.opening import Runbook
from dialtone_nb.runbooks.workspace import Proposal, Site, open_site

WHAT = ("environment", "service", "client", "other_hosting")


def plan_delete(runbook: Runbook) -> Proposal:
    """The plan that takes out what the parameters name; numbers stay unless each is named."""
    site = open_site(runbook)
    parameters = runbook.parameters
    return propose_delete(
        site, str(parameters.what), client=str(parameters.client), release=str(parameters.release_numbers).split()
    )


def propose_delete(site: Site, what: str, *, client: str = "", release: Collection[str] = ()) -> Proposal:
    """The same, for a site."""
    declared = site.parameters.clients_in(site.environment)
    if what not in WHAT:
        raise InputError(Fault("parameter what of delete", f"is {what!r}", suggest(what, WHAT)))
    if what == "client" and client not in declared:
        raise InputError(
            Fault(
                "parameter client of delete",
                f"{client!r} is no phone of {site.environment}" if client else "is empty",
                suggest(client, list(declared)),
            )
        )
    clients = {"client": [client], "other_hosting": []}.get(what, list(declared))
    ours = {declared[name].caller_id for name in clients}
    if strangers := sorted(set(release) - ours):
        raise InputError(
            Fault(
                "parameter release_numbers of delete",
                f"{', '.join(strangers)} is not the number of a phone that this deletes",
                f"such are {', '.join(sorted(ours)) or 'none'}",
            )
        )

    def plan(existing: Existing) -> Plan:
        return _plan(site, existing, what, clients, release)

    existing = site.look()
    return Proposal(
        plan(existing),
        site,
        existing,
        look=lambda: site.look(known=existing),
        make=plan,
        again=lambda: plan(site.look()),
        finish=lambda outcomes: _tidy(site, outcomes),
    )


def _tidy(site: Site, outcomes: Iterable[Outcome]) -> list[str]:
    """The private files of phones that can no longer register, taken away."""
    return [
        f"private file of {one.change.key}: deleted"
        for one in outcomes
        if one.change.kind is Kind.CREDENTIAL
        and delete_private_files(private_folder(site.environment, one.change.key, root=site.private))
    ]


def _plan(site: Site, existing: Existing, what: str, clients: list[str], release: Collection[str]) -> Plan:
    state, network = existing.state, site.parameters.network
    environments = {item.key for kind in (Kind.ENVIRONMENT, Kind.SERVED_TABLE) for item in state.of(kind)}
    others = environments - {site.environment}
    if what == "service" and others:
        raise InputError(
            Fault(
                f"service {network.service.name}",
                f"still serves {', '.join(sorted(others))}",
                "delete those environments first",
            )
        )
    items: list[Item] = list(_client_items(site, existing, clients))
    if what == "other_hosting":
        items += _other_hosting_items(site, existing)
    elif what != "client":
        items += _environment_items(site, existing)
    if what == "service" or (what == "environment" and not others):
        items += [item for item in state.of(Kind.CREDENTIAL_LIST) if not _shared(existing, clients)]
    if what == "service":
        items += state.of(Kind.SERVICE)
    changes = [*_numbers(site, existing, clients, release), *delete_items(items)]
    words = {
        "environment": site.environment,
        "service": f"service {network.service.name}",
        "client": ", ".join(clients),
        "other_hosting": f"what {site.environment} no longer uses",
    }
    notes = _notes(site, existing, what, clients, release)
    return site.plan(f"Delete {words[what]}", changes, notes, existing, release=" ".join(sorted(release)))


def _client_items(site: Site, existing: Existing, clients: Iterable[str]) -> Iterable[Item]:
    for name in clients:
        for kind, key in ((Kind.CREDENTIAL, name), (Kind.ADDRESS, address_key(name))):
            found = existing.state.find(kind, key)
            if found:
                yield found


def _environment_items(site: Site, existing: Existing) -> list[Item]:
    state, environment = existing.state, site.environment
    network = site.parameters.network
    domains = {network.sip_domain(environment, emergency=flag) for flag in (True, False)}
    return [
        *(item for item in state.of(Kind.SIP_DOMAIN) if item.key in domains),
        *(
            item
            for kind in (Kind.CALLS_MAPPING, Kind.REGISTRATIONS_MAPPING)
            for item in state.of(kind)
            if item.key.split("/", 1)[0] in domains
        ),
        *_hosting_items(existing, environment, (Kind.DEPLOYMENT, Kind.ENVIRONMENT, Kind.SERVED_TABLE)),
    ]


def _hosting_items(existing: Existing, environment: str, kinds: Iterable[Kind]) -> list[Item]:
    return [found for kind in kinds if (found := existing.state.find(kind, environment))]


def _other_hosting_items(site: Site, existing: Existing) -> list[Item]:
    """What the hosting that the files do not choose has of this environment; an `InputError` where calls go there."""
    own, state, environment = site.parameters.network.self_hosted, existing.state, site.environment
    if not own:
        kinds: tuple[Kind, ...] = (Kind.SERVED_TABLE,)
    else:
        last = [item.key for item in state.of(Kind.ENVIRONMENT)] == [environment]
        kinds = (Kind.DEPLOYMENT, Kind.ENVIRONMENT)
    items = _hosting_items(existing, environment, kinds)
    bases = _bases(site, existing)
    unused = bases[0] if own else bases[1]
    led = [
        item.key
        for kind in (Kind.SIP_DOMAIN, Kind.PHONE_NUMBER)
        for item in state.of(kind)
        if unused and str(item.fields["voice_url"]).startswith(f"{unused}/")
    ]
    if led:
        raise InputError(Fault(f"environment {environment}", f"still leads there: {', '.join(led)}", "deploy it first"))
    return [*items, *(state.of(Kind.SERVICE) if own and last else ())]


def _bases(site: Site, existing: Existing) -> tuple[str, str]:
    """Where the environment's functions and our own server answer, each empty where there is none."""
    environment, server = existing.state.find(Kind.ENVIRONMENT, site.environment), site.parameters.network.server
    functions = f"https://{environment.given['domain_name']}" if environment else ""
    return functions, server.base_urls.get(site.environment, "") if server else ""


def _shared(existing: Existing, clients: list[str]) -> bool:
    """Whether the credential list holds users whom this plan does not delete: then the list stays."""
    return any(item.key not in clients for item in existing.state.of(Kind.CREDENTIAL))


def _numbers(site: Site, existing: Existing, clients: list[str], release: Collection[str]) -> list[Change]:
    """Numbers that are named are released; the others stay, lead nowhere, and carry no emergency address of ours."""
    changes = []
    for name in clients:
        number = site.parameters.clients[name].caller_id
        found = existing.state.find(Kind.PHONE_NUMBER, number)
        if found is None:
            continue
        if number in release:
            changes.append(describe(Change(Action.DELETE, found.kind, number, dict(found.fields))))
            continue
        address = existing.state.find(Kind.ADDRESS, address_key(name))
        cleared: dict[str, Value] = {}
        if _is_ours(site, existing, str(found.fields["voice_url"])):
            cleared["voice_url"] = ""
        if address and found.given["emergency_address_sid"] == address.sid:
            cleared["emergency_address_sid"] = ""
        if cleared:
            change = Change(
                Action.UPDATE, found.kind, number, {field: found.fields[field] for field in cleared}, cleared
            )
            changes.append(replace(describe(change), warning="kept, at its monthly price; callers reach nobody"))
    return changes


def _is_ours(site: Site, existing: Existing, url: str) -> bool:
    return any(base and url.startswith(f"{base}/") for base in _bases(site, existing))


def _notes(site: Site, existing: Existing, what: str, clients: list[str], release: Collection[str]) -> list[str]:
    owned = [site.parameters.clients[name].caller_id for name in clients]
    kept = [number for number in owned if existing.state.find(Kind.PHONE_NUMBER, number) and number not in release]
    notes = []
    if kept:
        notes.append(f"kept, as they are not named in release_numbers: {', '.join(kept)}")
    credentials = [item.key for item in existing.state.of(Kind.CREDENTIAL) if item.key not in clients]
    if what in ("environment", "service") and credentials:
        notes.append(f"credentials of others stay, and the list with them: {', '.join(sorted(credentials))}")
    return notes
