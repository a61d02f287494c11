"""Promote: make one environment whole, with the code that is live in another; roll back: with what was live before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from dialtone_nb.dialplan.table import Table, load_table
from dialtone_nb.errors import AbsentError, Fault, InputError
from dialtone_nb.infrastructure.claim import CLAIM
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.existing_code import PREVIOUS
from dialtone_nb.infrastructure.live_table import read_table_module
from dialtone_nb.infrastructure.plan import Plan
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.functions import fetch_content
from dialtone_nb.infrastructure.resources.model import State
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.variables import VARIABLE
from dialtone_nb.infrastructure.site import Proposal, Site
from dialtone_nb.runbooks.deploy import environment_changes, module_diffs, notes_on
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.workspace import open_site
from dialtone_nb.server.folder import noted_serving
from dialtone_nb.service.bundle import MANIFEST, OUTGOING, TABLE
from dialtone_nb.values.sids import is_sid


class PromotedCode(NamedTuple):
    """What is to be live: the key that identifies its content, and its SID (a table's version is both)."""

    key: str
    sid: str


_A_BUILD = "write previous, which rolls back to what was live before, or a build's SID, ZB and 32 digits"


@dataclass(frozen=True)
class PromoteParameters:
    """What a promotion takes of a runbook's parameters."""

    source: str = ""
    build: str = ""


def plan_promote(runbook: Runbook) -> Proposal:
    """The plan that gives the environment another's live build, or the build that was live before.

    A source that is left empty is the environment before this one, in the order of network.yaml.
    """
    site, given = open_site(runbook), runbook.parameters.read(PromoteParameters)
    return propose_promote(site, given.source or ("" if given.build else _one_before(site)), build=given.build)


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
            Fault("parameter source of promote", f"{source!r} is not an environment", f"declared are {declared}")
        )
    if not build and source == site.environment:
        raise InputError(Fault("parameter source of promote", f"is {source!r}, the environment itself", "name another"))

    others = () if build else (source,)
    if site.parameters.network.self_hosted:
        site = _with_table(site, _served_table(site, source, build))
        return PromoteProposal(site, site.look(*others, build=build), source, build)
    if build not in ("", PREVIOUS) and not is_sid(build, "build"):
        raise InputError(Fault("parameter build of promote", f"is {build!r}", _A_BUILD))
    try:
        existing = site.look(*others, build=build)
    except AbsentError as error:
        if not build or not error.path.endswith(f"/Builds/{build}"):
            raise
        raise InputError(Fault("parameter build of promote", f"there is no build {build}", _A_BUILD)) from None
    return PromoteProposal(_with_table(site, _built_table(site, existing, build or source)), existing, source, build)


def _with_table(site: Site, table: Table | None) -> Site:
    """The site whose other hosting is kept in step with the table that moves, not with the files'."""
    return replace(site, server=replace(site.server, table=table)) if site.server and table else site


def _served_table(site: Site, source: str, build: str) -> Table | None:
    """The table that our own server is to serve, by its folder's word; None where it is not there."""
    server = site.server
    if server is None:
        return None
    here = noted_serving(server.folder, site.environment if build else source)
    version = here.version if not build else here.previous if build == PREVIOUS else build
    text = server.source(version)
    return load_table(text) if text else None


def _built_table(site: Site, existing: Existing, code: str) -> Table | None:
    """The table in the build that moves; None where there is none that we can read, or no server to be given it."""
    version = existing.code.get(code, {}).get(TABLE)
    if version is None or not existing.state.find(SERVED_TABLE, site.environment):
        return None
    service_sid = existing.state.sid(SERVICE, site.parameters.network.service.name)
    return read_table_module(fetch_content(site.account, service_sid, str(version.given["function_sid"]), version.sid))


@dataclass(frozen=True, eq=False)
class PromoteProposal(Proposal):
    """To make live in an environment what is live in another, or what was live there before."""

    source: str
    build: str

    def make_plan(self) -> Plan:
        """The plan for what was found."""
        return self._plan(self.existing, self._code(), self.build)

    def look(self, known: Existing | None = None, build: str = "") -> Existing:
        """What there is now, and what is live in the source."""
        others = () if self.build else (self.source,)
        return self.site.look(*others, build=build or self.build, known=known)

    def check(self) -> Plan:
        """What is left to do: once it is live, "previous" means another build, so this very one is asked for."""
        code = self._code()
        build = code.sid if self.build == PREVIOUS else self.build
        return self._plan(self.look(build=build), code, build)

    def _code(self) -> PromotedCode:
        """What is to be live; an `InputError` where there is none."""
        existing = self.existing
        if not self.build:
            live = existing.live(self.source)
            if live is None:
                raise InputError(
                    Fault(f"environment {self.source}", "has no live build", f"deploy {self.source} first")
                )
            return PromotedCode(str(live.fields["code"]), live.sid)
        versions = existing.code.get(self.build)
        if not versions:
            place, repair = f"environment {self.site.environment}", "there is nothing to roll back to"
            raise InputError(Fault(place, "had no other build live before", repair))
        from_files = "deploy from the files instead"
        if existing.live_kind is SERVED_TABLE:
            version = versions[TABLE].sid
            if not existing.sources[version]:
                raise InputError(Fault(f"table {version}", "is not in the server's folder", from_files))
            return PromotedCode(version, version)
        key = str(versions[MANIFEST].fields["sha256"]) if MANIFEST in versions else ""
        found = existing.state.find(BUILD, key)
        if found is None:
            raise InputError(Fault(f"build {self.build}", "was not made by these runbooks", from_files))
        if OUTGOING not in versions:
            raise InputError(Fault(f"build {self.build}", "has the fallback alone, and answers no calls", from_files))
        return PromotedCode(found.key, found.sid)

    def _plan(self, existing: Existing, code: PromotedCode, build: str) -> Plan:
        site, environment, source = self.site, self.site.environment, self.source
        old = existing.code.get(environment, {})
        new = existing.code.get(build or source, {})
        changes = [
            replace(change, detail=module_diffs(old, new, existing.sources) if old else ())
            if change.kind is existing.live_kind
            else change
            for change in environment_changes(site, existing, code.key)
        ]
        notes = notes_on(site, existing)
        if not build:
            if code.key != site.files:
                differ = f"the files differ from what is live in {source}"
                notes.insert(0, f"{differ}: what moves is what is live there, not the files")
            notes += _variable_notes(existing.state, source, environment)
        title = f"Roll back {environment}" if build else f"Promote {source} to {environment}"
        return site.plan(title, changes, notes, existing, build=f"{code.key} ({code.sid})")


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
