"""Time limits of requests: each has a timeout, and the pauses between retries grow and are random."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import Any

import pytest
import requests

from dialtone_nb.account import transport
from dialtone_nb.account.transport import ATTEMPTS
from dialtone_nb.errors import TwilioError
from tests.account.test_transport import URL, answered, canned
from tests.infrastructure.desk import Desk


def test_waits_grow_and_are_drawn_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many requests that get a 429 no two retry at the same time; the limit of the pauses doubles each time."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    # That all requests hold back for a while is another wait, and has its own test.
    monkeypatch.setattr(transport, "HOLD_BACK_S", 0.0)
    made, _ = canned(answered(429))
    for _ in range(200):
        with pytest.raises(TwilioError):
            made.request("GET", URL)
    rounds = [waits[nth :: ATTEMPTS - 1] for nth in range(ATTEMPTS - 1)]
    for nth, drawn in enumerate(rounds):
        assert 0 <= min(drawn) <= max(drawn) <= 0.1 * 2**nth
        assert len(set(drawn)) == len(drawn)
    means = [statistics.mean(drawn) for drawn in rounds]
    assert all(later > earlier * 1.5 for earlier, later in itertools.pairwise(means))


def test_every_request_has_a_time_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request of a whole deploy (pages, uploads, polling, calls) has a timeout."""
    seen: list[object] = []
    send = requests.adapters.HTTPAdapter.send

    def watch(self: requests.adapters.HTTPAdapter, *args: Any, **rest: Any) -> Any:
        seen.append(rest.get("timeout"))
        return send(self, *args, **rest)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", watch)
    desk.do(desk.deploy())
    desk.do(desk.set_up("workbench", buy="+15035550101"))
    assert len(seen) > 80
    assert set(seen) == {(10, 30)}
