"""Functions and their versions: a version is one immutable upload."""

from __future__ import annotations

import json
from typing import Any

from dialtone_nb.account.account import Account
from dialtone_nb.errors import ApplyError
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Item, Kind
from dialtone_nb.service.bundle import MANIFEST, Module, write_manifest

# In no SDK; the official toolkit uploads here.
UPLOAD = "https://serverless-upload.twilio.com/v1"
# How many uploads of a function are looked at, where one may be there already.
NEWEST = 3


def list_functions(account: Account, service_sid: str) -> list[Item]:
    """The service's functions by path; where several share one, the oldest is ours and names the `others` by SID."""
    functions = account.client.serverless.v1.services(service_sid).functions.list()
    sids: dict[str, list[str]] = {}
    for one in sorted(functions, key=lambda function: (function.date_created, function.sid)):
        sids.setdefault(one.friendly_name, []).append(one.sid)
    return [Item(Kind.FUNCTION, path, {}, ours, {"others": ", ".join(rest)}) for path, (ours, *rest) in sids.items()]


def create_function(work: Work, item: Item) -> Item:
    """The function, made; it has no version yet."""
    made = work.account.client.serverless.v1.services(work.service_sid).functions.create(friendly_name=item.key)
    return Item(Kind.FUNCTION, item.key, {}, made.sid)


def find_function(work: Work, item: Item) -> Item | None:
    """The function, looked for again."""
    return next((one for one in list_functions(work.account, work.service_sid) if one.key == item.key), None)


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


def create_version(work: Work, item: Item) -> Item:
    """The version, uploaded."""
    module = _module(work, item)
    function_sid = work.sid(Kind.FUNCTION, item.key)
    url = f"{UPLOAD}/Services/{work.service_sid}/Functions/{function_sid}/Versions"
    answer = _upload(work, url, module)
    return Item(item.kind, item.key, item.fields, answer["sid"], {"function_sid": function_sid, "is_new": True})


def _upload(work: Work, url: str, module: Module) -> dict[str, Any]:
    credentials = work.account.credentials
    answer = work.account.transport.request(
        "POST",
        url,
        data={"Path": module.path, "Visibility": module.visibility},
        auth=(credentials.username, credentials.password),
        files={"Content": (f"{module.path.lstrip('/')}.js", module.content, "application/javascript")},
    )
    # The content type of the answer is not dependable (the toolkit parses the text itself).
    parsed: dict[str, Any] = json.loads(answer.text)
    return parsed


def find_version(work: Work, item: Item) -> Item | None:
    """The version, looked for again: the newest one of this function, if its source is what was to be uploaded."""
    module = _module(work, item)
    function_sid = work.sid(Kind.FUNCTION, item.key)
    for version in list_versions(work.account, work.service_sid, function_sid):
        content = fetch_content(work.account, work.service_sid, function_sid, version.sid)
        if content.encode() == module.content and str(version.visibility).lower() == module.visibility:
            return Item(item.kind, item.key, item.fields, version.sid, {"function_sid": function_sid})
    return None


def _module(work: Work, item: Item) -> Module:
    if work.bundle is None:
        raise ApplyError("There is no code to upload: this plan moves a build that exists.")
    if item.key != MANIFEST:
        return work.bundle.modules[item.key]
    versions = {one.key: one for one in work.state.of(Kind.FUNCTION_VERSION)}
    listed = {
        path: (versions[path].sid, module.visibility, module.sha256) for path, module in work.bundle.modules.items()
    }
    return Module(MANIFEST, "private", write_manifest(listed))
