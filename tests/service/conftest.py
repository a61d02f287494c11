"""The deployed functions on Node, with the sample network's table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dialtone_nb.dialplan.compile import Table
from tests.dialplan.conftest import parameters, table
from tests.service.node import Functions

__all__ = ["functions", "parameters", "table"]


@pytest.fixture(scope="session")
def functions(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    """The deployed functions with the sample's table, on Node."""
    with Functions(table, tmp_path_factory.mktemp("functions")) as running:
        yield running
