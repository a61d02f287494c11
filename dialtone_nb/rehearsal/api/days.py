"""Filters by day, whose comparison is part of the name: `MessageDate`, `MessageDate<`, `MessageDate>`."""

from __future__ import annotations

from dialtone_nb.rehearsal.http.operations import ApiRequest
from dialtone_nb.rehearsal.http.parameters import Parameter, read_parameter
from dialtone_nb.rehearsal.state.clock import parse_time

DAY = 86_400.0


def is_of_date(request: ApiRequest, name: str, at: float) -> bool:
    """Whether a time is on the days that were asked for: on one, on or before it, on or after it."""
    query = dict(request.query)
    on, until, since = (
        read_parameter(Parameter(name, parse_time), query[key]) // DAY if query.get(key) else None
        for key in (name, f"{name}<", f"{name}>")
    )
    day = at // DAY
    return (on is None or day == on) and (until is None or day <= until) and (since is None or day >= since)
