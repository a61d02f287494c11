"""Recordings: when and how long callers spoke, without any audio."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.collection import API_2010, VERSION, Collection, account_uri
from dialtone_nb.rehearsal.api.prices import UNIT
from dialtone_nb.rehearsal.api.voice.calls import call_of, is_of_date
from dialtone_nb.rehearsal.exchange.recordings import KIND
from dialtone_nb.rehearsal.http.errors import absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, read_parameters, sid
from dialtone_nb.rehearsal.state.clock import rfc2822
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

# A deleted recording is gone at once here, so this filter has no effect.
SOFT_DELETED = Parameter("IncludeSoftDeleted", flag)
# There are no recordings of conferences here, so a ConferenceSid gives an empty list.
FILTERS = (Parameter("CallSid", sid("CA")), Parameter("ConferenceSid", sid("CF")), SOFT_DELETED)


def _fields(tables: Tables, recording: Thing) -> Body:
    return {
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
        "encryption_details": None,
        "media_url": f"https://{API_2010.host}{account_uri(tables)}/Recordings/{recording.sid}",
    }


RECORDINGS = Collection(
    API_2010,
    "Recordings",
    kind=KIND,
    prefix="RE",
    fields=_fields,
    links={"add_on_results": "AddOnResults", "transcriptions": "Transcriptions"},
)


def call_recording_body(tables: Tables, recording: Thing) -> Body:
    """A recording as Twilio shows it under its call."""
    body = RECORDINGS.body(tables, recording)
    uri = f"{account_uri(tables)}/Calls/{recording.parent}/Recordings/{recording.sid}.json"
    shown = {key: value for key, value in body.items() if key not in {"media_url", "subresource_uris"}}
    return shown | {"track": "inbound", "uri": uri}


def _recording_of_call(tables: Tables, request: ApiRequest) -> Thing:
    recording = RECORDINGS.at(tables, request)
    if recording.parent != request.names["CallSid"]:
        raise absent(request.path)
    return recording


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The recordings that fit every filter."""
    wanted = read_parameters(FILTERS, request.query)
    found = [] if wanted.get("conference_sid") else tables.list(KIND, wanted.get("call_sid") or None)
    found = [one for one in found if is_of_date(request, "DateCreated", one.created)]
    return RECORDINGS.page(tables, request, found)


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
    return RECORDINGS.fetch(tables, request)


def fetch_of_call(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One recording of a call."""
    return ApiResponse(200, call_recording_body(tables, _recording_of_call(tables, request)))


def delete_of_call(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete a recording of a call."""
    tables.remove(_recording_of_call(tables, request).sid)
    return ApiResponse(204)


OF_CALL = "/Calls/{CallSid}/Recordings"
OPERATIONS = (
    *RECORDINGS.operations(list_=list_, fetch=fetch, delete=RECORDINGS.delete),
    API_2010.operation("GET", OF_CALL, list_of_call),
    API_2010.operation("GET", f"{OF_CALL}/{{Sid}}", fetch_of_call),
    API_2010.operation("DELETE", f"{OF_CALL}/{{Sid}}", delete_of_call),
)
