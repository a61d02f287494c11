"""Promote: make one environment whole, with the code that is live in another; roll back: with what was live before."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.claim import CLAIM
from dialtone_nb.infrastructure.desired import desired_environment
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.existing_code import PREVIOUS
from dialtone_nb.infrastructure.plan import Plan, compare_states
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.model import State
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.variables import VARIABLE
from dialtone_nb.runbooks.deploy import module_diffs, notes_on, owned_numbers
from dialtone_nb.runbooks.opening import Runbook
from dialtone_nb.runbooks.workspace import Proposal, Site, open_site
from dialtone_nb.service.bundle import MANIFEST, TABLE


class Wanted(NamedTuple):
    """What is to be live: the key that identifies its content, and its SID (a table's version is both)."""

    key: str
    sid: str


def plan_promote(runbook: Runbook) -> Proposal:
    """The plan that gives the environment another's live build, or the build that was live before.

    A source that is left empty is the environment before this one, in the order of network.yaml.
    """
    site = open_site(runbook)
    source, build = str(runbook.parameters.source), str(runbook.parameters.build)
    return propose_promote(site, source or ("" if build else _one_before(site)), build=build)


def _one_before(site: Site) -> str:
    environments = list(site.parameters.network.environments)
    at = environments.index(site.environment)
    if at == 0:
        problem = f"is empty, and network.yaml declares no environment before {site.environment}"
        raise InputError(Fault("parameter source of promote", problem, "name the one whose live build it gets"))
    return environments[at - 1]


def propose_promote(site: Site, source: str, *, build: str = "") -> Proposal:
    """The same, for a site; `build` is "previous" or a build's SID, and then `source` plays no part."""
    if not build and source not in site.parameters.network.environments:
        declared = ", ".join(site.parameters.network.environments)
        raise InputError(
            Fault("parameter source of promote", f"{source!r} is no environment", f"declared are {declared}")
        )
    if not build and source == site.environment:
        raise InputError(Fault("parameter source of promote", f"is {source!r}, the environment itself", "name another"))

    others = () if build else (source,)
    existing = site.look(*others, build=build)
    wanted = _wanted(site, existing, source, build)
    # Once it is live, "previous" means another one: the check asks for this very build.
    this = wanted.sid if build == PREVIOUS else build
    return Proposal(
        _plan(site, existing, wanted, source, build),
        site,
        existing,
        look=lambda: site.look(*others, build=build, known=existing),
        make=lambda found: _plan(site, found, _wanted(site, found, source, build), source, build),
        again=lambda: _plan(site, site.look(*others, build=this), wanted, source, this),
    )


def _wanted(site: Site, existing: Existing, source: str, build: str) -> Wanted:
    """What is to be live; an `InputError` where there is none."""
    if not build:
        live = existing.live(source)
        if live is None:
            raise InputError(Fault(f"environment {source}", "has no live build", f"deploy {source} first"))
        return Wanted(str(live.fields["code"]), live.sid)
    versions = existing.code.get(build)
    if not versions:
        raise InputError(
            Fault(
                f"environment {site.environment}", "had no other build live before", "there is nothing to roll back to"
            )
        )
    if existing.live_kind is SERVED_TABLE:
        version = versions[TABLE].sid
        if not existing.sources[version]:
            raise InputError(
                Fault(f"table {version}", "is not in the server's folder", "deploy from the files instead")
            )
        return Wanted(version, version)
    key = str(versions[MANIFEST].fields["sha256"]) if MANIFEST in versions else ""
    found = existing.state.find(BUILD, key)
    if found is None:
        raise InputError(Fault(f"build {build}", "was not made by these runbooks", "deploy from the files instead"))
    return Wanted(found.key, found.sid)


def _plan(site: Site, existing: Existing, wanted: Wanted, source: str, build: str) -> Plan:
    desired = desired_environment(
        site.parameters,
        site.environment,
        live=wanted.key,
        trunk_password=bool(site.trunk_password),
        owned=owned_numbers(existing.state),
    )
    old = existing.code.get(site.environment, {})
    new = existing.code.get(build or source, {})
    changes = [
        replace(change, detail=module_diffs(old, new, existing.sources) if old else ())
        if change.kind is existing.live_kind
        else change
        for change in compare_states(existing.state, desired)
    ]
    notes = notes_on(site, existing)
    if not build and wanted.key != site.files:
        notes.insert(
            0, f"the files differ from what is live in {source}: what moves is what is live there, not the files"
        )
    notes += [] if build else _variable_notes(existing.state, source, site.environment)
    title = f"Roll back {site.environment}" if build else f"Promote {source} to {site.environment}"
    return site.plan(title, changes, notes, existing, build=f"{wanted.key} ({wanted.sid})")


def _variable_notes(state: State, source: str, target: str) -> list[str]:
    """How the two environments' variables differ: they are not part of a build, so a promote moves none of them."""
    marks = {one: _variable_marks(state, one) for one in (source, target)}
    notes = [
        f"variables that {here} has and {there} has not (a promote moves none): {', '.join(sorted(extra))}"
        for here, there in ((source, target), (target, source))
        if (extra := marks[here].keys() - marks[there].keys())
    ]
    shared = marks[source].keys() & marks[target].keys()
    if others := sorted(name for name in shared if marks[source][name] != marks[target][name]):
        notes.append(f"variables whose values differ between {source} and {target}: {', '.join(others)}")
    return notes


def _variable_marks(state: State, environment: str) -> dict[str, str]:
    """An environment's variables by name, each as a mark that stands for its value."""
    prefix = f"{environment}/"
    marks = {resource.key: str(resource.given["mark"]) for resource in state.of(VARIABLE)}
    found = {key.removeprefix(prefix): mark for key, mark in marks.items() if key.startswith(prefix)}
    return {name: mark for name, mark in found.items() if name != CLAIM}
