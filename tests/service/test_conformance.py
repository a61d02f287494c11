"""One network, three implementations: the deployed functions on Node, our own server over HTTP, Python in process.

All return equal TwiML for each request; `test_how_many` prints the number of requests tried.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.dialplan.compile import Table
from dialtone_nb.dialplan.decide import decide, spoken_reason
from dialtone_nb.dialplan.decisions import Call
from dialtone_nb.dialplan.twiml import status_url, twiml_of, twiml_saying
from tests.dialplan.cases import CASES, Case
from tests.dialplan.strategies import calls, froms
from tests.server.running_server import TRUNK_PASSWORD, Caller, fill_folder, server_in_thread, settings_for
from tests.service.node import Functions
from tests.service.test_agreement import DOMAINS, canonical, request_of

# How many calls are generated; more than the test needs can be asked for.
EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "400"))
TO = "sip:911@dialtone-example-nonemergency-stage.sip.twilio.com"
STATUSES = ("completed", "answered", "busy", "no-answer", "failed", "canceled")


@dataclass
class ThreeWays:
    """The same request to all three."""

    functions: Functions
    table: Table
    servers: dict[str, Caller]
    asked: int = 0

    def call(self, call: Call) -> None:
        """Assert that a call gets the same decision."""
        function, sent = request_of(call)
        decision = decide(self.table, call)
        base = f"https://{DOMAINS[call.environment]}"
        expected = twiml_of(decision, status_url(base, function.removeprefix("sip-"), decision), TRUNK_PASSWORD)
        self._compare(call.environment, function, "", sent, expected)

    def ended(self, environment: str, direction: str, client: str, status: str, emergency: str, to: str) -> None:
        """Assert that the end of a call gets the same response."""
        query = urlencode({"direction": direction, "client": client, "emergency": emergency})
        expected = twiml_saying(spoken_reason(self.table, direction, status, emergency, to))
        self._compare(environment, "call-status", query, {"DialCallStatus": status, "To": to}, expected)

    def _compare(self, environment: str, function: str, query: str, sent: dict[str, Any], expected: str) -> None:
        context = {"DOMAIN_NAME": DOMAINS[environment], "TRUNK_PASSWORD": TRUNK_PASSWORD}
        on_node = self.functions.invoke(function, context, dict(parse_qsl(query, keep_blank_values=True)) | sent)
        over_http = self.servers[environment].ask(f"/{function}" + (f"?{query}" if query else ""), sent)
        assert over_http.status_code == 200, over_http.text
        assert canonical(over_http.text) == canonical(expected)
        assert canonical(on_node.twiml) == canonical(expected)
        self.asked += 1


@pytest.fixture(scope="module")
def three_ways(functions: Functions, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeWays]:
    """Node, a server for each environment, and this process, with the sample's table."""
    folder: Path = tmp_path_factory.mktemp("server")
    for environment in DOMAINS:
        fill_folder(folder, table, environment)
    stage, prod = (settings_for(folder, name, base_url=f"https://{DOMAINS[name]}") for name in ("stage", "prod"))
    with server_in_thread(stage) as at_stage, server_in_thread(prod) as at_prod:
        at_stage.public_url, at_prod.public_url = stage.base_url, prod.base_url
        yield ThreeWays(functions, table, {"stage": at_stage, "prod": at_prod})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.situation)
def test_case(three_ways: ThreeWays, case: Case) -> None:
    """Every case of cases.yaml."""
    three_ways.call(case.call)


@pytest.mark.parametrize("direction", ["outgoing", "incoming"])
@pytest.mark.parametrize("status", [*STATUSES, "unknown", "constructor", ""])
def test_ending(three_ways: ThreeWays, direction: str, status: str) -> None:
    """Every status that a call can end with, in both environments."""
    for environment in DOMAINS:
        three_ways.ended(environment, direction, "lobby", status, "", TO)
        three_ways.ended(environment, direction, "lobby", status, "US", TO)


@settings(max_examples=EXAMPLES)
@given(call=calls.filter(lambda call: call.environment in DOMAINS))
def test_generated_calls(three_ways: ThreeWays, call: Call) -> None:
    """What people dial, what phones send, and what an attacker would send."""
    three_ways.call(call)


@settings(max_examples=EXAMPLES // 4)
@given(
    environment=st.sampled_from(sorted(DOMAINS)),
    direction=st.sampled_from(["outgoing", "incoming"]),
    client=st.sampled_from(["lobby", "", "a b&c=d", "é"]),
    status=st.one_of(st.sampled_from(STATUSES), st.text(max_size=12)),
    emergency=st.sampled_from(["", "US", "GB", "constructor"]),
    to=froms(),
)
def test_generated_endings(three_ways: ThreeWays, **end: str) -> None:
    """Any status, even unknown ones; after an emergency call, from any domain."""
    three_ways.ended(**end)


def test_how_many(three_ways: ThreeWays, capsys: pytest.CaptureFixture[str]) -> None:
    """Hundreds of requests, each with three equal responses."""
    with capsys.disabled():
        print(f"\nconformance: {three_ways.asked} requests, each answered alike on Node, over HTTP and in process")
    assert three_ways.asked > len(CASES)
