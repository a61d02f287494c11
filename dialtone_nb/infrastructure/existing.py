"""What is there at Twilio, and at our own server, as far as a plan for one environment needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from dialtone_nb.account.account import Account
from dialtone_nb.errors import AbsentError, PermissionMissingError
from dialtone_nb.infrastructure.existing_code import PREVIOUS, Hosted, Versions, Wanted, fetch_code
from dialtone_nb.infrastructure.own_server import OwnServer
from dialtone_nb.infrastructure.resources import RESOURCE_TYPES
from dialtone_nb.infrastructure.resources.credential_lists import list_credential_lists
from dialtone_nb.infrastructure.resources.credentials import list_credentials
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT, answers_calls
from dialtone_nb.infrastructure.resources.functions import FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.model import Id, Resource, ResourceType, State
from dialtone_nb.infrastructure.resources.served_tables import (
    SERVED_TABLE,
    fetch_served_table,
    fetch_tables_left,
    list_served_tables,
)
from dialtone_nb.infrastructure.resources.sip_domains import MAPPINGS, list_mappings, list_sip_domains
from dialtone_nb.infrastructure.resources.variables import APPLIED
from dialtone_nb.parameters import Network
from dialtone_nb.server.folder import ClaimFolder
from dialtone_nb.service.bundle import TABLE

T = TypeVar("T")


@dataclass(frozen=True)
class Existing:
    """What is there; `code` has the versions that are live, by environment and path."""

    environment: str
    state: State
    code: Versions = field(default_factory=dict)
    # Sources of live modules that differ from what is wanted, by version SID: only to show the difference.
    sources: Mapping[str, str] = field(default_factory=dict)
    # What being live is: a build of functions that is deployed, or a table that our own server serves.
    live_kind: ResourceType = DEPLOYMENT
    # The fingerprint of the plan that was applied here last; empty where none was.
    applied: str = ""
    # Things of a rehearsal are in no Console.
    is_rehearsal: bool = True

    def live(self, environment: str) -> Resource | None:
        """What answers the calls of an environment by the hosting that the files choose, or None where nothing does."""
        found = self.state.find(self.live_kind, environment)
        return None if self.live_kind is DEPLOYMENT and not answers_calls(found) else found

    def has_functions(self, environment: str) -> bool:
        """Whether functions that answer calls are live, whoever is chosen to answer them."""
        return answers_calls(self.state.find(DEPLOYMENT, environment))

    def is_in_use(self, environment: str) -> bool:
        """Whether anything answers the environment's calls, by whatever hosting."""
        return any(self.state.find(kind, environment) for kind in (DEPLOYMENT, SERVED_TABLE))


def fetch_existing(
    account: Account,
    network: Network,
    environment: str,
    *,
    wanted: Wanted,
    secrets: Mapping[Id, str],
    server: OwnServer | None = None,
    others: tuple[str, ...] = (),
    build: str = "",
    known: Existing | None = None,
    unread: list[PermissionMissingError] | None = None,
) -> Existing:
    """What is there for this environment, and what is live in the others that are named; only reading.

    `build` names one more build to read: its SID, or "previous" for the one that was live here before. Of our own
    server that is a table's version; where the files choose the functions, it is asked only what it was left with.
    `known` is what a look a moment ago has found: all that can have changed since is read again, code that is the same
    is not. Where `unread` is given, what no restricted key may read is left out, and the refusals are added to it.
    """

    def result(job: Future[T], nothing: T) -> T:
        try:
            return job.result()
        except PermissionMissingError as refused:
            if unread is None or refused.permission:
                raise
            unread.append(refused)
            return nothing

    before = Hosted(list(known.state.values()), known.code, known.sources) if known else None
    with ThreadPoolExecutor(8) as pool:
        here = (environment, *others)
        if network.self_hosted and server:
            hosting = pool.submit(fetch_served, account, server, here, build)
            left = pool.submit(fetch_functions_left, account, network, environment, wanted, secrets, before)
        else:
            hosting = pool.submit(fetch_code, account, network, here, wanted, secrets, build, before)
            left = pool.submit(fetch_tables_left, account, server, environment)
        domains = pool.submit(list_sip_domains, account)
        lists = pool.submit(list_credential_lists, account)
        whole = [pool.submit(kind.read_all, account) for kind in RESOURCE_TYPES if kind.read_all]
        names = {network.sip_domain(one, emergency=flag) for one in (environment, *others) for flag in (True, False)}
        ours = [one for one in domains.result() if one.key in names]
        mapped = [(one, [pool.submit(list_mappings, account, kind, one) for kind in MAPPINGS]) for one in ours]
        credential_list = [one for one in lists.result() if one.key == network.credential_list]
        credentials = [pool.submit(list_credentials, account, one.sid) for one in credential_list]
        resources = list(credential_list)
        for read in whole:
            resources += result(read, [])
        for job in credentials:
            resources += job.result()
        for domain, jobs in mapped:
            # A list may show for a while what is deleted already: what has no mappings to ask for is gone.
            with suppress(AbsentError):
                resources += [domain, *(one for job in jobs for one in job.result())]
        hosted = result(hosting, Hosted([], {}, {}))
        resources += [*hosted.resources, *result(left, [])]
    kind = SERVED_TABLE if network.self_hosted else DEPLOYMENT
    return Existing(
        environment, State(resources), hosted.code, hosted.sources, kind, hosted.applied, account.is_rehearsal
    )


def fetch_served(account: Account, server: OwnServer, environments: tuple[str, ...], build: str) -> Hosted:
    """The tables that are served, each as the one module that our own server is given; and their sources.

    `build` names one more: a version, or "previous" for the one that the first environment served before.
    """
    asked = {one: fetch_served_table(account, server, one) for one in environments}
    resources = [one for one in asked.values() if one]
    resources += [one for one in list_served_tables(server) if one.key not in asked]
    versions = {one.key: one.sid for one in resources if one.key in asked}
    here = asked[environments[0]]
    if build:
        versions[build] = str(here.given["previous"]) if build == PREVIOUS and here else build
    code = {name: {TABLE: _as_module(version)} for name, version in versions.items() if version not in ("", PREVIOUS)}
    sources = {version: server.source(version) for version in versions.values() if version}
    applied = [one.value for one in ClaimFolder(server.folder, environments[0]).list() if one.key == APPLIED]
    return Hosted(resources, code, sources, *applied)


def _as_module(version: str) -> Resource:
    return Resource(FUNCTION_VERSION, TABLE, {"visibility": "private", "sha256": version}, version)


def fetch_functions_left(
    account: Account,
    network: Network,
    environment: str,
    wanted: Wanted,
    secrets: Mapping[Id, str],
    before: Hosted | None,
) -> list[Resource]:
    """The functions that stand by for our own server: the service with its environments, and the code of this one."""
    return fetch_code(account, network, (environment,), wanted, secrets, "", before).resources
