"""Functions and their versions: a version is one immutable upload."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.model import ApplyContext, Fields, Group, Resource, ResourceType, of_key
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.service.bundle import MANIFEST, Bundle, Module, write_manifest

# In no SDK; the official toolkit uploads here.
UPLOAD = "https://serverless-upload.twilio.com/v1"
# How many uploads of a function are searched for one that is there already.
NEWEST = 3


def list_functions(account: Account, service_sid: str) -> list[Resource]:
    """The service's functions by path; where several share one, the oldest is ours and names the `others` by SID."""
    functions = account.client.serverless.v1.services(service_sid).functions.list()
    sids: dict[str, list[str]] = {}
    for one in sorted(functions, key=lambda function: (function.date_created, function.sid)):
        sids.setdefault(one.friendly_name, []).append(one.sid)
    return [Resource(FUNCTION, path, {}, ours, {"others": ", ".join(rest)}) for path, (ours, *rest) in sids.items()]


def create_function(context: ApplyContext, resource: Resource) -> Resource:
    """Make the function; it has no version yet."""
    made = context.serverless.functions.create(friendly_name=resource.key)
    return Resource(FUNCTION, resource.key, {}, made.sid)


def find_function(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the function up."""
    return of_key(list_functions(context.account, context.service_sid), resource.key)


def fetch_content(account: Account, service_sid: str, function_sid: str, version_sid: str) -> str:
    """The source of a version, which never changes: it is read once for an account that is open."""
    if version_sid not in account.sources:
        functions = account.client.serverless.v1.services(service_sid).functions(function_sid)
        version = functions.function_versions(version_sid)
        account.sources[version_sid] = str(version.function_version_content().fetch().content)
    return account.sources[version_sid]


def list_versions(account: Account, service_sid: str, function_sid: str) -> list[Any]:
    """The newest uploads of a function as Twilio shows them, newest first: a few, as older ones are in builds."""
    functions = account.client.serverless.v1.services(service_sid).functions(function_sid)
    # Dates are whole seconds; within one the order of the list stays, which is newest first.
    return sorted(functions.function_versions.list(limit=50), key=lambda one: one.date_created, reverse=True)[:NEWEST]


def create_version(context: ApplyContext, resource: Resource) -> Resource:
    """Upload the version."""
    module = _module(context, resource)
    function_sid = context.sid(FUNCTION, resource.key)
    url = f"{UPLOAD}/Services/{context.service_sid}/Functions/{function_sid}/Versions"
    answer = _upload(context, url, module)
    return Resource(
        resource.kind, resource.key, resource.fields, answer["sid"], {"function_sid": function_sid, "is_new": True}
    )


def _upload(context: ApplyContext, url: str, module: Module) -> dict[str, Any]:
    credentials = context.account.credentials
    answer = context.account.transport.request(
        "POST",
        url,
        data={"Path": module.path, "Visibility": module.visibility},
        auth=(credentials.username, credentials.password),
        files={"Content": (f"{module.path.lstrip('/')}.js", module.content, "application/javascript")},
    )
    # The answer's content type is not reliable (the toolkit parses the text itself).
    parsed: dict[str, Any] = json.loads(answer.text)
    return parsed


def find_version(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the version up: the newest one of this function whose source is what was to be uploaded."""
    function = Resource(FUNCTION, resource.key, sid=context.sid(FUNCTION, resource.key))
    module = _module(context, resource)
    return find_upload(context.account, context.service_sid, function, module, resource.fields)


def find_upload(
    account: Account,
    service_sid: str,
    function: Resource,
    module: Module,
    fields: Fields,
    passed_over: Collection[str] = (),
) -> Resource | None:
    """The newest upload of this module, or None; the SIDs of those that are `passed_over` are not read."""
    for version in list_versions(account, service_sid, function.sid):
        if version.sid in passed_over or str(version.visibility).lower() != module.visibility:
            continue
        if fetch_content(account, service_sid, function.sid, version.sid).encode() == module.content:
            return Resource(FUNCTION_VERSION, function.key, fields, version.sid, {"function_sid": function.sid})
    return None


def manifest_module(bundle: Bundle, versions: Mapping[str, Resource]) -> Module:
    """The manifest of a build of these versions, by path; it names their SIDs, so all of them have to be there."""
    listed = {path: (versions[path].sid, module.visibility, module.sha256) for path, module in bundle.modules.items()}
    return Module(MANIFEST, "private", write_manifest(listed))


def _module(context: ApplyContext, resource: Resource) -> Module:
    if resource.key != MANIFEST:
        return context.bundle.modules[resource.key]
    return manifest_module(context.bundle, {one.key: one for one in context.state.of(FUNCTION_VERSION)})


# A module's function and versions follow from the build: they would only fill a page.
FUNCTION = ResourceType("function", Group.CODE, create_function, find_function, needs=(SERVICE,), is_listed=False)
# The lines that differ say more than two hashes.
FUNCTION_VERSION = ResourceType(
    "function version",
    Group.CODE,
    create_version,
    find_version,
    create_version,
    needs=(FUNCTION,),
    why_updated="the code differs from what is live",
    is_listed=False,
    unread_fields=frozenset({"sha256"}),
)
