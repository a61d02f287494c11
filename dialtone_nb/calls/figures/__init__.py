"""Tallies in, plotly figures out, one figure a module: nothing is shown and nothing saved here."""

from __future__ import annotations

from dialtone_nb.calls.figures.funnels import draw_funnels
from dialtone_nb.calls.figures.hours_of_week import draw_hours_of_week
from dialtone_nb.calls.figures.outcome_shares import draw_outcomes_by_direction, draw_outcomes_by_phone
from dialtone_nb.calls.figures.outcomes_by_day import draw_outcomes_by_day
from dialtone_nb.calls.figures.phones_over_time import draw_phones_over_time
from dialtone_nb.calls.figures.rates_by_phone import draw_rates_by_phone
from dialtone_nb.calls.figures.rates_over_time import draw_rates_over_time
from dialtone_nb.calls.figures.reasons_of_failure import draw_reasons_of_failure
from dialtone_nb.calls.figures.signs_of_life import draw_signs_of_life

__all__ = [
    "draw_funnels",
    "draw_hours_of_week",
    "draw_outcomes_by_day",
    "draw_outcomes_by_direction",
    "draw_outcomes_by_phone",
    "draw_phones_over_time",
    "draw_rates_by_phone",
    "draw_rates_over_time",
    "draw_reasons_of_failure",
    "draw_signs_of_life",
]
