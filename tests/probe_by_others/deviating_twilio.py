"""Twilios that are not as it is assumed: deviations.yaml says in what, and in what else they differ.

What differs is behaviour: code in the place of the rehearsal's own. The value of no assumption is changed, so that
whoever looks for deviations sees what they would see of Twilio, from outside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from tests.probe_by_others import at_the_api, in_calls
from tests.probe_by_others.at_the_api import Deviation
from tests.probe_by_others.bystanders import BYSTANDERS
from tests.probe_by_others.lenient import LENIENT
from tests.probe_by_others.obstacles import OBSTACLES

# By the ids of assumptions: one that does and answers something else, and one that refuses and tells less.
TWILIOS: Mapping[str, Mapping[str, Deviation]] = {
    "deviating": {**at_the_api.DEVIATIONS, **in_calls.DEVIATIONS},
    "lenient": LENIENT,
}


@contextmanager
def deviate(twilio: str = "deviating", names: Collection[str] | None = None) -> Iterator[None]:
    """Let rehearsals that start within the block, in this process, be such a Twilio.

    `names` are deviations, bystanders and obstacles, else all but obstacles are there. What becomes of calls deviates
    until the block ends.
    """
    known = {**TWILIOS[twilio], **BYSTANDERS, **OBSTACLES}
    wanted = known.keys() - OBSTACLES.keys() if names is None else set(names)
    assert known.keys() >= wanted, f"the {twilio} Twilio has {', '.join(sorted(known))}"
    with ExitStack() as patched:
        for name, deviation in known.items():
            if name in wanted:
                patched.enter_context(deviation())
        yield


@contextmanager
def deviating_twilio(
    folder: Path, twilio: str = "deviating", names: Collection[str] | None = None
) -> Iterator[Rehearsal]:
    """A running rehearsal that is such a Twilio, with its account in a folder."""
    with deviate(twilio, names), start_rehearsal(folder / "state.db", twilio="recorded") as rehearsal:
        yield rehearsal
