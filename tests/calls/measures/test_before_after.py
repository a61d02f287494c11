"""Before and after a deployment: which attempts count, what is concluded, and that parts merge."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.account.account import Account
from dialtone_nb.calls.measures.before_after import (
    REACH,
    Comparison,
    Deployment,
    RateChange,
    compare_deployments,
    fetch_deployments,
    keep_deployments,
    load_deployments,
    load_runbook_deployments,
    merge_around,
    tally_around,
)
from dialtone_nb.calls.measures.rates import RATES, Rate, difference_interval
from dialtone_nb.errors import InputError
from dialtone_nb.parameters import Parameters
from tests.calls.strategies import FIRST, counted, frame_of, frames, merged

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ON_PROD = Deployment(NOON, "prod", "ZD1", "ZB1")
ON_STAGE = Deployment(NOON + timedelta(days=1), "stage", "ZD2", "ZB2")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
moments = st.lists(
    st.tuples(st.integers(0, 182 * 24), st.sampled_from(["stage", "prod"])), min_size=1, max_size=6, unique=True
)


def runbook(project: Path, account: Account | None, declared: Parameters | None, **given: str) -> Any:
    """An open runbook with what the reading of deployments uses."""
    parameters = SimpleNamespace(**{"source": "twilio", "archive": "", "environment": "", **given})
    return SimpleNamespace(parameters=parameters, account=account, declared=declared, project=project)


def test_the_accounts_deployments_are_found_by_environment(account: Account) -> None:
    """With time and build, oldest first; one that removes the build says so."""
    (first,) = fetch_deployments(account.client, "dialtone")
    assert (first.environment, first.build_sid[:2]) == ("prod", "ZB")
    assert first.at <= account.now()
    account.wait(3600)
    services = account.client.serverless.v1.services
    service = services(services.list()[0].sid)
    environment = service.environments(service.environments.list()[0].sid)
    environment.deployments.create()
    later = fetch_deployments(account.client, "dialtone")
    assert later[0] == first
    assert later[1].label.endswith(", taken down")
    assert later[1].at - first.at >= timedelta(hours=1)
    account.wait(60)
    environment.deployments.create(build_sid=first.build_sid)
    assert len(fetch_deployments(account.client, "dialtone")) == 3
    assert fetch_deployments(account.client, "another") == ()


def test_an_archive_keeps_what_the_account_has_forgotten(tmp_path: Path) -> None:
    """The deployments of a deleted environment stay; known ones are not written again."""
    archive = str(tmp_path / "calls")
    assert keep_deployments(archive, [ON_STAGE, ON_PROD]) == (ON_PROD, ON_STAGE)
    written = (tmp_path / "calls" / "deployments.json").stat().st_mtime_ns
    assert keep_deployments(archive, [ON_STAGE]) == (ON_PROD, ON_STAGE)
    assert (tmp_path / "calls" / "deployments.json").stat().st_mtime_ns == written
    assert load_deployments(archive) == (ON_PROD, ON_STAGE)
    assert [path.name for path in (tmp_path / "calls").iterdir()] == ["deployments.json"]


def test_a_report_on_an_archive_asks_no_account(tmp_path: Path) -> None:
    """It has the saved deployments of the requested environment; a file of events has none."""
    keep_deployments(str(tmp_path / "calls"), [ON_PROD, ON_STAGE])
    (tmp_path / "events.jsonl").write_text("")
    assert load_runbook_deployments(runbook(tmp_path, None, None, source="calls")) == (ON_PROD, ON_STAGE)
    of_stage = runbook(tmp_path, None, None, source="calls", environment="stage")
    assert load_runbook_deployments(of_stage) == (ON_STAGE,)
    assert load_runbook_deployments(runbook(tmp_path, None, None, source="events.jsonl")) == ()


def test_with_an_archive_the_accounts_deployments_are_kept_there(
    account: Account, parameters: Parameters, tmp_path: Path
) -> None:
    """The next report finds them without the account."""
    found = load_runbook_deployments(runbook(tmp_path, account, parameters, archive="calls"))
    assert found == fetch_deployments(account.client, "dialtone")
    assert load_deployments(str(tmp_path / "calls")) == found


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"at": "soon"}]', '[{"at": "2026-03-10T12:00:00Z"}]', "{}x"])
def test_a_damaged_file_is_one_line_with_its_repair(tmp_path: Path, content: str) -> None:
    """The file is left as it is."""
    path = tmp_path / "deployments.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"deployments\.json: holds no deployments; remove it"):
        load_deployments(str(tmp_path))
    with pytest.raises(InputError):
        keep_deployments(str(tmp_path), [ON_PROD])
    assert path.read_text() == content


def deployed(days: float, environment: str = "prod", name: str = "ZD1") -> Deployment:
    """A deployment this many days after a certain noon."""
    return Deployment(NOON + timedelta(days=days), environment, name, "ZB1")


def attempt(days: float, outcome: str = "answered", environment: str = "prod") -> dict[str, object]:
    """An attempt this many days after the same noon."""
    return {
        "started_at": NOON + timedelta(days=days),
        "environment": environment,
        "client": "lobby",
        "direction": "outgoing",
        "outcome": outcome,
    }


def compared(attempts: list[dict[str, object]], *deployments: Deployment) -> tuple[Comparison, ...]:
    """The comparison for these deployments and attempts."""
    return compare_deployments(counted(tally_around, frame_of(attempts), deployments), deployments)


def test_an_attempt_counts_on_its_side_of_the_moment() -> None:
    """One second earlier is before; the moment of the deployment itself is after."""
    second = 1 / 86_400
    (one,) = compared([attempt(-second, "failed"), attempt(0), attempt(second)], deployed(0))
    assert (one.before, one.after) == (Rate(0, 1), Rate(2, 2))


def test_other_environments_and_other_weeks_do_not_count() -> None:
    """Attempts in stage, or more than seven days away, do not count for a deployment in prod."""
    week = REACH.days
    some = [
        attempt(-1, environment="stage"),
        attempt(1, environment="stage"),
        attempt(-week - 0.1),
        attempt(week + 0.1),
    ]
    (one,) = compared(some, deployed(0))
    assert (one.before, one.after) == (Rate(0, 0), Rate(0, 0))


def test_a_deployment_is_judged_up_to_its_neighbours() -> None:
    """Attempts between two deployments count after the first and before the second, and no further."""
    attempts = [attempt(-0.5, "failed"), attempt(0.5), attempt(0.6), attempt(1.5, "failed")]
    first, second = compared(attempts, deployed(0, name="ZD1"), deployed(1, name="ZD2"))
    assert (first.before, first.after) == (Rate(0, 1), Rate(2, 2))
    assert (second.before, second.after) == (Rate(2, 2), Rate(0, 1))


@pytest.mark.parametrize(
    ("before", "after", "change", "words"),
    [
        (Rate(50, 100), Rate(90, 100), RateChange.BETTER, "+40.0 points (+27.8 to +50.6): better"),
        (Rate(90, 100), Rate(50, 100), RateChange.WORSE, "-40.0 points (-50.6 to -27.8): worse"),
        (Rate(90, 100), Rate(88, 100), RateChange.SAME, "-2.0 points (-11.0 to +7.0): no difference beyond chance"),
        (Rate(9, 9), Rate(0, 1000), RateChange.FEW, "too few to judge: 9 judged on one side, 10 are needed"),
        (Rate(0, 0), Rate(50, 50), RateChange.FEW, "too few to judge: 0 judged on one side, 10 are needed"),
        (Rate(10, 10), Rate(0, 10), RateChange.WORSE, "-100.0 points (-100.0 to -60.8): worse"),
    ],
)
def test_a_change_is_said_in_words_with_its_interval(before: Rate, after: Rate, change: RateChange, words: str) -> None:
    """Better or worse only if the interval excludes 0, and no verdict with few attempts."""
    one = Comparison(deployed(0), before, after)
    assert (one.change, one.words) == (change, words)


@pytest.mark.parametrize(
    ("after", "before", "low", "high"),
    # Newcombe (1998), interval estimation for the difference, table II, method 10.
    [
        (Rate(56, 70), Rate(48, 80), 0.0524, 0.3339),
        (Rate(9, 10), Rate(3, 10), 0.1705, 0.8090),
        (Rate(5, 56), Rate(0, 29), -0.0381, 0.1926),
        (Rate(0, 10), Rate(0, 20), -0.1611, 0.2775),
        (Rate(10, 10), Rate(0, 20), 0.6791, 1.0),
    ],
)
def test_intervals_of_differences_are_those_of_the_literature(
    after: Rate, before: Rate, low: float, high: float
) -> None:
    """The bounds are Newcombe's published ones, to four places."""
    assert difference_interval(before, after) == pytest.approx((low, high), abs=6e-5)


@given(st.tuples(*[st.integers(0, 500)] * 4))
@settings(max_examples=100, deadline=None)
def test_an_interval_of_a_difference_holds_it_and_stays_between_the_ends(counts: tuple[int, ...]) -> None:
    """It contains the difference, stays within -1 and 1, and is mirrored if the sides are swapped."""
    before, after = Rate(min(counts[:2]), max(counts[:2])), Rate(min(counts[2:]), max(counts[2:]))
    low, high = difference_interval(before, after)
    if before.value is not None and after.value is not None:
        assert -1 - 1e-9 <= low <= after.value - before.value <= high <= 1 + 1e-9
    assert difference_interval(after, before) == pytest.approx((-high, -low))


@given(frames, moments, st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_parts_merge_into_the_whole_and_equal_a_plain_count(
    frame: pd.DataFrame, moments: list[tuple[int, str]], cut: int
) -> None:
    """However the attempts are split; each side equals a plain count."""
    deployments = [
        Deployment(FIRST + timedelta(hours=hours), environment, f"ZD{n}", "ZB1")
        for n, (hours, environment) in enumerate(moments)
    ]
    whole = counted(tally_around, frame, deployments)
    parts = (frame.iloc[cut:], frame.iloc[:cut])
    pd.testing.assert_frame_equal(merged(merge_around, tally_around, parts, deployments), whole)
    attempts = list(zip(frame["started_at"], frame["environment"], frame["outcome"], strict=True))

    def plain(environment: str, since: datetime, until: datetime) -> Rate:
        ends = [end for at, where, end in attempts if where == environment and since <= at < until]
        delivered = RATES["delivered"]
        return Rate(*(sum(end in those for end in ends) for those in (delivered.numerator, delivered.denominator)))

    for one in compare_deployments(whole, deployments):
        own = [other.at for other in deployments if other.environment == one.deployment.environment]
        at, reach = one.deployment.at, REACH.to_pytimedelta()
        since = max([at - reach, *(other for other in own if other < at)])
        until = min([at + reach, *(other for other in own if other > at)])
        assert one.before == plain(one.deployment.environment, since, at)
        assert one.after == plain(one.deployment.environment, at, until)
