"""What a call report says: its summary in words and its tables, from a `CallData` and its tally."""

from __future__ import annotations

from dialtone_nb.report.call_report.definitions import (
    tabulate_definitions,
    tabulate_findings,
    tabulate_measures,
    tabulate_rules,
)
from dialtone_nb.report.call_report.summary import (
    Summary,
    compare_calls,
    look_for_emergencies,
    look_for_life,
    summarise_calls,
)
from dialtone_nb.report.call_report.tables import (
    tabulate_attempts,
    tabulate_concurrency,
    tabulate_cost,
    tabulate_deployments,
    tabulate_funnels,
    tabulate_outcomes,
    tabulate_rates,
    tabulate_reasons,
    tabulate_refusals,
    tabulate_signs_of_life,
)

__all__ = [
    "Summary",
    "compare_calls",
    "look_for_emergencies",
    "look_for_life",
    "summarise_calls",
    "tabulate_attempts",
    "tabulate_concurrency",
    "tabulate_cost",
    "tabulate_definitions",
    "tabulate_deployments",
    "tabulate_findings",
    "tabulate_funnels",
    "tabulate_measures",
    "tabulate_outcomes",
    "tabulate_rates",
    "tabulate_reasons",
    "tabulate_refusals",
    "tabulate_rules",
    "tabulate_signs_of_life",
]
