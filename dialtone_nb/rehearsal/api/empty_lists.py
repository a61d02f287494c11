"""Lists that are always empty, because the rehearsal can't make what they would hold, such as messages.

A program that copies an account reads all of its lists, and retries forever if one is refused (tap-twilio,
airbyte-source-twilio). The operations that would create such things are refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.rehearsal.api.collection import API_2010
from dialtone_nb.rehearsal.api.voice.calls import is_of_date
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, read_parameters
from dialtone_nb.rehearsal.state.store import Tables


@dataclass(frozen=True, slots=True)
class EmptyList:
    """An empty list: its path, its name in the response, and its filters; those in `days` compare days."""

    path: str
    name: str
    filters: tuple[Parameter, ...] = ()
    days: tuple[str, ...] = ()

    def operation(self) -> Operation:
        """The operation that reads this list."""

        def answer(_: Tables, request: ApiRequest) -> ApiResponse:
            read_parameters(self.filters, request.query)
            for name in self.days:
                is_of_date(request, name, 0)
            return list_response(request, self.name, (), lambda body: body, str)

        return API_2010.operation("GET", self.path, answer)


LISTS = (
    EmptyList("/Applications", "applications", (Parameter("FriendlyName"),)),
    EmptyList("/AuthorizedConnectApps", "authorized_connect_apps"),
    EmptyList(
        "/Conferences",
        "conferences",
        (Parameter("Status", choice("init", "in-progress", "completed")), Parameter("FriendlyName")),
        ("DateCreated", "DateUpdated"),
    ),
    EmptyList("/ConnectApps", "connect_apps"),
    EmptyList("/Messages", "messages", (Parameter("To"), Parameter("From")), ("DateSent",)),
    EmptyList("/SMS/ShortCodes", "short_codes", (Parameter("FriendlyName"), Parameter("ShortCode"))),
    EmptyList("/Transcriptions", "transcriptions"),
)
OPERATIONS = tuple(one.operation() for one in LISTS)
