"""Every modelled operation compared with Twilio's own documents: requests of Twilio's client, responses of ours."""

from __future__ import annotations

import inspect
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.rehearsal.api.all_operations import MODULES, OPERATIONS
from dialtone_nb.rehearsal.http.operations import Operation
from dialtone_nb.rehearsal.openapi import DocumentedOperation, operation_key
from tests.contract.openapi import Contract, Exchange, read_exchange, wrong_value
from tests.contract.traffic import live
from tests.rehearsal.doors import Door, client_of

CONTRACT = Contract()
MODELLED = {operation_key(one.host, one.method, one.path) for one in OPERATIONS}
DOCUMENTED = [operation for operation in CONTRACT.operations if operation.key in MODELLED]


@dataclass(frozen=True)
class Life:
    """All exchanges by operation, the content of each list in pages of one and of many, the statuses of creations
    without one required parameter, and those of requests with one parameter that its schema does not allow."""

    exchanges: dict[DocumentedOperation | None, list[Exchange]]
    turned: list[tuple[str, list[str], list[str]]]
    maimed: dict[DocumentedOperation, dict[str, int]]
    spoiled: dict[DocumentedOperation, dict[str, int]]


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The recorded exchanges of one account's life."""
    folder: Path = tmp_path_factory.mktemp("contract")
    with start_rehearsal(folder / "state.db") as rehearsal:
        client, door = client_of(rehearsal), Door(rehearsal)
        exchanges: dict[DocumentedOperation | None, list[Exchange]] = defaultdict(list)
        maimed: dict[DocumentedOperation, dict[str, int]] = defaultdict(dict)
        spoiled: dict[DocumentedOperation, dict[str, int]] = {}

        def record(response: requests.Response, **_: object) -> None:
            exchange = read_exchange(response)
            operation = CONTRACT.operation_of(exchange)
            exchanges[operation].append(exchange)
            if operation and exchange.form:
                maimed[operation] |= _maim(door, CONTRACT.parameters(operation), exchange)
            # Once: a list in pages of one would have each of its parameters spoiled for each page.
            if operation and exchange.method != "DELETE" and operation not in spoiled:
                spoiled[operation] = _spoil(door, CONTRACT.parameters(operation), exchange)

        client.http_client.session.hooks["response"].append(record)
        turned = [
            (type(one).__name__, _names(one.list(page_size=1)), _names(one.list(page_size=1000)))
            for one in live(client, door)
        ]
        client.http_client.session.close()
        door.session.close()
    return Life(dict(exchanges), turned, dict(maimed), spoiled)


def _maim(door: Door, parameters: dict[str, tuple[Any, bool]], good: Exchange) -> dict[str, int]:
    statuses = {}
    for name in [name for name, (_, is_required) in parameters.items() if is_required]:
        form = [pair for pair in good.form if pair[0] != name]
        statuses[name] = door.ask(good.method, good.host, good.path, data=form).status_code
    return statuses


def _spoil(door: Door, parameters: dict[str, tuple[Any, bool]], good: Exchange) -> dict[str, int]:
    statuses = {}
    for name, (schema, _) in parameters.items():
        wrong = wrong_value(schema)
        if wrong is None:
            continue
        query = [pair for pair in good.query if pair[0] != name]
        form = [pair for pair in good.form if pair[0] != name]
        (form if good.method == "POST" else query).append((name, wrong))
        statuses[name] = door.ask(good.method, good.host, good.path, params=query, data=form or None).status_code
    return statuses


def _names(things: list[Any]) -> list[str]:
    return [str(getattr(one, "sid", None) or getattr(one, "iso_code", None) or one.__dict__) for one in things]


@pytest.mark.parametrize("operation", DOCUMENTED, ids=lambda one: one.operation_id)
def test_requests_and_replies_are_as_documented(life: Life, operation: DocumentedOperation) -> None:
    """Parameters, types, enumerations, formats, keys and statuses, all of them and no others."""
    succeeded = [one for one in life.exchanges.get(operation, ()) if one.status < 400]
    assert succeeded, "was never asked with success"
    assert {line for exchange in succeeded for line in CONTRACT.violations(exchange)} == set()


def test_nothing_was_refused_and_everything_is_documented(life: Life) -> None:
    """Twilio's client sends no undocumented request, and no valid request is rejected."""
    assert None not in life.exchanges
    assert [one for exchanges in life.exchanges.values() for one in exchanges if one.status >= 400] == []


def test_pages_of_one_hold_what_one_page_holds(life: Life) -> None:
    """Every paged list, read by Twilio's client one record a page, gives the same records in the same order."""
    for name, in_ones, at_once in life.turned:
        assert (name, in_ones) == (name, at_once)
        assert len(at_once) > 1, name


def test_a_violation_is_found(life: Life) -> None:
    """A response with an extra, missing or mistyped field, and a request with an unknown parameter."""
    operation = next(one for one in DOCUMENTED if one.operation_id == "FetchSipDomain")
    good = life.exchanges[operation][0]
    for body, words in (
        (good.body | {"colour": "red"}, "colour"),
        ({key: value for key, value in good.body.items() if key != "secure"}, "secure"),
        (good.body | {"secure": "yes"}, "secure"),
        (good.body | {"sid": "SD1"}, "sid"),
        (good.body | {"date_created": "2026-01-01T00:00:00Z"}, "date_created"),
    ):
        bad = Exchange(good.method, good.host, good.path, (), (), good.status, body)
        assert any(words in line for line in CONTRACT.violations(bad)), words
    strange = Exchange(good.method, good.host, good.path, (("Colour", "red"),), (), good.status, good.body)
    assert CONTRACT.violations(strange) == ["the request has Colour, which is not documented"]


@pytest.mark.parametrize(
    "operation", [one for one in DOCUMENTED if one.method == "POST"], ids=lambda one: one.operation_id
)
def test_what_is_required_there_is_required_here(life: Life, operation: DocumentedOperation) -> None:
    """A request that succeeded, sent again without a required parameter, gets a 400."""
    required = {name for name, (_, is_required) in CONTRACT.parameters(operation).items() if is_required}
    answers = life.maimed.get(operation, {})
    assert set(answers) == required
    assert set(answers.values()) <= {400}


NAMED = [
    pytest.param(module, operation, id=operation.path)
    for module in MODULES
    for operation in module.OPERATIONS
    if operation_key(operation.host, operation.method, operation.path) in {one.key for one in DOCUMENTED}
]


@pytest.mark.parametrize(("module", "modelled"), NAMED)
def test_no_documented_parameter_is_overlooked(module: ModuleType, modelled: Operation) -> None:
    """The module of an operation names each of its documented parameters, to read or to reject it."""
    key = operation_key(modelled.host, modelled.method, modelled.path)
    operation = next(one for one in DOCUMENTED if one.key == key)
    # A resource that shares its answers with another one has them in a module of both.
    source = inspect.getsource(module) + inspect.getsource(sys.modules[modelled.handler.__module__])
    named = set(re.findall(r'"(\w+)', source)) | {"Page", "PageSize", "PageToken"}
    assert {name.rstrip("<>") for name in CONTRACT.parameters(operation)} - named == set()


@pytest.mark.parametrize("operation", DOCUMENTED, ids=lambda one: one.operation_id)
def test_what_is_no_such_value_there_is_none_here(life: Life, operation: DocumentedOperation) -> None:
    """A request that succeeded, sent again with a parameter that its schema does not allow, gets an error.

    If the rehearsal models no value of the parameter, the error names it.
    """
    taken = {name: status for name, status in life.spoiled.get(operation, {}).items() if status not in {400, 501}}
    assert taken == {}
