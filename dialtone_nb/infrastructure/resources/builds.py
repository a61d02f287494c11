"""Builds: an immutable set of versions, made once and then live in any number of environments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from dialtone_nb.account.account import Account
from dialtone_nb.errors import FailedError
from dialtone_nb.infrastructure.resources.functions import FUNCTION_VERSION, fetch_content
from dialtone_nb.infrastructure.resources.model import ApplyContext, Group, Resource, ResourceType
from dialtone_nb.service.bundle import MANIFEST, Module, code_digest, parse_manifest

POLL_S = 1
# The official toolkit gives up after five minutes, too.
POLLS = 300


def fetch_build(account: Account, service_sid: str, build_sid: str) -> Any:
    """The build as Twilio shows it."""
    return account.client.serverless.v1.services(service_sid).builds(build_sid).fetch()


def list_builds(account: Account, service_sid: str) -> list[Any]:
    """The newest builds, newest first."""
    builds = account.client.serverless.v1.services(service_sid).builds.list(limit=50)
    # Dates are whole seconds; within one the order of the list stays, which is newest first.
    return sorted(builds, key=lambda build: build.date_created, reverse=True)


def read_versions(account: Account, service_sid: str, build: Any) -> list[Resource]:
    """The versions that a build is made of, by path, with the hash of each one's source.

    They come from the manifest inside the build where it lists just these versions; a build without one is read
    source by source.
    """
    listed = {one["path"]: one for one in build.function_versions or []}
    manifest: dict[str, tuple[str, str, str]] = {}
    if MANIFEST in listed:
        manifest = parse_manifest(_content(account, service_sid, listed[MANIFEST]))
    others = {path: one["sid"] for path, one in listed.items() if path != MANIFEST}
    is_ours = {path: sid for path, (sid, _, _) in manifest.items()} == others
    resources = []
    for path, one in listed.items():
        if path == MANIFEST:
            sha256 = "of this build" if is_ours else "of another build"
        elif is_ours:
            sha256 = manifest[path][2]
        else:
            sha256 = Module(path, "", _content(account, service_sid, one).encode()).sha256
        resources.append(
            Resource(
                FUNCTION_VERSION,
                path,
                {"visibility": str(one["visibility"]).lower(), "sha256": sha256},
                one["sid"],
                {"function_sid": one["function_sid"]},
            )
        )
    return resources


def build_resource(build: Any, versions: list[Resource], dependencies: Mapping[str, str]) -> Resource:
    """The build as a resource, identified by its code; only the dependencies that we declare count.

    Twilio adds packages of its own to every build (lodash, @twilio/runtime-handler, …) at versions that it chooses.
    """
    ours = _installed(build, dependencies)
    modules = {
        one.key: (str(one.fields["visibility"]), str(one.fields["sha256"])) for one in versions if one.key != MANIFEST
    }
    return Resource(
        BUILD,
        code_digest(modules, build.runtime, ours),
        {"runtime": build.runtime, "dependencies": json.dumps(ours)},
        build.sid,
        {"status": build.status},
    )


def _installed(build: Any, dependencies: Mapping[str, str]) -> dict[str, str]:
    """Which versions of our dependencies a build has."""
    installed = {one["name"]: one["version"] for one in build.dependencies or []}
    return {name: installed[name] for name in dependencies if name in installed}


def create_build(context: ApplyContext, resource: Resource) -> Resource:
    """Make the build and wait until it is complete; a `FailedError` with Twilio's reason where it failed."""
    found = {one.key: one for one in context.state.of(FUNCTION_VERSION)}
    wanted = [*context.bundle.modules, MANIFEST]
    # An interrupted run may have left such a build under way, unless a version was uploaded only now.
    is_new = any(found[path].given.get("is_new") for path in wanted)
    if not is_new and (under_way := find_build(context, resource)):
        return under_way
    dependencies = json.loads(str(resource.fields["dependencies"]))
    build = context.serverless.builds.create(
        function_versions=[found[path].sid for path in wanted],
        # Plain JSON, as the API's own example has it; the toolkit wraps it in quotes.
        dependencies=json.dumps([{"name": name, "version": version} for name, version in dependencies.items()]),
        runtime=resource.fields["runtime"],
    )
    return _completed(context, resource, build.sid)


def find_build(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the build up among the newest: the one of just these versions, dependencies and runtime."""
    versions = {one.key: one.sid for one in context.state.of(FUNCTION_VERSION)}
    wanted = {versions[path] for path in [*context.bundle.modules, MANIFEST]}
    dependencies = json.loads(str(resource.fields["dependencies"]))
    for build in list_builds(context.account, context.service_sid)[:5]:
        if (
            {one["sid"] for one in build.function_versions or []} == wanted
            and build.runtime == resource.fields["runtime"]
            and _installed(build, dependencies) == dependencies
            and build.status != "failed"
        ):
            return _completed(context, resource, build.sid)
    return None


def _completed(context: ApplyContext, resource: Resource, sid: str) -> Resource:
    builds = context.serverless.builds(sid)
    for _ in range(POLLS):
        status = str(builds.build_status().fetch().status)
        if status == "completed":
            return Resource(resource.kind, resource.key, resource.fields, sid, {"status": status})
        if status == "failed":
            raise FailedError(f"build {sid} failed{_reason(context.account, sid)}; what was live stays live")
        context.wait(POLL_S)
    raise FailedError(f"build {sid} is still building after {POLLS * POLL_S} s; run again to wait on")


def _reason(account: Account, build_sid: str) -> str:
    """What Twilio says of a failed build: the alert on it, such as 82003, dependencies that can't be installed."""
    for alert in account.client.monitor.v1.alerts.list(limit=50):
        if alert.resource_sid == build_sid:
            # The text is mostly a query string: LogLevel=ERROR&Msg=…
            said = parse_qs(str(alert.alert_text)).get("Msg", [str(alert.alert_text)])
            return f" (error {alert.error_code}: {said[0]})"
    return ""


def _content(account: Account, service_sid: str, version: Mapping[str, Any]) -> str:
    return fetch_content(account, service_sid, str(version["function_sid"]), str(version["sid"]))


BUILD = ResourceType("build", Group.CODE, create_build, find_build, needs=(FUNCTION_VERSION,), is_listed=False)
