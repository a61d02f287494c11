"""A call's statuses change only as the table in `call_log` allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dialtone_nb.rehearsal.exchange.call_log import NEXT_STATUSES, UNANSWERED, move_call
from dialtone_nb.rehearsal.state.call_records import CallRecord, find_call, start_call
from dialtone_nb.rehearsal.state.store import Store, Tables

ENDED = UNANSWERED | {"completed"}


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    """The tables of an account without calls."""
    store = Store(tmp_path / "state.sqlite", 1)
    with store.transaction() as tables:
        yield tables
    store.close()


def place(tables: Tables, *statuses: str) -> CallRecord:
    """A call that has had these statuses, one a minute."""
    call = start_call(tables, "+15035550198", "+15035550103", "inbound", statuses[0])
    for minute, status in enumerate(statuses[1:], 1):
        time = {"ringing": "dialled", "in-progress": "answered"}.get(status, "ended")
        call = move_call(tables, call, status, **{time: call.started + 60 * minute})
    return call


@pytest.mark.parametrize("status", sorted(NEXT_STATUSES))
def test_call_goes_where_the_table_says_and_nowhere_else(tables: Tables, status: str) -> None:
    """Transitions of the table are accepted; others are rejected, and the record stays."""
    for following in sorted(ENDED | NEXT_STATUSES.keys()):
        call = place(tables, status)
        if following in NEXT_STATUSES[status]:
            assert move_call(tables, call, following).status == following
        else:
            with pytest.raises(RuntimeError, match=f"a call that is {status} can't become {following}"):
                move_call(tables, call, following)
            assert find_call(tables, call.sid) == call


@pytest.mark.parametrize("status", sorted(ENDED))
def test_call_that_has_ended_stays_so(tables: Tables, status: str) -> None:
    """Final statuses never change."""
    call = place(tables, "ringing", status)
    for following in sorted(ENDED | NEXT_STATUSES.keys()):
        with pytest.raises(RuntimeError, match="can't become"):
            move_call(tables, call, following)
    assert find_call(tables, call.sid) == call


def test_call_that_was_answered_has_a_price(tables: Tables) -> None:
    """Answered calls are billed by started minutes, others not."""
    answered = place(tables, "queued", "ringing", "in-progress", "completed")
    assert (answered.duration, answered.price) == (60, 0.0085)
    assert (place(tables, "ringing", "completed").price, place(tables, "ringing", "busy").price) == (None, None)
