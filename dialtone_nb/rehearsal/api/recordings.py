"""Recordings: how long callers spoke, and when. There is no sound in them."""

from __future__ import annotations

from typing import Any

from dialtone_nb.rehearsal.api.api_2010 import HOST, VERSION, account_uri, classic, stamped
from dialtone_nb.rehearsal.api.calls import call_of
from dialtone_nb.rehearsal.api.days import is_of_date
from dialtone_nb.rehearsal.api.prices import UNIT
from dialtone_nb.rehearsal.exchange.recordings import KIND
from dialtone_nb.rehearsal.http.errors import absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, read_parameters, sid
from dialtone_nb.rehearsal.state.clock import rfc2822
from dialtone_nb.rehearsal.state.store import Tables, Thing

# What is deleted is gone at once here, so this adds nothing.
SOFT_DELETED = Parameter("IncludeSoftDeleted", flag)
# None are of conferences.
FILTERS = (Parameter("CallSid", sid("CA")), Parameter("ConferenceSid", sid("CF")), SOFT_DELETED)


def call_recording_body(tables: Tables, recording: Thing) -> dict[str, Any]:
    """A recording as Twilio shows it under its call."""
    return {
        **stamped(tables, recording),
        "api_version": VERSION,
        "call_sid": recording.parent,
        "conference_sid": None,
        "start_time": rfc2822(recording.body["started"]),
        "duration": str(recording.body["duration"]),
        "price": None,
        "price_unit": UNIT,
        "status": "completed",
        "channels": 1,
        "source": recording.body["source"],
        "error_code": None,
        "track": "inbound",
        "encryption_details": None,
        "uri": f"{account_uri(tables)}/Calls/{recording.parent}/Recordings/{recording.sid}.json",
    }


def recording_body(tables: Tables, recording: Thing) -> dict[str, Any]:
    """A recording as Twilio shows it under the account."""
    body = call_recording_body(tables, recording)
    del body["track"]
    own = f"{account_uri(tables)}/Recordings/{recording.sid}"
    return body | {
        "uri": f"{own}.json",
        "media_url": f"https://{HOST}{own}",
        "subresource_uris": {
            "add_on_results": f"{own}/AddOnResults.json",
            "transcriptions": f"{own}/Transcriptions.json",
        },
    }


def _recording_of(tables: Tables, request: ApiRequest) -> Thing:
    recording = tables.get(KIND, request.names["Sid"], request.names.get("CallSid"))
    if recording is None:
        raise absent(request.path)
    return recording


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """All recordings, of one call where it is named, and of the days that were asked for."""
    wanted = read_parameters(FILTERS, request.query)
    found = [] if wanted.get("conference_sid") else tables.list(KIND, wanted.get("call_sid") or None)
    found = [one for one in found if is_of_date(request, "DateCreated", one.created)]
    return list_response(
        request, "recordings", found, lambda one: recording_body(tables, one), lambda one: str(one.sid)
    )


def list_of_call(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The recordings of a call."""
    call = call_of(tables, request, "CallSid")
    found = [one for one in tables.list(KIND, call.sid) if is_of_date(request, "DateCreated", one.created)]
    return list_response(
        request, "recordings", found, lambda one: call_recording_body(tables, one), lambda one: str(one.sid)
    )


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One recording."""
    read_parameters((SOFT_DELETED,), request.query)
    return ApiResponse(200, recording_body(tables, _recording_of(tables, request)))


def fetch_of_call(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One recording of a call."""
    return ApiResponse(200, call_recording_body(tables, _recording_of(tables, request)))


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the recording."""
    tables.remove(_recording_of(tables, request).sid)
    return ApiResponse(204)


OPERATIONS = (
    classic("GET", "/Recordings", list_),
    classic("GET", "/Recordings/{Sid}", fetch),
    classic("DELETE", "/Recordings/{Sid}", delete),
    classic("GET", "/Calls/{CallSid}/Recordings", list_of_call),
    classic("GET", "/Calls/{CallSid}/Recordings/{Sid}", fetch_of_call),
    classic("DELETE", "/Calls/{CallSid}/Recordings/{Sid}", delete),
)
