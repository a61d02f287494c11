"""dialplan.yaml as a typed model, and the decisions that it leads to."""

from __future__ import annotations

from typing import Any

from dialtone_nb.yaml_models import Closed


class Dialplan(Closed):
    """dialplan.yaml."""

    rules: list[Any]
