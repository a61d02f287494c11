"""Serverless builds and their status: building, then completed or failed."""

from __future__ import annotations

import orjson

from dialtone_nb.rehearsal.api.collection import Collection
from dialtone_nb.rehearsal.api.serverless.functions_and_assets import ASSETS, FUNCTIONS, Versioned
from dialtone_nb.rehearsal.api.serverless.services import SERVERLESS, SERVICES
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, read_parameters
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

# A build is completed after this many reads of its status, or after this many simulated seconds.
READS_UNTIL_READY = 2
READS_UNTIL_READY_WHEN_SLOW = 20
SECONDS_UNTIL_READY = 20.0
SECONDS_UNTIL_READY_WHEN_SLOW = 200.0

RUNTIMES = ("node20", "node22", "node24")
DEFAULT_RUNTIME = "node22"
# The versions that Twilio's platform offers, which are not the ones on npm (docs: Runtime Handler;
# twilio-labs/serverless-toolkit#557, #564).
HANDLER = "@twilio/runtime-handler"
HANDLERS = frozenset(
    {"1.0.1", "1.1.0", "1.1.1", "1.1.2", "1.1.3", "1.2.0", "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.2.5"}
    | {"1.3.0", "1.3.1", "2.0.0", "2.0.1", "2.0.2", "2.0.3", "2.1.2"}
)
# A build for node24 gets this version instead of an older one; one older than 1.2.0 fails (changelog of July 2026).
HANDLER_OF_NODE24, OLDEST_RAISED = "2.1.2", (1, 2)
# Twilio adds these dependencies to a build that does not list them; the versions are invented.
DEFAULTS = {
    HANDLER: "2.1.2",
    "fs": "0.0.1-security",
    "lodash": "4.17.21",
    "twilio": "6.2.0",
    "util": "0.12.5",
    "xmldom": "0.6.0",
}

# The request parameters that list version SIDs; in bodies they are function_versions and asset_versions.
VERSIONS = {"FunctionVersions": FUNCTIONS, "AssetVersions": ASSETS}
CREATABLE = (
    Parameter("Dependencies"),
    Parameter("Runtime"),
)


def versions_of(tables: Tables, build: Thing, versioned: Versioned) -> list[Thing]:
    """The function versions, or the asset versions, in a build."""
    found = (tables.get(versioned.version_kind, sid) for sid in build.body.get(f"{versioned.noun}_versions", ()))
    return [version for version in found if version]


def _fields(tables: Tables, build: Thing) -> Body:
    return {
        "status": build.body["status"],
        **{
            f"{one.noun}_versions": [one.built_body(tables, version) for version in versions_of(tables, build, one)]
            for one in VERSIONS.values()
        },
        "dependencies": build.body["dependencies"],
        "runtime": build.body["runtime"],
    }


BUILDS = Collection(
    SERVERLESS,
    "Builds",
    kind="build",
    prefix="ZB",
    above=SERVICES,
    fields=_fields,
    links={"build_status": "Status"},
)


def read_dependencies(text: str) -> dict[str, str]:
    """The versions of the dependencies by name, from JSON, or from the toolkit's JSON within quotes."""
    try:
        # The toolkit puts quotes around the array and escapes none of those within, so the whole is not valid JSON.
        listed = orjson.loads(text.removeprefix('"').removesuffix('"').replace('\\"', '"')) if text else []
        given = {str(one["name"]): str(one["version"]) for one in listed}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise Refusal(20001, "Invalid Dependencies: it must be a JSON array of {name, version}") from None
    if given.get(HANDLER, "2.1.2") not in HANDLERS:
        raise Refusal(
            20001,
            f"Some dependencies could not be validated. No matching version found for {HANDLER}@{given[HANDLER]}. "
            "You can find the valid versions at https://www.twilio.com/docs/serverless/functions-assets/handler",
        )
    return given


def with_newer_handler(given: dict[str, str]) -> dict[str, str]:
    """The dependencies of a build for node24: an old handler is replaced by a newer one, a very old one refused."""
    handler = given.get(HANDLER)
    if handler is None:
        return given
    major, minor, _ = handler.split(".")
    if (int(major), int(minor)) < OLDEST_RAISED:
        raise Refusal(20001, f"{HANDLER} {handler} can't be used with node24; upgrade it to {HANDLER_OF_NODE24}")
    return given | {HANDLER: HANDLER_OF_NODE24}


def default_runtime(tables: Tables, service: Thing) -> str:
    """The runtime of the service's last completed build, or else the platform's default."""
    completed = [build for build in tables.list("build", service.sid) if build.body["status"] == "completed"]
    return str(completed[0].body["runtime"]) if completed else DEFAULT_RUNTIME


def read_versions(tables: Tables, request: ApiRequest, service: Thing) -> dict[str, list[str]]:
    """The SIDs of the function and asset versions for a build; no two may share a path.

    They are sorted by SID rather than as requested: Twilio does not keep that order either.
    """
    paths: set[str] = set()
    chosen: dict[str, list[str]] = {}
    for parameter, versioned in VERSIONS.items():
        sids = sorted({value for name, value in request.form if name == parameter})
        for sid in sids:
            version = tables.get(versioned.version_kind, sid)
            if version is None or version.body["service_sid"] != service.sid:
                raise Refusal(20001, f"{versioned.noun.capitalize()} version {sid} is not found")
            path = version.body["path"]
            if path in paths:
                raise Refusal(20001, f"Path {path} is used by more than one version of the build")
            paths.add(path)
        chosen[f"{versioned.noun}_versions"] = sids
    if not paths:
        raise Refusal(20001, "At least one function or asset version is required to create a build")
    return chosen


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a build of uploaded versions; its status is `building` at first."""
    service = SERVICES.at(tables, request, "ServiceSid")
    values = read_parameters(CREATABLE, request.form)
    runtime = values.get("runtime") or default_runtime(tables, service)
    if runtime not in RUNTIMES:
        raise Refusal(20001, f"unsupported runtime: {runtime}")
    given = read_dependencies(values.get("dependencies", ""))
    if runtime == "node24":
        given = with_newer_handler(given)
    body = {
        "status": "building",
        **read_versions(tables, request, service),
        "dependencies": [{"name": name, "version": version} for name, version in sorted((DEFAULTS | given).items())],
        "given": sorted(given),
        "runtime": runtime,
        "reads": 0,
        "fate": "completed",
        "slow": False,
    }
    # Builds have no natural key: they are numbered in the order of creation, which keeps lists in order.
    return BUILDS.show(tables, BUILDS.add(tables, service.sid, "", body), 201)


def look_again(tables: Tables, build: Thing) -> Thing:
    """The build after one more read, by which it may have become completed or failed."""
    if build.body["status"] != "building":
        return build
    slow = build.body["slow"]
    reads = build.body["reads"] + 1
    waited = tables.now() - build.created
    if reads < (READS_UNTIL_READY_WHEN_SLOW if slow else READS_UNTIL_READY) and waited < (
        SECONDS_UNTIL_READY_WHEN_SLOW if slow else SECONDS_UNTIL_READY
    ):
        return tables.save(build, {"reads": reads}, touch=False)
    if build.body["fate"] == "failed":
        reason = build.body.get("reason", "Dependency installation failed")
        raise_alert(tables, 82003, build.sid, reason, service_sid=build.parent)
    return tables.save(build, {"reads": reads, "status": build.body["fate"]})


def doom(tables: Tables, sid: str, changes: Body) -> None:
    """Have a build fail or take long: `{"fate": "failed"}`, with a `reason`, or `{"slow": True}`."""
    if build := tables.get("build", sid):
        tables.save(build, changes, touch=False)


def wanted_versions(build: Thing) -> dict[str, str]:
    """The package versions that a build's request listed, with `twilio`, which every build has."""
    chosen = {*build.body["given"], "twilio"}
    return {one["name"]: one["version"] for one in build.body["dependencies"] if one["name"] in chosen}


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One build."""
    return BUILDS.show(tables, look_again(tables, BUILDS.at(tables, request)))


def fetch_status(tables: Tables, request: ApiRequest) -> ApiResponse:
    """A build's status alone."""
    body = BUILDS.body(tables, look_again(tables, BUILDS.at(tables, request)))
    shown = {key: body[key] for key in ("sid", "account_sid", "service_sid", "status")}
    return ApiResponse(200, shown | {"url": body["links"]["build_status"]})


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the build; refused while it is deployed to an environment."""
    build = BUILDS.at(tables, request)
    live = [e for e in tables.list("environment", build.parent) if e.body["build_sid"] == build.sid]
    if live:
        raise Refusal(20001, f"Build {build.sid} is deployed to environment {live[0].sid}; it can't be deleted")
    return BUILDS.delete(tables, request)


OPERATIONS = (
    *BUILDS.operations(create=create, fetch=fetch, delete=delete),
    SERVERLESS.operation("GET", f"{BUILDS.path}/{{Sid}}/Status", fetch_status),
)
