"""Alerts' levels."""

from __future__ import annotations

import pytest

from dialtone_nb.rehearsal.state.alerts import level_of


@pytest.mark.parametrize(
    ("code", "level"),
    [
        (11200, "error"),
        (13223, "warning"),
        (21626, "error"),
        (32007, "warning"),
        (32008, "warning"),
        (32009, "warning"),
        (32019, "warning"),
        (32106, "error"),
        (32212, "warning"),
        (32221, "error"),
        (82001, "warning"),
        (82003, "error"),
        (82004, "warning"),
        (82005, "error"),
    ],
)
def test_levels_are_those_of_the_error_dictionary(code: int, level: str) -> None:
    """Warning or error, as Twilio's dictionary has it."""
    assert level_of(code) == level
