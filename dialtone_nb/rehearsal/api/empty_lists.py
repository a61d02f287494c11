"""Lists of what an account at the rehearsal never has, since nothing here makes any: empty, as at Twilio, and no error.

Whoever copies an account reads all of its lists, and would ask again and again for one that is refused (tap-twilio,
airbyte-source-twilio). What makes such things is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.rehearsal.api.api_2010 import classic
from dialtone_nb.rehearsal.api.days import is_of_date
from dialtone_nb.rehearsal.http.operations import Ask, Operation, Reply
from dialtone_nb.rehearsal.http.paging import list_reply
from dialtone_nb.rehearsal.http.parameters import Field, choice, read_fields
from dialtone_nb.rehearsal.state.store import Tables


@dataclass(frozen=True, slots=True)
class EmptyList:
    """A list by its path, its name in the answer, and its filters; `days` are those that compare days."""

    path: str
    name: str
    filters: tuple[Field, ...] = ()
    days: tuple[str, ...] = ()

    def operation(self) -> Operation:
        """The operation that reads it."""

        def answer(_: Tables, ask: Ask) -> Reply:
            read_fields(self.filters, ask.query)
            for name in self.days:
                is_of_date(ask, name, 0)
            return list_reply(ask, self.name, (), lambda body: body, str)

        return classic("GET", self.path, answer)


LISTS = (
    EmptyList("/Applications", "applications", (Field("FriendlyName"),)),
    EmptyList("/AuthorizedConnectApps", "authorized_connect_apps"),
    EmptyList(
        "/Conferences",
        "conferences",
        (Field("Status", choice("init", "in-progress", "completed")), Field("FriendlyName")),
        ("DateCreated", "DateUpdated"),
    ),
    EmptyList("/ConnectApps", "connect_apps"),
    EmptyList("/Messages", "messages", (Field("To"), Field("From")), ("DateSent",)),
    EmptyList("/SMS/ShortCodes", "short_codes", (Field("FriendlyName"), Field("ShortCode"))),
    EmptyList("/Transcriptions", "transcriptions"),
    EmptyList(
        "/Usage/Triggers",
        "usage_triggers",
        (
            Field("Recurring", choice("daily", "monthly", "yearly", "alltime")),
            Field("TriggerBy", choice("count", "usage", "price")),
            Field("UsageCategory"),
        ),
    ),
)
OPERATIONS = tuple(one.operation() for one in LISTS)
