"""A phone's signs of life, and when its silence is out of the ordinary."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from hypothesis import given, settings

from dialtone_nb.calls.attempts.outcomes import RANG, RANG_ON
from dialtone_nb.calls.measures.last_seen import ENOUGH_SIGNS, life_by_phone, merge_signs, tally_signs
from tests.calls.strategies import counted, frame_of, frames, merged

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def attempts(client: str, hours: list[float], outcome: str = "answered", direction: str = "outgoing") -> pd.DataFrame:
    """A phone's attempts at these hours, as signs of life."""
    known = {"client": client, "environment": "prod", "reason": None, "duration_s": None, "price": None}
    return counted(
        tally_signs,
        frame_of(
            [
                {
                    **known,
                    "started_at": START + timedelta(hours=hour),
                    "direction": direction,
                    "outcome": outcome,
                    "currency": None,
                }
                for hour in hours
            ]
        ),
    )


def at(hour: float) -> pd.Timestamp:
    """A moment this many hours after the start."""
    return pd.Timestamp(START) + pd.Timedelta(hours=hour)


def test_quiet_for_longer_than_ever_before_is_silent() -> None:
    """A phone that calls every five hours is silent after more than a day; one with a three-day habit is not yet."""
    often, seldom = [5.0 * n for n in range(30)], [72.0 * n for n in range(30)]
    tally = pd.concat([attempts("often", often), attempts("seldom", [hour - 72 * 29 + 145 for hour in seldom])])
    life = life_by_phone(tally, at(145 + 25))
    assert life["longest_quiet"].to_dict() == {
        "often": pd.Timedelta(hours=5),
        "seldom": pd.Timedelta(hours=72),
    }
    assert life["is_silent"].to_dict() == {"often": True, "seldom": False}
    assert not life_by_phone(tally, at(145 + 23)).loc["often", "is_silent"]


def test_a_call_that_reached_nobody_is_no_sign_of_life_of_the_dialled_phone() -> None:
    """A call that did not reach a phone is no sign of life; one that it placed is, however it ended."""
    tally = pd.concat(
        [
            attempts("van", [float(n) for n in range(30)], "failed"),
            attempts("van", [float(n) for n in range(30, 100)], "unregistered", "incoming"),
        ]
    )
    row = life_by_phone(tally).loc["van"]
    assert (row["attempts"], row["signs"], row["is_silent"]) == (100, 30, True)
    assert row["last_sign_at"] == at(29)
    assert row["last_at"] == at(99)
    assert pd.isna(row["last_answered_at"])


def test_of_few_signs_nothing_is_told() -> None:
    """Nineteen calls are too few, however long ago they were; a phone without any has no last one."""
    few = attempts("few", [float(n) for n in range(ENOUGH_SIGNS - 1)])
    none = attempts("none", [1.0], "unregistered", "incoming")
    life = life_by_phone(pd.concat([few, none]), at(10_000))
    assert life["is_few"].all()
    assert not life["is_silent"].any()
    assert life[["last_sign_at", "quiet"]].isna().loc["none"].all()


@given(frames)
@settings(max_examples=40, deadline=None)
def test_quiet_spells_are_those_between_the_calls_themselves(frame: pd.DataFrame) -> None:
    """A loop over the attempts finds the same."""
    life = life_by_phone(counted(tally_signs, frame))
    for client, own in frame[frame["client"].notna()].groupby("client"):
        rang = own["outcome"].isin(RANG) & (own["reason"].fillna("") != RANG_ON)
        signs = own[(own["direction"] == "outgoing") | rang]["started_at"].sort_values()
        row = life.loc[str(client)]
        assert row["signs"] == len(signs)
        if len(signs):
            assert row["last_sign_at"] == signs.iloc[-1]
        if len(signs) > 1:
            assert row["longest_quiet"] == signs.diff().max()


@given(frames)
@settings(max_examples=40, deadline=None)
def test_days_that_were_counted_apart_merge_into_the_whole(frame: pd.DataFrame) -> None:
    """The order of the days does not matter."""
    days = [part for _, part in frame.groupby(frame["started_at"].dt.floor("D"), sort=False)]
    together = merged(merge_signs, tally_signs, [*reversed(days), frame.iloc[:0]])
    pd.testing.assert_frame_equal(together, counted(tally_signs, frame))


def test_without_a_call_there_is_no_phone() -> None:
    """Without attempts the table is empty."""
    assert life_by_phone(attempts("van", [])).empty
