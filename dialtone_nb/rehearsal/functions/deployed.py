"""Functions and assets that are live at an environment's URLs."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.rehearsal.api.serverless.builds import versions_of, wanted_versions
from dialtone_nb.rehearsal.api.serverless.environments import environment_at
from dialtone_nb.rehearsal.api.serverless.functions_and_assets import ASSETS, FUNCTIONS
from dialtone_nb.rehearsal.functions.node_processes import VersionContent
from dialtone_nb.rehearsal.state.store import Tables, Thing


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """A function that is live at a URL, with everything needed to run it."""

    service: Thing
    environment: Thing
    deployment_sid: str
    build_sid: str
    version: Thing
    context: dict[str, str]
    process_env: dict[str, str]
    now: float
    wanted: dict[str, str]  # versions of packages, by name

    @property
    def place(self) -> str:
        """Where it runs. As on Twilio, module state is shared within one build in one environment."""
        return place_of(self.build_sid, self.environment.sid)


@dataclass(frozen=True, slots=True)
class DeployedAsset:
    """An asset that is live at a URL."""

    version: Thing
    content: bytes


def place_of(build_sid: str, environment_sid: str) -> str:
    """The place of a build in an environment, which has a process of its own."""
    return f"{build_sid}-{environment_sid}"


def live_places(tables: Tables) -> set[str]:
    """The places where a build is live."""
    environments = tables.list("environment")
    return {place_of(one.body["build_sid"], one.sid) for one in environments if one.body["build_sid"]}


def find_deployed(tables: Tables, host: str, path: str) -> DeployedFunction | DeployedAsset | None:
    """The function or asset that is live at a URL; None if there is none, or it is private."""
    environment = environment_at(tables, host)
    build_sid = environment.body["build_sid"] if environment else None
    build = tables.get("build", build_sid) if build_sid else None
    if environment is None or build is None:
        return None
    versions = [*versions_of(tables, build, FUNCTIONS), *versions_of(tables, build, ASSETS)]
    version = next((one for one in versions if one.body["path"] == path), None)
    if version is None or version.body["visibility"] == "private":
        return None
    if version.kind == ASSETS.version_kind:
        return DeployedAsset(version, tables.content(version.sid))
    service = tables.get("service", environment.parent)
    deployments = tables.list("deployment", environment.sid)
    if service is None:
        return None
    return DeployedFunction(
        service,
        environment,
        deployments[0].sid,
        build.sid,
        version,
        context_of(tables, service, environment, path),
        process_env_of(tables, service, environment),
        tables.now(),
        wanted_versions(build),
    )


def context_of(tables: Tables, service: Thing, environment: Thing, path: str) -> dict[str, str]:
    """A function's context: variables, domain, path and SIDs, and the credentials if the service includes them."""
    variables = {variable.body["key"]: variable.body["value"] for variable in tables.list("variable", environment.sid)}
    credentials = {"ACCOUNT_SID": tables.identity.account_sid, "AUTH_TOKEN": tables.identity.auth_token}
    return {
        **(credentials if service.body["include_credentials"] else {}),
        **dict(sorted(variables.items())),
        "DOMAIN_NAME": environment.body["domain_name"],
        "PATH": path,
        "SERVICE_SID": service.sid,
        "ENVIRONMENT_SID": environment.sid,
    }


def process_env_of(tables: Tables, service: Thing, environment: Thing) -> dict[str, str]:
    """The part of a function's context that process.env has: all but PATH, or the variables alone (it is assumed)."""
    if tables.behaviour.process_env == "nothing":
        listed = tables.list("variable", environment.sid)
        return {variable.body["key"]: variable.body["value"] for variable in listed}
    return {key: value for key, value in context_of(tables, service, environment, "").items() if key != "PATH"}


def build_contents(tables: Tables, build_sid: str) -> list[VersionContent]:
    """The contents that a build's functions can load: the functions themselves and the private assets."""
    build = tables.get("build", build_sid)
    if build is None:
        return []
    functions = versions_of(tables, build, FUNCTIONS)
    assets = [one for one in versions_of(tables, build, ASSETS) if one.body["visibility"] == "private"]
    return [
        VersionContent(one.body["path"], one.sid, tables.content(one.sid), is_asset=one.kind == ASSETS.version_kind)
        for one in [*functions, *assets]
    ]
