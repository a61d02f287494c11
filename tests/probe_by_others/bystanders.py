"""Differences about nothing that is assumed: whoever looks for deviations must find none in them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from unittest.mock import patch

import orjson

from dialtone_nb.rehearsal.api import usage_records
from dialtone_nb.rehearsal.api.all_operations import HOSTS
from dialtone_nb.rehearsal.http.app import App
from dialtone_nb.rehearsal.http.faults import FaultName
from dialtone_nb.rehearsal.http.requests import HttpRequest
from dialtone_nb.rehearsal.http.responses import HttpResponse
from dialtone_nb.rehearsal.sip import messages

Bystander = Callable[[], AbstractContextManager[object]]
LATE_S = 0.03
# Lists whose order Twilio documents nowhere.
UNORDERED = frozenset(
    {"addresses", "credential_lists", "credentials", "domains", "environments", "functions", "incoming_phone_numbers"}
    | {"queues", "services", "variables"}
)
DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} \+0000")


def behind_the_api(
    change: Callable[[HttpResponse], HttpResponse], late_s: float = 0.0
) -> AbstractContextManager[object]:
    """Change each answer of the API on its way out, and let it take longer."""
    answer = App._answer

    async def answered(self: App, request: HttpRequest, fault: FaultName | None) -> HttpResponse:
        response = await answer(self, request, fault)
        if request.host not in HOSTS:
            return response
        await asyncio.sleep(late_s)
        return change(response)

    return patch.object(App, "_answer", answered)


def in_json(change: Callable[[Any], Any]) -> Callable[[HttpResponse], HttpResponse]:
    """Change what the body of a success says; others stay."""

    def changed(response: HttpResponse) -> HttpResponse:
        if response.status >= 400 or not response.body:
            return response
        return replace(response, body=orjson.dumps(change(orjson.loads(response.body))))

    return changed


def extra_header(response: HttpResponse) -> HttpResponse:
    """The answer, as one that came through somebody's gateway."""
    return replace(response, headers=(*response.headers, ("via", "1.1 gateway"), ("x-content-type-options", "nosniff")))


def other_dates(body: Any) -> Any:
    """The body with dates that RFC 2822 permits as well: no day of the week, GMT for +0000."""
    if isinstance(body, dict):
        return {key: other_dates(value) for key, value in body.items()}
    if isinstance(body, list):
        return [other_dates(one) for one in body]
    if isinstance(body, str) and DATE.fullmatch(body):
        return f"{parsedate_to_datetime(body):%d %b %Y %H:%M:%S} GMT".removeprefix("0")
    return body


def extra_fields(body: Any) -> Any:
    """The body, each resource with fields that nobody has heard of."""
    if isinstance(body, list):
        return [extra_fields(one) for one in body]
    if not isinstance(body, dict):
        return body
    inside = {key: extra_fields(value) for key, value in body.items()}
    return inside | {"data_residency": "us1", "labels": []} if "sid" in body else inside


def other_order(body: Any) -> Any:
    """The page of a list, from its end to its beginning."""
    if not isinstance(body, dict):
        return body
    return {key: value[::-1] if key in UNORDERED and isinstance(value, list) else value for key, value in body.items()}


BYSTANDERS: Mapping[str, Bystander] = {
    "extra_header": lambda: behind_the_api(extra_header),
    "other_dates": lambda: behind_the_api(in_json(other_dates)),
    "extra_fields": lambda: behind_the_api(in_json(extra_fields)),
    "slower_answers": lambda: behind_the_api(lambda response: response, LATE_S),
    "other_order": lambda: behind_the_api(in_json(other_order)),
    "other_sip_server": lambda: patch.object(messages, "SERVER", "Twilio Gateway"),
    "another_usage_category": lambda: patch.dict(usage_records.DESCRIPTIONS, {"calls-recordings": "Recorded Minutes"}),
}
