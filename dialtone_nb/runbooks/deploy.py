"""Deploy: make one environment whole, with the code from the files."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.claim import CLAIM
from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD, Live, desired_environment, other_hosting
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Change, Plan, compare_states
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.functions import FUNCTION, FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.model import Action, Resource, State
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.variables import VARIABLE
from dialtone_nb.infrastructure.site import Proposal, Site
from dialtone_nb.parameters import Client
from dialtone_nb.phones.what_if import cost_class_of_number
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.workspace import open_site
from dialtone_nb.server.folder import table_version
from dialtone_nb.service.bundle import MANIFEST, TABLE, Bundle
from dialtone_nb.values.phone_numbers import mask_number


@dataclass(frozen=True)
class DeployParameters:
    """What a deploy takes of a runbook's parameters."""

    force: str = ""


def plan_deploy(runbook: Runbook) -> Proposal:
    """The plan that makes the runbook's environment match the files."""
    return propose_deploy(open_site(runbook), force=runbook.parameters.read(DeployParameters).force)


def propose_deploy(site: Site, *, force: str = "") -> Proposal:
    """The same, for a site; an `InputError` if it would deploy files straight to a protected environment in use."""
    existing = site.look()
    proposal = DeployProposal(site, existing, force)
    changes_code = any(change.kind is existing.live_kind for change in proposal.plan.changes)
    if site.is_protected and existing.is_in_use(site.environment) and changes_code and force != site.environment:
        raise InputError(
            Fault(
                f"environment {site.environment}",
                "is protected and in use, and the files differ from what is live there",
                f"deploy an environment that is not protected and promote it, or set force to {site.environment!r}",
            )
        )
    return proposal


@dataclass(frozen=True, eq=False)
class DeployProposal(Proposal):
    """Makes an environment match the files."""

    force: str = ""

    def make_plan(self) -> Plan:
        """The plan for what was found."""
        return make_deploy_plan(self.site, self.existing, force=self.force)


def make_deploy_plan(site: Site, existing: Existing, *, force: str = "") -> Plan:
    """The plan that makes what was found match the files."""
    changes = [with_detail(change, site.bundle, existing) for change in environment_changes(site, existing, site.live)]
    return site.plan(f"Deploy {site.environment}", changes, notes_on(site, existing), existing, force=force)


def environment_changes(
    site: Site, existing: Existing, live: Live | None, *, set_up: Collection[str] = ()
) -> list[Change]:
    """The changes that make the whole environment what the files say, with this code or table, or whatever is live."""
    own = site.parameters.network.self_hosted
    desired = desired_environment(
        site.parameters,
        site.environment,
        live=live,
        trunk_password=bool(site.trunk_password),
        owned=owned_numbers(existing.state),
        set_up=set_up,
        other=other_hosting(site.parameters.network, existing.state, site.environment),
        table=table_version(site.server.table) if site.server and live and not own else "",
        standby=_standby(site, existing, live),
    )
    return compare_states(existing.state, desired)


def _standby(site: Site, existing: Existing, live: Live | None) -> Bundle | None:
    """The functions to be live beside our own server; None where none are wanted, or whatever is live may stay."""
    own, is_whole = site.parameters.network.self_hosted, existing.has_functions(site.environment)
    if own is None or (live is None and existing.state.find(DEPLOYMENT, site.environment)):
        return None
    return site.functions(is_whole) if own.fallback_function or is_whole else None


def owned_numbers(state: State) -> set[str]:
    """The numbers that the account owns."""
    return {resource.key for resource in state.of(PHONE_NUMBER)}


def notes_on(site: Site, existing: Existing, *, set_up: Collection[str] = ()) -> list[str]:
    """Notes for the reader: what is missing but not part of this plan, and what is undeclared and left alone."""
    state, parameters = existing.state, site.parameters
    clients = parameters.clients_in(site.environment)
    owned = owned_numbers(state)
    credentials = {resource.key for resource in state.of(CREDENTIAL)}
    missing = {
        name: [
            *([f"{client.caller_id} is not owned"] if client.caller_id not in owned else []),
            *(["no credential"] if name not in credentials else []),
        ]
        for name, client in clients.items()
        if name not in set_up
    }
    left = [f"{name} ({', '.join(what)})" for name, what in missing.items() if what]
    notes = [f"not set up yet, use the client_setup runbook: {', '.join(left)}"] if left else []
    if parameters.network.trunk.username and not site.trunk_password:
        notes.append(f"{TRUNK_PASSWORD} is not set here, so the trunk's password is left as it is")
    undeclared = sorted(credentials - set(parameters.clients))
    if undeclared:
        notes.append(f"credentials that no client declares, left alone: {', '.join(undeclared)}")
    strangers = sorted(owned - parameters.numbers.keys())
    if strangers:
        notes.append(f"numbers that no client declares, left alone: {', '.join(strangers)}")
    known = {f"{site.environment}/{name}" for name in (TRUNK_PASSWORD, CLAIM)}
    variables = sorted(
        resource.key.split("/", 1)[1]
        for resource in state.of(VARIABLE)
        if resource.key.startswith(f"{site.environment}/") and resource.key not in known
    )
    if variables:
        notes.append(f"variables that nobody declared, left alone: {', '.join(variables)}")
    extra = sorted(set(existing.code.get(site.environment, {})) - set(site.bundle.modules) - {MANIFEST})
    if extra:
        notes.append(f"live functions that the files do not have; the next build is without them: {', '.join(extra)}")
    doubles = [
        f"{resource.key} ({resource.given['others']})" for resource in state.of(FUNCTION) if resource.given["others"]
    ]
    if doubles:
        notes.append(f"functions younger than ours of the same path, left alone: {', '.join(doubles)}")
    limited = [name for name, client in clients.items() if client.limits]
    if limited and not parameters.network.self_hosted:
        notes.append(f"limits that Twilio's functions can't keep, as they can't count: those of {', '.join(limited)}")
    notes += [_then_note(client, number) for client in clients.values() if (number := then_number(client))]
    return notes + _hosting_notes(site, existing)


def then_number(client: Client) -> str:
    """The telephone number that a call to a phone's goes on to; empty where it goes to none."""
    return (client.then and client.then.number) or ""


def _then_note(client: Client, number: str) -> str:
    """What a call costs that goes on to a telephone, whose number is masked."""
    where = cost_class_of_number(number, client.caller_id)
    goes_on = f"a call to {client.caller_id} that nobody answers goes on to {mask_number(number)}"
    return f"{goes_on}, which costs a second leg by the minute: {where.name}"


def _hosting_notes(site: Site, existing: Existing) -> list[str]:
    """What the hosting that is not chosen still has here: it goes on answering calls that were sent to it."""
    own = site.parameters.network.self_hosted
    left = existing.state.find(DEPLOYMENT if own else SERVED_TABLE, site.environment)
    out = "take that out with the delete runbook, what other_hosting"
    if own and own.fallback_function and not existing.has_functions(site.environment):
        stands_by = "where our own server fails, Twilio asks a function, which puts emergency calls through"
        return [f"{stands_by}; it costs nothing while it is not asked, and server.fallback_function: false has none"]
    if left is None:
        return []
    if own and not existing.has_functions(site.environment):
        return [f"the fallback function of {site.environment} is live still, and not wanted; {out}"]
    what = f"the functions of {site.environment} are live" if own else f"our own server serves {site.environment}"
    if not other_hosting(site.parameters.network, existing.state, site.environment):
        return [f"{what} still by its folder, and can't be reached: no call falls back on it; {out}"]
    return [f"{what} still, for calls under way and as the fallback of new ones; where that is not wanted, {out}"]


def with_detail(change: Change, bundle: Bundle, existing: Existing) -> Change:
    """The change with the lines that differ, where it replaces a module's source, or the table that is served."""
    if change.kind is SERVED_TABLE and change.action is Action.UPDATE and existing.live_kind is SERVED_TABLE:
        live = existing.code.get(existing.environment, {}).get(TABLE)
        old = existing.sources.get(live.sid, "") if live else ""
        return replace(change, detail=diff_lines(old, bundle.modules[TABLE].content.decode(), TABLE))
    if change.kind is not FUNCTION_VERSION or change.key not in bundle.modules or change.action is not Action.UPDATE:
        # Of what stands by for our own server no lines are shown: they are those of the table that it is served.
        return change
    live = existing.code.get(existing.environment, {}).get(change.key)
    old = existing.sources.get(live.sid, "") if live else ""
    new = bundle.modules[change.key].content.decode()
    return replace(change, detail=diff_lines(old, new, change.key))


def diff_lines(old: str, new: str, name: str) -> tuple[str, ...]:
    """A unified diff of two sources, without its heading, one line of context."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="", n=1)
    return tuple(lines)[2:]


def module_diffs(
    old: Mapping[str, Resource], new: Mapping[str, Resource], sources: Mapping[str, str]
) -> tuple[str, ...]:
    """What differs between two sets of versions, module by module."""
    lines: list[str] = []
    for path in sorted((set(old) | set(new)) - {MANIFEST}):
        before, after = old.get(path), new.get(path)
        if before and after and before.fields == after.fields:
            continue
        if before is None or after is None:
            lines.append(f"{'+' if before is None else '-'} {path}")
            continue
        seen = before.fields["visibility"], after.fields["visibility"]
        lines += [
            f"~ {path}" + (f" ({seen[0]} → {seen[1]})" if seen[0] != seen[1] else ""),
            *diff_lines(sources.get(before.sid, ""), sources.get(after.sid, ""), path),
        ]
    return tuple(lines)
