"""Serverless functions, their versions, and the uploads that make versions."""

from __future__ import annotations

import hashlib
from typing import Any

from dialtone_nb.rehearsal.api.services import HOST, service_of
from dialtone_nb.rehearsal.clock import iso8601
from dialtone_nb.rehearsal.fields import Field, choice, matching, read_fields
from dialtone_nb.rehearsal.operations import Ask, Operation, Reply
from dialtone_nb.rehearsal.paging import list_reply
from dialtone_nb.rehearsal.refusal import Refusal, absent
from dialtone_nb.rehearsal.store import Tables, Thing

UPLOAD_HOST = "serverless-upload.twilio.com"

NAME = (Field("FriendlyName", required=True, longest=255),)
# The characters that the serverless toolkit keeps out of paths.
PATH = matching(
    r"/[^#;,?:@+&$()'\"\s]*", "must begin with a slash and hold none of # ; , ? : @ + & $ ( ) ' \" or space"
)
UPLOADED = (
    Field("Path", PATH, required=True, longest=255),
    Field("Visibility", choice("public", "protected", "private"), required=True),
)


def function_of(tables: Tables, ask: Ask, name: str = "FunctionSid") -> Thing:
    """The function in the path, of the service in the path."""
    function = tables.get("function", ask.names[name], service_of(tables, ask).sid)
    if function is None:
        raise absent(ask.path)
    return function


def version_of(tables: Tables, ask: Ask) -> Thing:
    """The function version in the path."""
    version = tables.get("function_version", ask.names["Sid"], function_of(tables, ask).sid)
    if version is None:
        raise absent(ask.path)
    return version


def function_body(tables: Tables, function: Thing) -> dict[str, Any]:
    """A function as Twilio shows it."""
    url = f"https://{HOST}/v1/Services/{function.parent}/Functions/{function.sid}"
    return {
        "sid": function.sid,
        "account_sid": tables.identity.account_sid,
        "service_sid": function.parent,
        **function.body,
        "date_created": iso8601(function.created),
        "date_updated": iso8601(function.updated),
        "url": url,
        "links": {"function_versions": f"{url}/Versions"},
    }


def version_url(version: Thing) -> str:
    """The address of a function version."""
    return f"https://{HOST}/v1/Services/{version.body['service_sid']}/Functions/{version.parent}/Versions/{version.sid}"


def version_body(tables: Tables, version: Thing) -> dict[str, Any]:
    """A function version as Twilio shows it, without its content."""
    url = version_url(version)
    return {
        "sid": version.sid,
        "account_sid": tables.identity.account_sid,
        "service_sid": version.body["service_sid"],
        "function_sid": version.parent,
        "path": version.body["path"],
        "visibility": version.body["visibility"],
        "date_created": iso8601(version.created),
        "url": url,
        "links": {"function_version_content": f"{url}/Content"},
    }


def create(tables: Tables, ask: Ask) -> Reply:
    """A new function; the friendly name need not be unique."""
    service = service_of(tables, ask)
    values = read_fields(NAME, ask.form)
    function = tables.add("ZH", "function", service.sid, values["friendly_name"], values)
    return Reply(201, function_body(tables, function))


def list_(tables: Tables, ask: Ask) -> Reply:
    """All functions of a service."""
    things = tables.list("function", service_of(tables, ask).sid)
    return list_reply(ask, "functions", things, lambda f: function_body(tables, f), lambda f: str(f.sid))


def fetch(tables: Tables, ask: Ask) -> Reply:
    """One function."""
    return Reply(200, function_body(tables, function_of(tables, ask, "Sid")))


def update(tables: Tables, ask: Ask) -> Reply:
    """A function with another friendly name."""
    values = read_fields(NAME, ask.form)
    function = tables.save(function_of(tables, ask, "Sid"), values, name=values["friendly_name"])
    return Reply(200, function_body(tables, function))


def delete(tables: Tables, ask: Ask) -> Reply:
    """Nothing; the function is gone. Builds keep the versions that they were made of."""
    function = function_of(tables, ask, "Sid")
    built = {
        sid
        for build in tables.list("build", function.parent)
        for sid in build.body["function_versions"]
        if tables.get("function_version", sid, function.sid)
    }
    if built:
        raise Refusal(20001, f"Function {function.sid} is part of a build; delete the build first")
    tables.remove(function.sid)
    return Reply(204)


def upload(tables: Tables, ask: Ask) -> Reply:
    """A new, unchangeable version of a function, from a multipart body."""
    function = function_of(tables, ask)
    values = read_fields(UPLOADED, ask.form)
    if ask.upload is None:
        raise Refusal(20001, "Missing required parameter Content in the post body")
    fingerprint = hashlib.sha256(ask.upload.content).hexdigest()
    name = f"{values['path']} {values['visibility']} {fingerprint}"
    body = values | {"service_sid": function.parent}
    version = tables.add("ZN", "function_version", function.sid, name, body)
    tables.write_content(version.sid, ask.upload.content)
    return Reply(201, version_body(tables, version))


def list_versions(tables: Tables, ask: Ask) -> Reply:
    """All versions of a function."""
    things = tables.list("function_version", function_of(tables, ask).sid)
    return list_reply(ask, "function_versions", things, lambda v: version_body(tables, v), lambda v: str(v.sid))


def fetch_version(tables: Tables, ask: Ask) -> Reply:
    """One function version."""
    return Reply(200, version_body(tables, version_of(tables, ask)))


def fetch_content(tables: Tables, ask: Ask) -> Reply:
    """What was uploaded, as text."""
    version = version_of(tables, ask)
    body = version_body(tables, version)
    kept = {key: body[key] for key in ("sid", "account_sid", "service_sid", "function_sid")}
    content = tables.content(version.sid).decode("utf-8", "replace")
    return Reply(200, kept | {"content": content, "url": f"{version_url(version)}/Content"})


OPERATIONS = (
    Operation(HOST, "GET", "/v1/Services/{ServiceSid}/Functions", list_),
    Operation(HOST, "POST", "/v1/Services/{ServiceSid}/Functions", create),
    Operation(HOST, "GET", "/v1/Services/{ServiceSid}/Functions/{Sid}", fetch),
    Operation(HOST, "POST", "/v1/Services/{ServiceSid}/Functions/{Sid}", update),
    Operation(HOST, "DELETE", "/v1/Services/{ServiceSid}/Functions/{Sid}", delete),
    Operation(HOST, "GET", "/v1/Services/{ServiceSid}/Functions/{FunctionSid}/Versions", list_versions),
    Operation(HOST, "GET", "/v1/Services/{ServiceSid}/Functions/{FunctionSid}/Versions/{Sid}", fetch_version),
    Operation(HOST, "GET", "/v1/Services/{ServiceSid}/Functions/{FunctionSid}/Versions/{Sid}/Content", fetch_content),
    Operation(UPLOAD_HOST, "POST", "/v1/Services/{ServiceSid}/Functions/{FunctionSid}/Versions", upload),
)
