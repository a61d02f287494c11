"""Figures for plotly.js from tallies: of outcomes, rates, delays and phones. They are neither shown nor saved here."""

from __future__ import annotations

from dialtone_nb.calls.figures.delays import draw_delays
from dialtone_nb.calls.figures.outcomes import (
    draw_funnels,
    draw_hours_of_week,
    draw_outcomes_by_day,
    draw_outcomes_by_direction,
    draw_outcomes_by_phone,
    draw_reasons_of_failure,
)
from dialtone_nb.calls.figures.phones import draw_phones_over_time, draw_signs_of_life
from dialtone_nb.calls.figures.rates import draw_rates_by_phone, draw_rates_over_time

__all__ = [
    "draw_delays",
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
