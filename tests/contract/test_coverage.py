"""What the rehearsal models of Twilio, counted by Twilio's own documents."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dialtone_nb.errors import InputError
from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.rehearsal.api.all_operations import OPERATIONS
from dialtone_nb.rehearsal.openapi import compare_coverage, coverage_lines, list_operations, read_documents
from tests.contract import coverage_page
from tests.rehearsal.doors import Door

COVERAGE = compare_coverage(
    [one for product, document in read_documents().items() for one in list_operations(product, document)], OPERATIONS
)
ROOT = Path(__file__).parents[2]
UPLOAD = ("POST", "serverless-upload.twilio.com")
# A public beta, which Twilio's pages have and its documents do not.
WEBHOOKS = {("GET", "webhooks.twilio.com"), ("POST", "webhooks.twilio.com")}


def test_every_modelled_operation_is_one_of_twilios() -> None:
    """The only undocumented ones are uploads, which the serverless toolkit uses, and rules for webhooks."""
    assert {(one.method, one.host) for one in COVERAGE.undocumented} == {UPLOAD} | WEBHOOKS
    assert COVERAGE.modelled + len(COVERAGE.undocumented) == len(OPERATIONS)


def test_every_operation_is_printed_as_modelled_or_refused() -> None:
    """One line for each operation of the touched products, and a last line with the sum."""
    lines = list(coverage_lines(COVERAGE))
    words = [line.split()[0] for line in lines if re.match("  (modelled|refused) ", line)]
    assert words.count("modelled") == len(OPERATIONS)
    assert words.count("refused") == COVERAGE.documented - COVERAGE.modelled
    assert lines[-1].startswith(f"{COVERAGE.modelled} of {COVERAGE.documented} operations in 8 products")


def test_the_command_prints_it() -> None:
    """`python -m dialtone_nb rehearsal --coverage` prints these counts."""
    command = [sys.executable, "-m", "dialtone_nb", "rehearsal", "--coverage"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed.splitlines() == list(coverage_lines(COVERAGE))


def test_the_page_says_how_each_operation_is_known() -> None:
    """It is up to date with the documents, the operations, the facts and the assumptions."""
    page = coverage_page.PAGE.read_text(encoding="utf-8")
    assert page == coverage_page.render(), f"docs/coverage.md is out of date: {coverage_page.COMMAND}"


@pytest.mark.parametrize(
    ("operation", "facts", "assumptions"),
    [
        ("POST /Queues/{Sid}.json", [], ["queue_name_taken_code"]),
        ("DELETE /Addresses/{Sid}.json", ["A-05"], ["address_in_use_code"]),
        ("GET /Balance.json", [], []),
    ],
)
def test_an_operations_facts_and_assumptions_are_found_in_its_code(
    operation: str, facts: list[str], assumptions: list[str]
) -> None:
    """The assumptions are those that its code names, with what it calls; the facts' requests name the operation."""
    method, _, path = operation.partition(" ")
    (found,) = (one for one in OPERATIONS if (one.method, one.path.partition("{AccountSid}")[2]) == (method, path))
    assert coverage_page.recorded_facts().get(found, []) == facts
    assert coverage_page.assumptions_of(found) == assumptions


def test_missing_documents_are_one_clear_line(tmp_path: Path) -> None:
    """A folder without documents is named, with the command that installs them."""
    with pytest.raises(InputError, match="make documents") as raised:
        read_documents(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_whatever_is_not_modelled_is_refused_by_name(rehearsal: Rehearsal, door: Door) -> None:
    """Each documented but unmodelled operation of the modelled products returns 501 with its name."""
    sids = {"AccountSid": rehearsal.account_sid}
    for operation in [one for product in COVERAGE.products for one in product.refused]:
        path = re.sub(r"\{(\w+)\}", lambda name: sids.get(name[1], "XX" + "0" * 32), operation.path)
        response = door.ask(operation.method, operation.host, path)
        assert (response.status_code, response.json()["code"]) == (501, 20501), operation
        assert f"{operation.method} {operation.host}{path}" in response.json()["message"]
