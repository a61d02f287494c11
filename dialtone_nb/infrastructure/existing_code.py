"""The code that is at Twilio: builds and uploads, which build is live where, and the sources that a plan compares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.builds import BUILD, build_resource, fetch_build, list_builds, read_versions
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT, answers_calls, list_deployments
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT, list_environments
from dialtone_nb.infrastructure.resources.functions import (
    FUNCTION,
    FUNCTION_VERSION,
    fetch_content,
    find_upload,
    list_functions,
    manifest_module,
)
from dialtone_nb.infrastructure.resources.model import Id, Resource, State
from dialtone_nb.infrastructure.resources.services import fetch_service
from dialtone_nb.infrastructure.resources.variables import (
    APPLIED,
    VARIABLE,
    fetch_variables,
    variable_key,
    variable_resource,
)
from dialtone_nb.parameters import Network
from dialtone_nb.service.bundle import MANIFEST, OUTGOING, Bundle, Module

# How many builds that are not live are read when the code is to change: a run that broke off left its build there.
NEWEST_BUILDS = 3
PREVIOUS = "previous"
# The code that is wanted, where the functions that are live answer calls, and where they do not.
Wanted = Callable[[bool], Bundle]
Versions = Mapping[str, Mapping[str, Resource]]
# What the code of a service is made of, beside the environments and what is set in them.
_CODE = frozenset({FUNCTION, FUNCTION_VERSION, BUILD, DEPLOYMENT})


class Hosted(NamedTuple):
    """What hosting has: its resources, the versions live in each environment, the sources that differ."""

    resources: list[Resource]
    code: Versions
    sources: Mapping[str, str]
    # The fingerprint of the plan that was applied last; empty where none was.
    applied: str = ""


def fetch_code(
    account: Account,
    network: Network,
    environments: tuple[str, ...],
    wanted: Wanted,
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
    resources: list[Resource] = [service, *found]
    applied = ""
    for one in found:
        if one.key not in environments:
            continue
        for variable in fetch_variables(account, service.sid, one.sid):
            if variable.key != APPLIED:
                key = VARIABLE.id(variable_key(one.key, variable.key))
                resources.append(variable_resource(one.key, variable, secrets.get(key)))
            elif one.key == environments[0]:
                applied = variable.value
    if known and _is_same_code(State(known.resources), service, found, environments[0], wanted):
        resources += [resource for resource in known.resources if resource.kind in _CODE]
        return Hosted(resources, known.code, known.sources, applied)
    return _read_code(account, service.sid, resources, environments, wanted, build)._replace(applied=applied)


def _is_same_code(known: State, service: Resource, environments: list[Resource], here: str, wanted: Wanted) -> bool:
    """Whether the same builds are live as before, and no function has to be made that somebody may have made by now."""
    bundle = wanted(answers_calls(known.find(DEPLOYMENT, here)))
    names = {resource.key for resource in known.of(FUNCTION)}
    before = {resource.key: (resource.sid, resource.given["build_sid"]) for resource in known.of(ENVIRONMENT)}
    return (
        known.find(service.kind, service.key) is not None
        and known.sid(service.kind, service.key) == service.sid
        and before == {resource.key: (resource.sid, resource.given["build_sid"]) for resource in environments}
        and names >= {*bundle.modules, MANIFEST}
    )


def _read_code(
    account: Account,
    service_sid: str,
    resources: list[Resource],
    environments: tuple[str, ...],
    wanted: Wanted,
    build: str,
) -> Hosted:
    """The code of the service with the resources that were found already."""
    found = [resource for resource in resources if resource.kind is ENVIRONMENT]
    code: dict[str, dict[str, Resource]] = {}
    builds: dict[str, tuple[Any, list[Resource]]] = {}
    listed = list_builds(account, service_sid)
    at_hand = {one.sid: one for one in listed}

    def read(sid: str) -> tuple[Any, list[Resource]]:
        if sid not in builds:
            one = at_hand.get(sid) or fetch_build(account, service_sid, sid)
            builds[sid] = one, read_versions(account, service_sid, one)
        return builds[sid]

    build_sids = {one.key: sid for one in found if one.key in environments and (sid := str(one.given["build_sid"]))}
    here_sid = build_sids.get(environments[0], "")
    bundle = wanted(bool(here_sid) and _has_outgoing(read(here_sid)[1]))
    for name, build_sid in build_sids.items():
        resource, versions = _known(read(build_sid), bundle)
        code[name] = {version.key: version for version in versions}
        resources.append(resource)
        given = {"answers_calls": _has_outgoing(versions)}
        resources.append(Resource(DEPLOYMENT, name, {"code": resource.key}, build_sid, given))
    live = code.get(environments[0], {})
    if build:
        here = next((one for one in found if one.key == environments[0]), None)
        sid = _previous_build(account, service_sid, here) if build == PREVIOUS and here else build
        if sid and sid != PREVIOUS:
            code[build] = {one.key: one for one in _known(read(sid), bundle)[1]}
    deployed = State(resources).find(DEPLOYMENT, environments[0])
    is_to_change = deployed is None or deployed.fields["code"] != bundle.digest
    if is_to_change:
        for newest in listed[:NEWEST_BUILDS]:
            if str(newest.status) != "failed":
                read(newest.sid)
    functions = list_functions(account, service_sid)
    known = [_known(one, bundle) for one in builds.values()]
    completed = [resource for resource, _ in known if resource.given["status"] == "completed"]
    chosen = _versions(live, [versions for _, versions in known], bundle)
    if is_to_change and bundle.digest not in {resource.key for resource in completed}:
        built = {one.sid for _, versions in known for one in versions}
        chosen = adopt_uploads(account, service_sid, functions, chosen, built, bundle)
    resources = [*resources, *functions, *completed, *chosen.values()]
    return Hosted(resources, code, _changed_sources(account, service_sid, code, (*environments, build), bundle))


def _has_outgoing(versions: Iterable[Resource]) -> bool:
    return any(one.key == OUTGOING for one in versions)


def _previous_build(account: Account, service_sid: str, environment: Resource) -> str:
    """The SID of the build that was live before the one that is; empty where there was none."""
    live = environment.given["build_sid"]
    deployed = (sid for _, sid in list_deployments(account, service_sid, environment.sid))
    return next((sid for sid in deployed if sid and sid != live), "")


def _known(read: tuple[Any, list[Resource]], bundle: Bundle) -> tuple[Resource, list[Resource]]:
    """The build by its code; its manifest is told from another's by the build that it belongs to."""
    build, versions = read
    resource = build_resource(build, versions, bundle.dependencies)
    manifest = {"visibility": "private", "sha256": resource.key}
    return resource, [
        replace(one, fields=manifest) if one.key == MANIFEST and one.fields["sha256"] == "of this build" else one
        for one in versions
    ]


def _versions(live: Mapping[str, Resource], builds: list[list[Resource]], bundle: Bundle) -> dict[str, Resource]:
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
    code: Mapping[str, Mapping[str, Resource]],
    environments: tuple[str, ...],
    bundle: Bundle,
) -> dict[str, str]:
    """The sources whose differences a plan shows: live here against the files, or against the other environments."""
    wanted: dict[str, Resource] = {}
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


def is_wanted(version: Resource, bundle: Bundle) -> bool:
    """Whether a version holds just what the bundle has at its path; the manifest that of a build of just this code."""
    if version.key == MANIFEST:
        return version.fields["sha256"] == bundle.digest
    module = bundle.modules.get(version.key)
    return module is not None and dict(version.fields) == _fields(module)


def adopt_uploads(
    account: Account,
    service_sid: str,
    functions: Iterable[Resource],
    versions: Mapping[str, Resource],
    built: Collection[str],
    bundle: Bundle,
) -> dict[str, Resource]:
    """The versions by path, and in place of those that are not what the bundle has the uploads that are; only reading.

    `built` has the SIDs of the versions that are known from builds, which need not be read.
    """
    missing = [
        one
        for one in functions
        if (one.key in bundle.modules or one.key == MANIFEST)
        and not (one.key in versions and is_wanted(versions[one.key], bundle))
    ]

    def find(function: Resource) -> Resource | None:
        module = bundle.modules[function.key]
        return find_upload(account, service_sid, function, module, _fields(module), built)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(find, (one for one in missing if one.key != MANIFEST)))
    adopted = {**versions, **{one.key: one for one in found if one}}
    manifest = next((one for one in missing if one.key == MANIFEST), None)
    if manifest and all(path in adopted and is_wanted(adopted[path], bundle) for path in bundle.modules):
        fields = {"visibility": "private", "sha256": bundle.digest}
        upload = find_upload(account, service_sid, manifest, manifest_module(bundle, adopted), fields)
        if upload:
            adopted[MANIFEST] = upload
    return adopted


def _fields(module: Module) -> dict[str, str]:
    return {"visibility": module.visibility, "sha256": module.sha256}
