"""The proof that a server is ours."""

from __future__ import annotations

import pytest

from dialtone_nb.server.proof import is_serving_proof, serving_proof

TOKEN = "0123456789abcdef0123456789abcdef"
SAID = (TOKEN, "a challenge", "stage", "0" * 64)


def test_a_proof_holds_for_what_it_was_made_of() -> None:
    """It can be checked with the token."""
    assert is_serving_proof(serving_proof(*SAID), *SAID)


@pytest.mark.parametrize("place", range(4))
def test_a_proof_holds_for_nothing_else(place: int) -> None:
    """Another token, challenge, environment or version gives another proof."""
    other = tuple("other" if i == place else said for i, said in enumerate(SAID))
    assert not is_serving_proof(serving_proof(*SAID), *other)
    assert not is_serving_proof("é", *SAID)
