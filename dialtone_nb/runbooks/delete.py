"""Delete: an environment, a whole service, or one client; counted first, and shown to be gone afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.apply import ChangeOutcome
from dialtone_nb.infrastructure.desired import address_key
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Change, Plan, delete_resources, describe
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.model import Action, Resource, ResourceType, Value
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.sip_domains import CALLS_MAPPING, REGISTRATIONS_MAPPING, SIP_DOMAIN
from dialtone_nb.infrastructure.site import Proposal, Site
from dialtone_nb.parameters.yaml_faults import suggest
from dialtone_nb.phones.private_files import delete_private_files, private_folder
from dialtone_nb.runbooks.opening import Runbook
from dialtone_nb.runbooks.workspace import open_site

WHAT = ("environment", "service", "client", "other_hosting")


@dataclass(frozen=True)
class DeleteParameters:
    """What a deletion takes of a runbook's parameters."""

    what: str = "environment"
    client: str = ""
    release_numbers: str = ""


def plan_delete(runbook: Runbook) -> Proposal:
    """The plan that takes out what the parameters name; numbers stay unless each is named."""
    given = runbook.parameters.read(DeleteParameters)
    return propose_delete(open_site(runbook), given.what, client=given.client, release=given.release_numbers.split())


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

    return DeleteProposal(site, site.look(), what, clients, release)


@dataclass(frozen=True, eq=False)
class DeleteProposal(Proposal):
    """To take out an environment, a service, a phone, or what another hosting has left."""

    what: str
    clients: list[str]
    release: Collection[str]

    def make_plan(self) -> Plan:
        """The plan for what was found."""
        return _plan(self.site, self.existing, self.what, self.clients, self.release)

    def after_check(self, outcomes: Sequence[ChangeOutcome]) -> list[str]:
        """Take away the private files of phones that can no longer register."""
        return [
            f"private file of {one.change.key}: deleted"
            for one in outcomes
            if one.change.kind is CREDENTIAL
            and delete_private_files(private_folder(self.site.environment, one.change.key, root=self.site.private))
        ]


def _plan(site: Site, existing: Existing, what: str, clients: list[str], release: Collection[str]) -> Plan:
    state, network = existing.state, site.parameters.network
    environments = {resource.key for kind in (ENVIRONMENT, SERVED_TABLE) for resource in state.of(kind)}
    others = environments - {site.environment}
    if what == "service" and others:
        raise InputError(
            Fault(
                f"service {network.service.name}",
                f"still serves {', '.join(sorted(others))}",
                "delete those environments first",
            )
        )
    resources: list[Resource] = list(_client_resources(site, existing, clients))
    if what == "other_hosting":
        resources += _other_hosting_resources(site, existing)
    elif what != "client":
        resources += _environment_resources(site, existing)
    if what == "service" or (what == "environment" and not others):
        resources += [resource for resource in state.of(CREDENTIAL_LIST) if not _shared(existing, clients)]
    if what == "service":
        resources += state.of(SERVICE)
    changes = [*_numbers(site, existing, clients, release), *delete_resources(resources)]
    words = {
        "environment": site.environment,
        "service": f"service {network.service.name}",
        "client": ", ".join(clients),
        "other_hosting": f"what {site.environment} no longer uses",
    }
    notes = _notes(site, existing, what, clients, release)
    return site.plan(f"Delete {words[what]}", changes, notes, existing, release=" ".join(sorted(release)))


def _client_resources(site: Site, existing: Existing, clients: Iterable[str]) -> Iterable[Resource]:
    for name in clients:
        for kind, key in ((CREDENTIAL, name), (ADDRESS, address_key(name))):
            found = existing.state.find(kind, key)
            if found:
                yield found


def _environment_resources(site: Site, existing: Existing) -> list[Resource]:
    state, environment = existing.state, site.environment
    network = site.parameters.network
    domains = {network.sip_domain(environment, emergency=flag) for flag in (True, False)}
    return [
        *(resource for resource in state.of(SIP_DOMAIN) if resource.key in domains),
        *(
            resource
            for kind in (CALLS_MAPPING, REGISTRATIONS_MAPPING)
            for resource in state.of(kind)
            if resource.key.split("/", 1)[0] in domains
        ),
        *_hosting_resources(existing, environment, (DEPLOYMENT, ENVIRONMENT, SERVED_TABLE)),
    ]


def _hosting_resources(existing: Existing, environment: str, kinds: Iterable[ResourceType]) -> list[Resource]:
    return [found for kind in kinds if (found := existing.state.find(kind, environment))]


def _other_hosting_resources(site: Site, existing: Existing) -> list[Resource]:
    """What the hosting that the files do not choose has of this environment; an `InputError` where calls go there."""
    own, state, environment = site.parameters.network.self_hosted, existing.state, site.environment
    if not own:
        kinds: tuple[ResourceType, ...] = (SERVED_TABLE,)
    else:
        last = [resource.key for resource in state.of(ENVIRONMENT)] == [environment]
        kinds = (DEPLOYMENT, ENVIRONMENT)
    resources = _hosting_resources(existing, environment, kinds)
    bases = _bases(site, existing)
    unused = bases[0] if own else bases[1]
    led = [
        resource.key
        for kind in (SIP_DOMAIN, PHONE_NUMBER)
        for resource in state.of(kind)
        if unused and str(resource.fields["voice_url"]).startswith(f"{unused}/")
    ]
    if led:
        raise InputError(Fault(f"environment {environment}", f"still leads there: {', '.join(led)}", "deploy it first"))
    return [*resources, *(state.of(SERVICE) if own and last else ())]


def _bases(site: Site, existing: Existing) -> tuple[str, str]:
    """Where the environment's functions and our own server answer, each empty where there is none."""
    environment, server = existing.state.find(ENVIRONMENT, site.environment), site.parameters.network.server
    functions = f"https://{environment.given['domain_name']}" if environment else ""
    return functions, server.base_urls.get(site.environment, "") if server else ""


def _shared(existing: Existing, clients: list[str]) -> bool:
    """Whether the credential list holds users whom this plan does not delete: then the list stays."""
    return any(resource.key not in clients for resource in existing.state.of(CREDENTIAL))


def _numbers(site: Site, existing: Existing, clients: list[str], release: Collection[str]) -> list[Change]:
    """Numbers that are named are released; the others stay, lead nowhere, and carry no emergency address of ours."""
    changes = []
    for name in clients:
        number = site.parameters.clients[name].caller_id
        found = existing.state.find(PHONE_NUMBER, number)
        if found is None:
            continue
        if number in release:
            changes.append(describe(Change(Action.DELETE, found.kind, number, dict(found.fields))))
            continue
        address = existing.state.find(ADDRESS, address_key(name))
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
    kept = [number for number in owned if existing.state.find(PHONE_NUMBER, number) and number not in release]
    notes = []
    if kept:
        notes.append(f"kept, as they are not named in release_numbers: {', '.join(kept)}")
    credentials = [resource.key for resource in existing.state.of(CREDENTIAL) if resource.key not in clients]
    if what in ("environment", "service") and credentials:
        notes.append(f"credentials of others stay, and the list with them: {', '.join(sorted(credentials))}")
    return notes
