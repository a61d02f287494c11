"""A small network of one phone a device, so that these tests do not depend on parameters/sample/."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dialtone_nb.parameters import Parameters, load_parameters


@pytest.fixture(scope="session")
def parameters() -> Parameters:
    """Eight phones, one of each device; two have an emergency address."""
    return load_parameters(Path(__file__).parent / "network")


def through(parameters: Parameters, edge: str) -> Parameters:
    """The network with one of Twilio's edges."""
    return replace(parameters, network=parameters.network.model_copy(update={"edge": edge}))


def handed_out_at(parameters: Parameters, address: str) -> Parameters:
    """The network with an address for handing out configurations."""
    return replace(parameters, network=parameters.network.model_copy(update={"provisioning": address}))
