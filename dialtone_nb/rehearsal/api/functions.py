"""Serverless functions: code, whose versions can be read back."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.services import HOST
from dialtone_nb.rehearsal.api.versioned import MEGABYTE, Versioned
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.state.store import Tables

FUNCTIONS = Versioned("function", largest=MEGABYTE, has_content=True)


def fetch_content(tables: Tables, request: ApiRequest) -> ApiResponse:
    """What was uploaded, as text."""
    version = FUNCTIONS.version_of(tables, request)
    body = FUNCTIONS.version_body(tables, version)
    kept = {key: body[key] for key in ("sid", "account_sid", "service_sid", "function_sid")}
    content = tables.content(version.sid).decode("utf-8", "replace")
    return ApiResponse(200, kept | {"content": content, "url": f"{FUNCTIONS.version_url(version)}/Content"})


CONTENT = "/v1/Services/{ServiceSid}/Functions/{FunctionSid}/Versions/{Sid}/Content"
OPERATIONS = (*FUNCTIONS.operations(), Operation(HOST, "GET", CONTENT, fetch_content))
