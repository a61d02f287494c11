"""A Twilio that is not as it is assumed: deviations.yaml says in what, and in what else it differs.

What differs is behaviour: code in the place of the rehearsal's own. The value of no assumption is changed, so that
whoever looks for deviations sees what they would see of Twilio, from outside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from tests.probe_by_others import at_the_api, in_calls
from tests.probe_by_others.bystanders import BYSTANDERS

DEVIATIONS = {**at_the_api.DEVIATIONS, **in_calls.DEVIATIONS}
EVERYTHING = frozenset({*DEVIATIONS, *BYSTANDERS})


@contextmanager
def deviate(names: Collection[str] = EVERYTHING) -> Iterator[None]:
    """Let rehearsals that start within the block, in this process, deviate so; each name is a deviation or a bystander.

    What they do in calls deviates as long as the block lasts.
    """
    assert EVERYTHING.issuperset(names), f"there are {', '.join(sorted(EVERYTHING))}"
    with ExitStack() as patched:
        for name, deviation in {**DEVIATIONS, **BYSTANDERS}.items():
            if name in names:
                patched.enter_context(deviation())
        yield


@contextmanager
def deviating_twilio(folder: Path, names: Collection[str] = EVERYTHING) -> Iterator[Rehearsal]:
    """A running rehearsal that deviates, with its account in a folder."""
    with deviate(names), start_rehearsal(folder / "state.db", twilio="recorded") as rehearsal:
        yield rehearsal
