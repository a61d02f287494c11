"""Serverless v1 with Twilio's own client: services, environments, functions, builds, deployments, variables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.rehearsal.doors import Door, deploy, finish_build

HELLO = "exports.handler = (context, event, callback) => callback(null, 'hello');"


def refusal(run: Any) -> tuple[int, int]:
    """The status and code of an error."""
    with pytest.raises(TwilioRestException) as raised:
        run()
    return raised.value.status, raised.value.code


@pytest.fixture
def service(client: Client) -> Any:
    """An empty service's context."""
    return client.serverless.v1.services(client.serverless.v1.services.create("phones", "Phones").sid)


@pytest.fixture
def environment(service: Any) -> Any:
    """The service's environment "stage"."""
    return service.environments(service.environments.create("stage", domain_suffix="stage").sid)


def version_of(service: Any, door: Door, path: str = "/hello", code: str = HELLO, visibility: str = "public") -> str:
    """The SID of a new version of a new function."""
    sid = service.fetch().sid
    function = service.functions.create(friendly_name=path).sid
    return str(door.upload(sid, function, path, visibility, code).json()["sid"])


def build_of(client: Client, service: Any, door: Door, path: str = "/hello") -> str:
    """The SID of a completed build of one function."""
    build = service.builds.create(function_versions=[version_of(service, door, path)], runtime="node22").sid
    assert finish_build(client, service.fetch().sid, build) == "completed"
    return str(build)


def test_service_is_found_by_sid_and_by_name(client: Client, service: Any) -> None:
    """A service is fetched by SID and by unique name, with Twilio's defaults."""
    by_name = client.serverless.v1.services("phones").fetch()
    assert by_name.sid == service.fetch().sid
    assert (by_name.include_credentials, by_name.ui_editable) == (True, False)
    assert by_name.domain_base.startswith("phones-")
    assert by_name.links["environments"] == f"{by_name.url}/Environments"


@pytest.mark.parametrize(
    ("name", "friendly"), [("no spaces", "x"), ("x" * 51, "x"), ("x", "y" * 256), ("", "x"), ("x", "")]
)
def test_service_with_a_wrong_name_is_refused(client: Client, name: str, friendly: str) -> None:
    """A unique name with a space, and names that are too long or empty, give 400 with code 20001."""
    assert refusal(lambda: client.serverless.v1.services.create(name, friendly)) == (400, 20001)


def test_service_update_leaves_its_unique_name(client: Client, service: Any) -> None:
    """FriendlyName, IncludeCredentials and UiEditable can be changed; UniqueName is ignored."""
    changed = service.update(friendly_name="New", include_credentials=False, ui_editable=True)
    assert (changed.friendly_name, changed.include_credentials, changed.ui_editable) == ("New", False, True)
    assert changed.unique_name == "phones"


def test_flags_must_be_booleans(door: Door, service: Any) -> None:
    """A flag that is no boolean gives 400; an unknown parameter is ignored."""
    path = f"/Services/{service.fetch().sid}"
    assert door.serverless("POST", path, data={"UiEditable": "perhaps"}).json()["code"] == 20001
    assert door.serverless("POST", path, data={"Colour": "green"}).status_code == 200


def test_recreated_service_has_another_domain(client: Client, service: Any) -> None:
    """A service created again gets other digits in its domain name."""
    before = service.fetch().domain_base
    service.delete()
    assert refusal(service.fetch) == (404, 20404)
    assert client.serverless.v1.services.create("phones", "Phones").domain_base != before


def test_deleting_a_service_deletes_all_of_it(client: Client, door: Door) -> None:
    """The resources of a deleted service are deleted."""
    made = deploy(client, door, {"/hello": ("public", HELLO)})
    client.serverless.v1.services(made.service).delete()
    assert refusal(client.serverless.v1.services(made.service).environments(made.environment).fetch) == (404, 20404)
    assert door.ask("GET", made.domain_name, "/hello").status_code == 404


def test_environment_has_a_domain_with_its_suffix(service: Any) -> None:
    """Its domain name is the service's base, the suffix if any, and twil.io."""
    base = service.fetch().domain_base
    assert service.environments.create("stage", domain_suffix="stage").domain_name == f"{base}-stage.twil.io"
    plain = service.environments.create("production")
    assert (plain.domain_name, plain.domain_suffix, plain.build_sid) == (f"{base}.twil.io", None, None)


def test_version_content_is_what_was_uploaded(service: Any, door: Door) -> None:
    """The content of a version is as uploaded, with path and visibility."""
    version = version_of(service, door, code="// ünïcode\nexports.handler = 1;", visibility="protected")
    function = service.functions(service.functions.list()[0].sid)
    fetched = function.function_versions(version)
    assert fetched.function_version_content().fetch().content == "// ünïcode\nexports.handler = 1;"
    assert (fetched.fetch().path, fetched.fetch().visibility) == ("/hello", "protected")
    assert [one.sid for one in function.function_versions.list()] == [version]


def test_version_with_a_strange_visibility_is_refused(service: Any, door: Door) -> None:
    """Any other visibility than public, protected and private gives 400."""
    function = service.functions.create(friendly_name="x").sid
    assert door.upload(service.fetch().sid, function, "/x", "secret", HELLO).status_code == 400


def test_version_without_content_is_refused(service: Any, door: Door) -> None:
    """An upload without its file gives 400 with the missing part."""
    function = service.functions.create(friendly_name="x").sid
    response = door.ask(
        "POST",
        "serverless-upload.twilio.com",
        f"/v1/Services/{service.fetch().sid}/Functions/{function}/Versions",
        files={"Path": (None, "/x"), "Visibility": (None, "public")},
    )
    assert response.status_code == 400
    assert "Content" in response.json()["message"]


def test_build_is_ready_at_the_second_look(service: Any, door: Door) -> None:
    """Its status is building at first and on the first fetch, then completed, without any time passing."""
    build = service.builds.create(function_versions=[version_of(service, door)], runtime="node22")
    assert build.status == "building"
    status = service.builds(build.sid).build_status
    assert [status().fetch().status for _ in range(3)] == ["building", "completed", "completed"]


def test_build_is_ready_when_time_has_passed(service: Any, door: Door) -> None:
    """Without fetches a build is completed after some simulated time."""
    build = service.builds.create(function_versions=[version_of(service, door)], runtime="node22")
    door.control("POST", "/clock", json={"advance_s": 60})
    assert service.builds(build.sid).fetch().status == "completed"


def test_build_shows_versions_dependencies_and_runtime(service: Any, door: Door) -> None:
    """Its versions, visibility in upper case, and its dependencies with Twilio's defaults."""
    build = service.builds.create(
        function_versions=[version_of(service, door)], dependencies='[{"name":"lodash","version":"4.17.20"}]'
    )
    (version,) = build.function_versions
    assert (version["path"], version["visibility"]) == ("/hello", "PUBLIC")
    versions = {one["name"]: one["version"] for one in build.dependencies}
    assert versions["lodash"] == "4.17.20"
    assert {"twilio", "@twilio/runtime-handler"} <= set(versions)
    assert build.runtime == "node22"


def test_build_takes_dependencies_wrapped_in_quotes(service: Any, door: Door) -> None:
    """A JSON string within a JSON string, as the toolkit sends them, is accepted."""
    wrapped = '"[{\\"name\\":\\"lodash\\",\\"version\\":\\"4.17.20\\"}]"'
    build = service.builds.create(function_versions=[version_of(service, door)], dependencies=wrapped)
    assert {"name": "lodash", "version": "4.17.20"} in build.dependencies


@pytest.mark.parametrize("dependencies", ["{", "[1]", '[{"name":"x"}]', "7"])
def test_build_with_wrong_dependencies_is_refused(service: Any, door: Door, dependencies: str) -> None:
    """Dependencies must be a JSON array of name and version, else 400."""
    version = version_of(service, door)
    refused = refusal(lambda: service.builds.create(function_versions=[version], dependencies=dependencies))
    assert refused == (400, 20001)


@pytest.mark.parametrize("runtime", ["node10", "node18", "node99", "deno"])
def test_build_on_another_runtime_is_refused(service: Any, door: Door, runtime: str) -> None:
    """Retired and unknown runtimes give 20001."""
    version = version_of(service, door)
    assert refusal(lambda: service.builds.create(function_versions=[version], runtime=runtime)) == (400, 20001)


@pytest.mark.parametrize(
    ("runtime", "asked", "given"),
    [
        ("node22", "2.0.3", "2.0.3"),
        ("node22", "1.3.0", "1.3.0"),
        ("node22", "2.1.0", None),
        ("node22", "^2.0.0", None),
        ("node24", "1.2.0", "2.1.2"),
        ("node24", "2.1.2", "2.1.2"),
        ("node24", "1.1.3", None),
    ],
)
def test_a_build_has_a_runtime_handler_of_the_platform(
    service: Any, door: Door, runtime: str, asked: str, given: str | None
) -> None:
    """Only versions of the handler that Twilio has are accepted; node24 raises old ones, down to 1.2.0."""
    dependencies = json.dumps([{"name": "@twilio/runtime-handler", "version": asked}])
    version = version_of(service, door)

    def build() -> Any:
        return service.builds.create(function_versions=[version], runtime=runtime, dependencies=dependencies)

    if given is None:
        assert refusal(build) == (400, 20001)
    else:
        assert {"name": "@twilio/runtime-handler", "version": given} in build().dependencies


def test_versions_of_a_build_come_in_no_order_of_their_paths(client: Client, service: Any, door: Door) -> None:
    """As Twilio keeps no order, clients must not depend on one."""
    paths = [f"/{letter}" for letter in "abcdefghij"]
    versions = [version_of(service, door, path) for path in paths]
    shown = service.builds.create(function_versions=versions, runtime="node22").function_versions
    assert sorted(one["path"] for one in shown) == paths
    assert [one["path"] for one in shown] not in (paths, paths[::-1])


def test_build_of_a_strange_version_is_refused(client: Client, service: Any, door: Door) -> None:
    """A version of another service, or an unknown one, gives 400."""
    other = client.serverless.v1.services(client.serverless.v1.services.create("other", "Other").sid)
    for version in (version_of(other, door), "ZN" + "0" * 32):
        assert refusal(lambda version=version: service.builds.create(function_versions=[version])) == (400, 20001)


def test_live_build_cannot_be_deleted(client: Client, service: Any, environment: Any, door: Door) -> None:
    """A build can be deleted once it is no longer live."""
    build = build_of(client, service, door)
    environment.deployments.create(build_sid=build)
    assert refusal(service.builds(build).delete) == (400, 20001)
    environment.deployments.create()
    assert environment.fetch().build_sid is None
    assert service.builds(build).delete()


def test_deployments_tell_what_was_live_before(client: Client, service: Any, environment: Any, door: Door) -> None:
    """Deployments are listed newest first, so that the second one was live before."""
    builds = [build_of(client, service, door, f"/{name}") for name in "abc"]
    for build in builds:
        environment.deployments.create(build_sid=build)
    assert [one.build_sid for one in environment.deployments.list()] == builds[::-1]
    newest = environment.deployments.list()[0].sid
    assert environment.deployments(newest).fetch().build_sid == builds[-1]


def test_variable_is_written_once_and_then_changed(environment: Any) -> None:
    """A second variable with the same key is a conflict; an update changes its visible value."""
    variable = environment.variables.create("GREETING", "hello")
    assert refusal(lambda: environment.variables.create("GREETING", "again")) == (409, 20409)
    assert environment.variables(variable.sid).update(value="good evening").value == "good evening"
    assert [(one.key, one.value) for one in environment.variables.list()] == [("GREETING", "good evening")]
    assert environment.variables(variable.sid).delete()
    assert environment.variables.list() == []


def test_deleting_twice_is_a_404(service: Any, environment: Any) -> None:
    """For every type."""
    assert environment.delete()
    assert refusal(environment.delete) == (404, 20404)
    function = service.functions(service.functions.create(friendly_name="x").sid)
    assert function.delete()
    assert refusal(function.delete) == (404, 20404)
