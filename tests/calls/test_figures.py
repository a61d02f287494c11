"""Figures show the tallies, with one colour an outcome, for no calls, a few, and many."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from dialtone_nb.calls import figures
from dialtone_nb.calls.attempts.outcomes import OUTCOMES
from dialtone_nb.calls.figures.style import COLOURS, PATTERNS, choose_period
from dialtone_nb.calls.measures.before_after import Deployment
from dialtone_nb.calls.measures.delays import Delay
from dialtone_nb.calls.measures.last_seen import life_by_phone, merge_signs, tally_signs
from dialtone_nb.calls.measures.tally import tally_attempts
from dialtone_nb.display.outputs import PLOTLY, figure_bundle
from tests.calls.drawing import NAMES, checked, draw, draw_ours
from tests.calls.strategies import counted, frame_of, frames, merged
from tests.report.calls import hundred_calls

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def attempts_of(*outcomes: str, client: str = "lobby", direction: str = "outgoing", day: int = 0) -> pd.DataFrame:
    """Attempts with these outcomes, a minute apart."""
    return frame_of(
        [
            {
                "started_at": NOON + timedelta(days=day, minutes=number),
                "client": client,
                "direction": direction,
                "outcome": outcome,
            }
            for number, outcome in enumerate(outcomes)
        ]
    )


def tally_of(*outcomes: str, **more: Any) -> pd.DataFrame:
    """The tally of attempts with these outcomes."""
    return counted(tally_attempts, attempts_of(*outcomes, **more))


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_can_be_drawn_from_no_calls_and_from_one(name: str) -> None:
    """Without calls and with a single one, a figure is drawn without an error."""
    for frame in (frame_of([]), attempts_of("failed"), attempts_of("refused")):
        assert json.loads(draw(name, frame).to_json())["layout"]["height"] > 0


@pytest.mark.parametrize("name", NAMES)
@given(frame=frames)
@settings(max_examples=5, deadline=None)
def test_any_calls_can_be_drawn_and_the_same_calls_are_the_same_figure(name: str, frame: pd.DataFrame) -> None:
    """A figure depends only on its attempts, not on chance or the clock."""
    assert draw(name, frame).to_json() == draw(name, frame.copy()).to_json()


@given(frames)
@settings(max_examples=25, deadline=None)
def test_the_bars_of_a_day_add_up_to_its_attempts(frame: pd.DataFrame) -> None:
    """The stacked bars contain every outcome."""
    figure = checked(figures.draw_outcomes_by_day(counted(tally_attempts, frame)))
    assert sum(sum(bar.y) for bar in figure.data) == len(frame)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_outcome_has_the_same_colour_and_pattern_everywhere(outcome: str) -> None:
    """By day, phone, direction and reason; patterns in small panels too if bars are wide enough."""
    looks = set()
    for draw_it in (
        figures.draw_outcomes_by_day,
        figures.draw_outcomes_by_phone,
        figures.draw_outcomes_by_direction,
        figures.draw_reasons_of_failure,
        figures.draw_phones_over_time,
    ):
        for bar in checked(draw_it(tally_of(outcome))).data:
            looks.add((bar.name, bar.marker.color, bar.marker.pattern.shape))
    assert looks == {(outcome.replace("_", " "), COLOURS[outcome], PATTERNS[outcome] or None)}
    (panel,) = checked(figures.draw_phones_over_time(tally_of(outcome))).data
    assert (panel.name, panel.marker.color) == (outcome.replace("_", " "), COLOURS[outcome])


def test_panels_of_many_days_have_no_room_for_patterns() -> None:
    """Narrow bars have no pattern, and their axes keep their labels."""
    days = pd.concat([attempts_of("busy", day=day) for day in range(40)], ignore_index=True)
    figure = checked(figures.draw_phones_over_time(counted(tally_attempts, days)))
    assert {bar.marker.pattern.shape for bar in figure.data} == {None}
    assert figure.layout.xaxis.title.text == "day (UTC)"
    assert "attempts a day" in {note.text for note in figure.layout.annotations}


def test_dates_have_one_form() -> None:
    """Dates are YYYY-MM-DD, as in the tables."""
    days = pd.concat([attempts_of("busy", "failed", day=day) for day in range(20)], ignore_index=True)
    for name in NAMES:
        drawn = draw(name, days).to_json()
        assert not re.search(r"%b|%B|%y", drawn), name


def test_the_answered_rate_has_the_colour_of_answered_attempts() -> None:
    """The delivered rate combines outcomes and has a colour of its own."""
    lines = {line.name: line.line.color for line in checked(figures.draw_rates_over_time(tally_of("answered"))).data}
    assert lines["answered rate (ASR)"] == COLOURS["answered"]
    assert lines["delivered rate (near NER)"] not in COLOURS.values()


def test_no_two_outcomes_look_alike() -> None:
    """Colours differ, and neighbouring outcomes differ in pattern too, for people with colour blindness."""
    assert len(set(COLOURS.values())) == len(OUTCOMES)
    looks = [PATTERNS[outcome] for outcome in OUTCOMES]
    assert all(one != other for one, other in pairwise(looks))


def test_a_direction_without_calls_says_so() -> None:
    """A panel without calls has a text in place of bars."""
    figure = checked(figures.draw_outcomes_by_direction(tally_of("answered")))
    assert list(figure.layout.yaxis.categoryarray) == ["incoming · none", "outgoing · 1"]


def test_a_rate_without_a_denominator_is_not_drawn() -> None:
    """Where nothing could be judged, words stand in the figure's place."""
    figure = figures.draw_rates_over_time(tally_of("refused"))
    assert figure_bundle(figure)["text/plain"] == figure.line == "No attempt could be judged."


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_that_would_say_nothing_is_one_line(name: str) -> None:
    """Of five calls or of none no figure is drawn, and of a hundred none is left out."""
    for few in ([], hundred_calls()[:5]):
        figure = draw_ours(name, frame_of(few))
        shown = figure_bundle(figure)
        assert PLOTLY not in shown
        assert shown["text/plain"] == (figure.line or str(figure.left_out))
        assert shown["text/plain"].endswith(".")
    assert PLOTLY in figure_bundle(draw_ours(name, frame_of(hundred_calls())))


def test_figures_that_compare_are_left_out_where_there_is_one_of_a_kind() -> None:
    """Sixty calls of one day and one phone have no course over days and no phone to compare with."""
    tally = tally_of(*["answered"] * 60)
    left_out = [
        str(draw(tally).left_out or "")
        for draw in (figures.draw_outcomes_by_day, figures.draw_rates_over_time, figures.draw_outcomes_by_phone)
    ]
    assert left_out == [
        "Left out, as all attempts are of one day: attempts by day.",
        "Left out, as all attempts are of one day: rates over time.",
        "Left out, as all attempts are of one phone, lobby: outcomes by phone.",
    ]


def test_a_deployment_is_named_on_the_side_where_there_is_room() -> None:
    """The name of one on the last day would end beyond the figure."""
    tally = counted(tally_attempts, pd.concat([attempts_of("busy"), attempts_of("busy", day=9)], ignore_index=True))
    figure = figures.draw_rates_over_time(tally, [deployed(1), deployed(24 * 9)])
    assert [note["xanchor"] for note in figure.layout["annotations"]] == ["left", "right"]


@pytest.mark.parametrize(("days", "period"), [(1, "day"), (62, "day"), (63, "week"), (3001, "month")])
def test_a_long_log_is_drawn_in_longer_periods(days: int, period: str) -> None:
    """A year is drawn in weeks or months, as daily points would be noise."""
    tally = pd.DataFrame(
        {"day": [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-01") + pd.Timedelta(days=days - 1)]}
    )
    assert choose_period(tally, longest_in_days=62) == period


def deployed(hours: float, build_sid: str = "ZB1") -> Deployment:
    """A deployment this many hours after the first noon."""
    return Deployment(NOON + timedelta(hours=hours), "prod", f"ZD{hours}", build_sid)


def test_deployments_are_marked_on_the_rates_by_the_clock_of_the_report() -> None:
    """A named line at the local time of each; those outside the days are not drawn, and a removal says so."""
    tally = counted(tally_attempts, attempts_of("answered", "busy"), "America/Los_Angeles")
    some = [deployed(-24), deployed(1), deployed(2, ""), deployed(24)]
    figure = checked(figures.draw_rates_over_time(tally, some, "America/Los_Angeles"))
    assert [line.x0 for line in figure.layout.shapes] == ["2026-03-02 05:00:00", "2026-03-02 06:00:00"]
    assert [note.text for note in figure.layout.annotations] == ["▲ prod deployed", "▼ prod taken down"]


def test_many_deployments_are_lines_without_names() -> None:
    """Twenty names would cover the rates."""
    figure = checked(figures.draw_rates_over_time(tally_of("answered"), [deployed(n / 10) for n in range(20)]))
    assert (len(figure.layout.shapes), len(figure.layout.annotations)) == (20, 0)


@given(frames)
@settings(max_examples=25, deadline=None)
def test_the_panels_of_all_phones_hold_all_their_attempts(frame: pd.DataFrame) -> None:
    """And every outcome is in the legend once."""
    figure = checked(figures.draw_phones_over_time(counted(tally_attempts, frame)))
    assert sum(sum(bar.y) for bar in figure.data) == frame["client"].notna().sum()
    named = [bar.name for bar in figure.data if bar.showlegend]
    assert sorted(named) == sorted({bar.name for bar in figure.data})


@given(frames)
@settings(max_examples=25, deadline=None)
def test_a_funnel_grows_narrower_from_all_attempts_to_the_answered_ones(frame: pd.DataFrame) -> None:
    """Each stage is a subset of the one before it, in both directions."""
    for funnel in checked(figures.draw_funnels(counted(tally_attempts, frame))).data:
        own = frame[frame["direction"] == funnel.name]
        assert funnel.x[0] == len(own)
        assert funnel.x[-1] == (own["outcome"] == "answered").sum()
        assert list(funnel.x) == sorted(funnel.x, reverse=True)


def test_a_silent_phone_is_drawn_unlike_the_others() -> None:
    """Its label says so; its line has another colour and width, and ends with the report."""
    busy = attempts_of(*["answered"] * 30, client="lobby", day=9)
    dead = attempts_of(*["answered"] * 30, client="van")
    signs = merged(merge_signs, tally_signs, [busy, dead])
    figure = checked(figures.draw_signs_of_life(life_by_phone(signs)))
    spells = {line.name: line for line in figure.data}
    assert list(spells["silent since"].y[:2]) == ["van · silent", "van · silent"]
    assert spells["silent since"].x[1] == "2026-03-11 12:29:00"
    assert spells["silent since"].line.color != spells["quiet since"].line.color
    assert spells["was always heard again by"].x[1] == "2026-03-03 12:29:00"


def test_delays_tell_cold_starts_and_deployments_apart() -> None:
    """A marker for each sampled call in local time, and a line for each deployment within the days."""
    delays = [
        Delay(NOON, "prod", "CA1", True, 812),
        Delay(NOON + timedelta(minutes=5), "prod", "CA2", False, 41),
        Delay(NOON + timedelta(days=1), "prod", "CA3", True, 455),
    ]
    deployed = [Deployment(NOON + timedelta(hours=1 - 48 * early), "prod", "ZB" + "1" * 32) for early in (0, 1)]
    drawn = checked(figures.draw_delays(delays, deployed, "America/Los_Angeles"))
    assert {one.name: list(zip(one.x, one.y, strict=True)) for one in drawn.data} == {
        "after a pause": [("2026-03-02 04:00:00", 812), ("2026-03-03 04:00:00", 455)],
        "soon after another": [("2026-03-02 04:05:00", 41)],
    }
    assert [line.x0 for line in drawn.layout.shapes] == ["2026-03-02 05:00:00"]
    assert figures.draw_delays(()).line == "The delay of no call is known."
