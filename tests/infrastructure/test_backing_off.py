"""How long a request waits before it is sent again: longer each time, by chance, and never too long."""

from __future__ import annotations

import itertools
import statistics

import pytest
import tenacity.nap

from dialtone_nb.errors import TwilioError
from dialtone_nb.transport import ATTEMPTS

from .test_transport import URL, answered, canned


def test_waits_grow_and_are_drawn_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many that are refused for want of room, no two come back together, and each backs off twice as far."""
    waits: list[float] = []
    monkeypatch.setattr(tenacity.nap.time, "sleep", waits.append)
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
