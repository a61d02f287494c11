"""The sample network and its compiled table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from dialtone_nb.dialplan.compile import Table, compile_table
from dialtone_nb.parameters import Parameters, load_parameters

# A slow machine is no fault: generated examples have no deadline.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

SAMPLE = Path(__file__).parents[2] / "parameters" / "sample"


@pytest.fixture(scope="session")
def parameters() -> Parameters:
    """The sample network."""
    return load_parameters(SAMPLE)


@pytest.fixture(scope="session")
def table(parameters: Parameters) -> Table:
    """The sample network's table."""
    return compile_table(parameters)
