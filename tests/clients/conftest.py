"""A small network of one phone a device, so that these tests do not hang on the sample in parameters/."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialtone_nb.parameters import Parameters, load_parameters


@pytest.fixture(scope="session")
def parameters() -> Parameters:
    """Eight phones, one of each device; two have an emergency address."""
    return load_parameters(Path(__file__).parent / "network")
