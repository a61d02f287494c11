"""The code that is at Twilio: builds, what is in them, which is live where, and the sources that a plan compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.existing_uploads import adopt_uploads, is_wanted
from dialtone_nb.infrastructure.resources.builds import build_item, fetch_build, list_builds, read_versions
from dialtone_nb.infrastructure.resources.deployments import list_deployments
from dialtone_nb.infrastructure.resources.environments import list_environments
from dialtone_nb.infrastructure.resources.functions import fetch_content, list_functions
from dialtone_nb.infrastructure.resources.model import Id, Item, Kind, State
from dialtone_nb.infrastructure.resources.services import fetch_service
from dialtone_nb.infrastructure.resources.variables import APPLIED, fetch_variables, variable_item
from dialtone_nb.parameters import Network
from dialtone_nb.service.bundle import MANIFEST, Bundle

# How many builds that are not live are read when the code is to change: a run that broke off left its build there.
NEWEST_BUILDS = 3
PREVIOUS = "previous"
Versions = Mapping[str, Mapping[str, Item]]
# What the code of a service is made of, beside the environments and what is set in them.
_CODE = frozenset({Kind.FUNCTION, Kind.FUNCTION_VERSION, Kind.BUILD, Kind.DEPLOYMENT})


class Hosted(NamedTuple):
    """What hosting has: its things, the versions live in each environment, the sources that differ."""

    items: list[Item]
    code: Versions
    sources: Mapping[str, str]
    # The fingerprint of the plan that was applied last; empty where none was.
    applied: str = ""


def fetch_code(
    account: Account,
    network: Network,
    environments: tuple[str, ...],
    bundle: Bundle,
    secrets: Mapping[Id, str],
    build: str,
    known: Hosted | None,
) -> Hosted:
    """The service with its environments, variables and code.

    The first of the environments is the one that is worked on. Where the service and what is live in it are as in what
    is `known` from a look a moment ago, the code is not read again: builds and versions never change.
    """
    service = fetch_service(account, network.service.name)
    if service is None:
        return Hosted([], {}, {})
    found = list_environments(account, service.sid)
    items: list[Item] = [service, *found]
    applied = ""
    for one in found:
        if one.key not in environments:
            continue
        for variable in fetch_variables(account, service.sid, one.sid):
            if variable.key != APPLIED:
                key = Id(Kind.VARIABLE, f"{one.key}/{variable.key}")
                items.append(variable_item(one.key, variable, secrets.get(key)))
            elif one.key == environments[0]:
                applied = variable.value
    if known and _is_same_code(State(known.items), service, found, bundle):
        items += [item for item in known.items if item.kind in _CODE]
        return Hosted(items, known.code, known.sources, applied)
    return _read_code(account, service.sid, items, environments, bundle, build)._replace(applied=applied)


def _is_same_code(known: State, service: Item, environments: list[Item], bundle: Bundle) -> bool:
    """Whether the same builds are live as before, and no function has to be made that somebody may have made by now."""
    names = {item.key for item in known.of(Kind.FUNCTION)}
    before = {item.key: (item.sid, item.given["build_sid"]) for item in known.of(Kind.ENVIRONMENT)}
    return (
        known.find(service.kind, service.key) is not None
        and known.sid(service.kind, service.key) == service.sid
        and before == {item.key: (item.sid, item.given["build_sid"]) for item in environments}
        and names >= {*bundle.modules, MANIFEST}
    )


def _read_code(
    account: Account,
    service_sid: str,
    items: list[Item],
    environments: tuple[str, ...],
    bundle: Bundle,
    build: str,
) -> Hosted:
    """The code of the service with the things that were found already."""
    found = [item for item in items if item.kind is Kind.ENVIRONMENT]
    code: dict[str, dict[str, Item]] = {}
    builds: dict[str, tuple[Any, list[Item]]] = {}
    listed = list_builds(account, service_sid)
    at_hand = {one.sid: one for one in listed}

    def read(sid: str) -> tuple[Any, list[Item]]:
        if sid not in builds:
            one = at_hand.get(sid) or fetch_build(account, service_sid, sid)
            builds[sid] = one, read_versions(account, service_sid, one)
        return builds[sid]

    for one in found:
        if one.key not in environments:
            continue
        build_sid = str(one.given["build_sid"])
        if build_sid:
            item, versions = _known(read(build_sid), bundle)
            code[one.key] = {version.key: version for version in versions}
            items.append(item)
            items.append(Item(Kind.DEPLOYMENT, one.key, {"code": item.key}, build_sid))
    live = code.get(environments[0], {})
    if build:
        here = next((one for one in found if one.key == environments[0]), None)
        sid = _previous_build(account, service_sid, here) if build == PREVIOUS and here else build
        if sid and sid != PREVIOUS:
            code[build] = {one.key: one for one in _known(read(sid), bundle)[1]}
    deployed = State(items).find(Kind.DEPLOYMENT, environments[0])
    is_to_change = deployed is None or deployed.fields["code"] != bundle.digest
    if is_to_change:
        for newest in listed[:NEWEST_BUILDS]:
            if str(newest.status) != "failed":
                read(newest.sid)
    functions = list_functions(account, service_sid)
    known = [_known(one, bundle) for one in builds.values()]
    completed = [item for item, _ in known if item.given["status"] == "completed"]
    chosen = _versions(live, [versions for _, versions in known], bundle)
    if is_to_change and bundle.digest not in {item.key for item in completed}:
        built = {one.sid for _, versions in known for one in versions}
        chosen = adopt_uploads(account, service_sid, functions, chosen, built, bundle)
    items = [*items, *functions, *completed, *chosen.values()]
    return Hosted(items, code, _changed_sources(account, service_sid, code, (*environments, build), bundle))


def _previous_build(account: Account, service_sid: str, environment: Item) -> str:
    """The SID of the build that was live before the one that is; empty where there was none."""
    live = environment.given["build_sid"]
    deployed = (sid for _, sid in list_deployments(account, service_sid, environment.sid))
    return next((sid for sid in deployed if sid and sid != live), "")


def _known(read: tuple[Any, list[Item]], bundle: Bundle) -> tuple[Item, list[Item]]:
    """The build by its code; its manifest is told from another's by the build that it belongs to."""
    build, versions = read
    item = build_item(build, versions, bundle.dependencies)
    manifest = {"visibility": "private", "sha256": item.key}
    return item, [
        replace(one, fields=manifest) if one.key == MANIFEST and one.fields["sha256"] == "of this build" else one
        for one in versions
    ]


def _versions(live: Mapping[str, Item], builds: list[list[Item]], bundle: Bundle) -> dict[str, Item]:
    """One version a path: one that holds the wanted source already, in whatever build, else the live one.

    A build of just the wanted code comes last, so that its versions are taken together: its manifest names them.
    """
    chosen = dict(live)
    for versions in sorted(
        builds, key=lambda build: any(one.key == MANIFEST and is_wanted(one, bundle) for one in build)
    ):
        chosen.update({one.key: one for one in versions if is_wanted(one, bundle)})
    return chosen


def _changed_sources(
    account: Account,
    service_sid: str,
    code: Mapping[str, Mapping[str, Item]],
    environments: tuple[str, ...],
    bundle: Bundle,
) -> dict[str, str]:
    """The sources whose differences a plan shows: live here against the files, or against the other environments."""
    wanted: dict[str, Item] = {}
    here = code.get(environments[0], {})
    for path, version in here.items():
        module = bundle.modules.get(path)
        if path != MANIFEST and (module is None or module.sha256 != version.fields["sha256"]):
            wanted[version.sid] = version
    for other in environments[1:]:
        for path, version in code.get(other, {}).items():
            mine = here.get(path)
            if path != MANIFEST and mine and mine.fields["sha256"] != version.fields["sha256"]:
                wanted.update({mine.sid: mine, version.sid: version})
    return {
        sid: fetch_content(account, service_sid, str(version.given["function_sid"]), sid)
        for sid, version in wanted.items()
    }
