"""Our own server under load for seconds; `make faults PARTS=serve` goes on for hours, with every fault."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.faults.served_load import KILLED, Asked, ServedLoad, serve_under_load

WORKER, DISK = "a worker is killed", "the disk is full"


def test_nothing_is_lost_whatever_goes_on_meanwhile() -> None:
    """Every answer is right and has one event, on the disk and at the receiver."""
    load = serve_under_load(4, [WORKER, DISK], every_s=2, calls_a_second=20)
    assert load.amiss == ()
    assert load.faults.keys() == {WORKER, DISK}
    assert sum(bool(one.answer) for one in load.asked) > len(load.asked) / 2 > 20
    assert load.table().splitlines()[-1].startswith("| all | ")


GOOD = ServedLoad(
    (Asked("CA1", False, DISK, 0.1, "200 <Response/>", True),),
    Counter([DISK]),
    Counter([("CA1", False)]),
    Counter([("CA1", False)]),
    1,
)
SILENT = Asked("CA1", False, DISK, 15, "", False)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (replace(GOOD, kept=Counter()), "its event is lost"),
        (replace(GOOD, kept=Counter({("CA1", False): 2})), "its event is there twice"),
        (replace(GOOD, handed_on=Counter()), "its event was not handed on"),
        (replace(GOOD, asked=(SILENT,)), "it was not answered"),
        (replace(GOOD, asked=(replace(GOOD.asked[0], is_right=False),)), "a wrong answer: 200 <Response/>"),
    ],
)
def test_what_is_amiss_is_told(load: ServedLoad, words: str) -> None:
    """Once, with the call and the fault; a missing answer is a problem unless a process was killed."""
    assert GOOD.amiss == ()
    assert load.amiss == (f"CA1 (begin), {DISK}: {words}",)
    assert replace(GOOD, asked=(replace(SILENT, fault=next(iter(KILLED))),)).amiss == ()
