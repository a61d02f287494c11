"""Deploy: make one environment whole, with the code from the files."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import replace

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.claim import CLAIM
from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD, desired_environment
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.plan import Action, Change, Plan, compare_states
from dialtone_nb.infrastructure.resources.model import Item, Kind, State
from dialtone_nb.runbooks.opening import Runbook
from dialtone_nb.runbooks.workspace import Proposal, Site, open_site
from dialtone_nb.service.bundle import MANIFEST, TABLE, Bundle


def plan_deploy(runbook: Runbook) -> Proposal:
    """The plan that makes the runbook's environment what the files say."""
    site = open_site(runbook)
    return propose_deploy(site, force=str(runbook.parameters.get("force", "")))


def propose_deploy(site: Site, *, force: str = "") -> Proposal:
    """The same, for a site; an `InputError` where files would go straight to a protected environment in use."""
    existing = site.look()

    def make(found: Existing) -> Plan:
        return make_deploy_plan(site, found, force=force)

    plan = make(existing)
    changes_code = any(change.kind is existing.live_kind for change in plan.changes)
    if site.is_protected and existing.is_in_use(site.environment) and changes_code and force != site.environment:
        raise InputError(
            Fault(
                f"environment {site.environment}",
                "is protected and in use, and the files differ from what is live there",
                f"deploy an environment that is not protected and promote it, or set force to {site.environment!r}",
            )
        )
    return Proposal(
        plan,
        site,
        existing,
        look=lambda: site.look(known=existing),
        make=make,
        again=lambda: make(site.look()),
        bundle=site.bundle,
    )


def make_deploy_plan(site: Site, existing: Existing, *, force: str = "") -> Plan:
    """The plan for what was found."""
    desired = desired_environment(
        site.parameters,
        site.environment,
        live=site.files if site.parameters.network.self_hosted else site.bundle,
        trunk_password=bool(site.trunk_password),
        owned=owned_numbers(existing.state),
    )
    changes = [with_detail(change, site.bundle, existing) for change in compare_states(existing.state, desired)]
    return site.plan(f"Deploy {site.environment}", changes, notes_on(site, existing), existing, force=force)


def owned_numbers(state: State) -> set[str]:
    """The numbers that the account owns."""
    return {item.key for item in state.of(Kind.PHONE_NUMBER)}


def notes_on(site: Site, existing: Existing, *, set_up: Collection[str] = ()) -> list[str]:
    """What a reader should know: what is missing and not of this plan, and what nobody declared and is left alone."""
    state, parameters = existing.state, site.parameters
    clients = parameters.clients_in(site.environment)
    owned = owned_numbers(state)
    credentials = {item.key for item in state.of(Kind.CREDENTIAL)}
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
        item.key.split("/", 1)[1]
        for item in state.of(Kind.VARIABLE)
        if item.key.startswith(f"{site.environment}/") and item.key not in known
    )
    if variables:
        notes.append(f"variables that nobody declared, left alone: {', '.join(variables)}")
    extra = sorted(set(existing.code.get(site.environment, {})) - set(site.bundle.modules) - {MANIFEST})
    if extra:
        notes.append(f"live functions that the files do not have; the next build is without them: {', '.join(extra)}")
    doubles = [f"{item.key} ({item.given['others']})" for item in state.of(Kind.FUNCTION) if item.given["others"]]
    if doubles:
        notes.append(f"functions younger than ours of the same path, left alone: {', '.join(doubles)}")
    limited = [name for name, client in clients.items() if client.limits]
    if limited and not parameters.network.self_hosted:
        notes.append(f"limits that Twilio's functions can't keep, as they can't count: those of {', '.join(limited)}")
    return notes + _hosting_notes(site, existing)


def _hosting_notes(site: Site, existing: Existing) -> list[str]:
    """What the hosting that is not chosen still has here: it goes on answering calls that were sent to it."""
    own = site.parameters.network.self_hosted
    left = existing.state.find(Kind.DEPLOYMENT if own else Kind.SERVED_TABLE, site.environment)
    if left is None:
        return []
    what = f"the functions of {site.environment} are live" if own else f"our own server serves {site.environment}"
    return [f"{what} still, for calls under way; afterwards take that out with the delete runbook, what other_hosting"]


def with_detail(change: Change, bundle: Bundle, existing: Existing) -> Change:
    """The change with the lines that differ, where it replaces a module's source, or the table that is served."""
    if change.kind is Kind.SERVED_TABLE and change.action is Action.UPDATE:
        live = existing.code.get(existing.environment, {}).get(TABLE)
        old = existing.sources.get(live.sid, "") if live else ""
        return replace(change, detail=diff_lines(old, bundle.modules[TABLE].content.decode(), TABLE))
    if change.kind is not Kind.FUNCTION_VERSION or change.key == MANIFEST or change.action is not Action.UPDATE:
        return change
    live = existing.code.get(existing.environment, {}).get(change.key)
    old = existing.sources.get(live.sid, "") if live else ""
    new = bundle.modules[change.key].content.decode()
    return replace(change, detail=diff_lines(old, new, change.key))


def diff_lines(old: str, new: str, name: str) -> tuple[str, ...]:
    """A unified diff of two sources, without its heading, one line of context."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="", n=1)
    return tuple(lines)[2:]


def module_diffs(old: Mapping[str, Item], new: Mapping[str, Item], sources: Mapping[str, str]) -> tuple[str, ...]:
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
