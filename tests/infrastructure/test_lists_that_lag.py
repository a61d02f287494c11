"""Lists that lag behind creations and deletions, as Twilio's do for seconds, cause no duplicates or errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dialtone_nb.infrastructure.apply import Status
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from tests.infrastructure.desk import WORKBENCH, Desk, told
from tests.infrastructure.test_unknown_outcomes import assert_single, assert_single_phone, uploads

READS = 1


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Rehearsal]:
    """A rehearsal for each test whose lists show their previous state for one read."""
    with start_rehearsal(tmp_path / "lagging.db", lag=READS) as running:
        yield running


def settle(desk: Desk) -> None:
    """Read every list until it is up to date."""
    for _ in range(10 * READS):
        with suppress(AssertionError):
            assert_single(desk)
            assert_single_phone(desk)
        uploads(desk)


def test_whole_life_of_a_network(desk: Desk) -> None:
    """Consecutive runbooks find what the one before created, and not what it deleted."""
    desk.trunk_password = "a-trunk-secret"
    desk.do(desk.deploy())
    desk.do(desk.set_up("workbench", buy=WORKBENCH))
    settle(desk)
    assert_single(desk)
    assert_single_phone(desk)
    desk.do(desk.promote())
    desk.edit("/decide")
    desk.do(desk.deploy())
    desk.do(desk.set_up("workbench", "rotate"))
    desk.do(desk.delete("environment", "prod"))
    desk.do(desk.delete("service", release=[WORKBENCH]))
    left = [[*desk.client.serverless.v1.services.list(), *desk.client.sip.domains.list()] for _ in range(READS + 1)]
    assert left[-1] == []


@pytest.mark.parametrize(
    "path", [r"/Functions$", r"/Versions$", r"/Builds$", r"/CredentialLists\.json$", r"/SIP/Domains\.json$"]
)
def test_lost_answer_is_looked_for_until_lists_have_caught_up(desk: Desk, path: str) -> None:
    """A resource created without an answer is found by a later list request, and not created again."""
    proposal = desk.deploy()
    desk.fault("reset-after", "POST", path)
    applied = desk.carry_out(proposal)
    assert {one.status for one in applied.outcomes} == {Status.DONE}, told(applied)
    assert applied.is_complete, told(applied)
    assert [one.note for one in applied.outcomes if one.note] == ["no answer came; it was there when looked for"]
    settle(desk)
    assert_single(desk)
    assert set(uploads(desk).values()) == {1}
