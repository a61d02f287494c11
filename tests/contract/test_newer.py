"""Changes in Twilio's published API, by operation, parameter, field and value."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from dialtone_nb.rehearsal.openapi import read_documents
from tests.contract.newer import changes


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """The documents of the tests' version for the product with domains, numbers and calls."""
    return {"api_v2010": read_documents()["api_v2010"]}


def test_the_same_documents_have_no_changes(known: dict[str, Any]) -> None:
    """Changes in descriptions do not count."""
    newer = copy.deepcopy(known)
    newer["api_v2010"]["info"]["description"] = "Other words."
    assert list(changes(known, newer)) == []


def test_every_change_is_told_with_its_place(known: dict[str, Any]) -> None:
    """An added and a removed operation, a parameter, a field, a value, a type."""
    newer = copy.deepcopy(known)
    document = newer["api_v2010"]
    calls = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls.json"]
    calls["put"] = copy.deepcopy(calls["get"])
    del document["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json"]["delete"]
    calls["get"]["parameters"].append({"name": "Colour", "in": "query", "schema": {"type": "string"}})
    fields = document["components"]["schemas"]["api.v2010.account.call"]["properties"]
    fields["colour"] = {"type": "string"}
    fields["price"]["type"] = "number"
    document["components"]["schemas"]["call_enum_status"]["enum"].append("dreaming")
    told = "\n".join(changes(known, newer))
    for line in (
        r"new: api_v2010 PUT /2010-04-01/Accounts/\{AccountSid\}/Calls\.json",
        r"gone: api_v2010 DELETE /2010-04-01/Accounts/\{AccountSid\}/Calls/\{Sid\}\.json",
        r"new: api_v2010 GET /2010-04-01/Accounts/\{AccountSid\}/Calls\.json query Colour",
        r"new: api_v2010 api\.v2010\.account\.call colour",
        r"other: api_v2010 api\.v2010\.account\.call price: string -> number",
        r"other: api_v2010 call_enum_status: .* -> .*'dreaming'\]",
    ):
        assert re.search(f"^{line}$", told, re.M), line


def test_a_product_that_the_rehearsal_does_not_touch_is_nobodys_work(known: dict[str, Any]) -> None:
    """Twilio changes some product each week."""
    document = {"servers": [{"url": "https://video.twilio.com"}], "paths": {"/v1/Rooms": {"get": {"operationId": "A"}}}}
    assert list(changes(known, known | {"video_v1": document})) == []
