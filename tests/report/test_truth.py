"""All figures that a call report prints or draws equal the true values of the calls."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup

from dialtone_nb.__main__ import main
from dialtone_nb.calls import figures
from dialtone_nb.rehearsal.state.history import write_history
from tests.report import truth
from tests.report.deploying import deploy_at

ROOT = Path(__file__).parents[2]
DAYS, CALLS, SEED = 30, 1200, 7
ZONES = ("UTC", "America/Los_Angeles")
ARCHIVE = "calls"
# The parts of a page that tell which run it is of, and where the run had its calls from.
NAMES_ITS_SOURCE = (
    "title, .run, .dialtone-banner, .dialtone-parameters, .highlight, .dialtone-note, "
    ".dialtone-summary li:first-child, table:not(:has(thead))"
)


@dataclass(frozen=True)
class Told:
    """A report's page, and the true values of its calls and deployments."""

    zone: str
    html: str
    attempts: list[dict[str, Any]]
    deployed: list[datetime]
    until: datetime
    fraud: datetime

    @cached_property
    def page(self) -> BeautifulSoup:
        """The page, parsed once."""
        return BeautifulSoup(self.html, "html.parser")

    def table(self, first: str, *more: str) -> list[list[str]]:
        """The rows of the table with this first column and these others."""
        found = []
        for table in self.page.select("table.dialtone-table:not(.data *)"):
            head = [cell.get_text() for cell in table.select("thead th")]
            if head and head[0] == first and set(more) <= set(head):
                found.append([[cell.get_text() for cell in row.select("td")] for row in table.select("tbody tr")])
        assert len(found) == 1, f"{len(found)} tables with {first}, {more}"
        return found[0]

    def in_brief(self, heading: str, line: str) -> bool:
        """Whether this line takes the place of an empty table, under its heading or in the brief rest."""
        gathered = [one.get_text() for one in self.page.select(".dialtone-brief li")]
        own = [one.get_text() for one in self.page.select(".dialtone-line")]
        return (f"{heading}: {line}" in gathered) != (line in own)

    def figures(self) -> list[dict[str, Any]]:
        """The figures' data."""
        return [json.loads(script.string or "") for script in self.page.select(".figure script")]

    def bars(self, title: str) -> dict[str, Any]:
        """The figure with this axis title."""
        (found,) = [
            one
            for one in self.figures()
            if any(title in one["layout"].get(axis, {}).get("title", {}).get("text", "") for axis in ("xaxis", "yaxis"))
        ]
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose account has three deployments and a past of thirty days around them."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "call_report.ipynb", folder / "notebooks")
    shutil.copytree(ROOT / "parameters" / "sample", folder / "parameters" / "sample")
    state = folder / "state.db"
    deploy_at(state, [timedelta(), timedelta(days=12), timedelta(days=21, hours=5)], until=timedelta(days=29))
    write_history(state, days=DAYS, calls=CALLS, seed=SEED)
    return folder


def report_of(project: Path, zone: str, output: str, **more: str) -> str:
    """The page of a new report over all days of the past."""
    truth_ = json.loads((project / "state.truth.json").read_bytes())
    since = datetime.fromisoformat(truth_["since"]).astimezone(ZoneInfo(zone)).date()
    given = {"since": str(since), "time_zone": zone, **more}
    options = [part for name, value in given.items() for part in ("-r", name, value)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.delenv("DIALTONE_PARAMETERS")
        patch.setenv("DIALTONE_REHEARSAL_STATE", str(project / "state.db"))
        assert main(["run", "call_report", *options, "--output", output]) == 0
    return (project / output / "call_report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=ZONES)
def told(project: Path, request: pytest.FixtureRequest) -> Told:
    """A report in one time zone."""
    truth_ = json.loads((project / "state.truth.json").read_bytes())
    moments = [datetime.fromisoformat(at) for at in json.loads((project / "state.deployed.json").read_bytes())]
    html = report_of(project, request.param, request.param, archive=ARCHIVE)
    fraud = datetime.fromisoformat(truth_["mishaps"]["fraud"]["since"])
    until = datetime.fromisoformat(truth_["until"])
    return Told(request.param, html, truth_["attempts"], moments, until, fraud)


def test_outcomes_and_funnels(told: Told) -> None:
    """How every attempt ended, and its stages."""
    assert len(told.attempts) == CALLS
    assert [row[:3] for row in told.table("outcome", "meaning", "share of attempts")] == truth.outcomes(told.attempts)
    assert [row[:4] for row in told.table("direction", "stage")] == truth.funnels(told.attempts)


def test_rates_by_everything(told: Told) -> None:
    """Counts, rates and intervals by direction, environment, day, week, hour and phone."""
    attempts = told.attempts
    by_size = Counter(sorted(one["client"] for one in attempts)).most_common()
    for first, key, order in (
        ("direction", lambda one: one["direction"], ["outgoing", "incoming"]),
        ("environment", lambda one: one["environment"], ()),
        ("day", truth.day_of(told.zone), ()),
        ("week of", truth.week_of(told.zone), ()),
        ("hour", truth.hour_of(told.zone), ()),
        ("phone", lambda one: one["client"], [name for name, _ in by_size]),
    ):
        assert told.table(first, "judged") == truth.rates(attempts, key, order), first


def test_reasons_cost_and_calls_at_once(told: Told) -> None:
    """Why attempts were lost, the cost of calls, and concurrent calls."""
    assert [[*row[:2], *row[3:6]] for row in told.table("outcome", "code")] == truth.reasons(told.attempts)
    assert told.in_brief("Why calls were lost", "Our own dial plan refused no attempt.")
    assert told.table("direction", "most at once") == truth.peaks(told.attempts, told.zone)
    assert told.table("phone", "cost") == truth.costs(told.attempts)


def test_what_calls_were_used_for(told: Told) -> None:
    """Durations, other parties, daily cost, and the last week compared with the one before."""
    assert told.table("direction", "talked") == truth.durations(told.attempts)
    assert told.table("called number") == truth.parties(told.attempts, "outgoing")
    assert told.table("calling number") == truth.parties(told.attempts, "incoming")
    assert told.table("day", "cost") == truth.daily_costs(told.attempts, told.zone)
    assert told.in_brief("Emergency calls", "No emergency call.")
    weeks = [row[1:4] for row in told.table("period") if row[0] == "7 days"]
    assert weeks == truth.periods(told.attempts, told.zone, 7)


def test_the_delay_before_ringing(told: Told) -> None:
    """Of the sampled calls of prod, with and without a cold start."""
    rows = [row for row in told.table("environment", "median delay") if row[:2] == ["prod", "all days"]]
    assert [row[2] for row in rows] == ["soon after another", "after a pause"]
    for row, is_cold in zip(rows, (False, True), strict=True):
        known = {f"{one['webhook_ms']:,}" for one in told.attempts if one["is_cold"] == is_cold}
        assert set(row[5].removesuffix(" ms").split(" – ")) <= known
        assert 15 <= int(row[3]) <= DAYS + 1
    said = told.page.select_one(".dialtone-summary").get_text("\n")  # type: ignore[union-attr]
    assert (
        f"Delay before ringing in prod, median of a sample: {rows[1][4]} after a pause, {rows[0][4]} otherwise." in said
    )


def test_the_day_of_the_fraud_is_named(told: Told) -> None:
    """The most unusual day is that of the planted fraud, with its cause."""
    said = told.page.select_one(".dialtone-summary").get_text("\n")  # type: ignore[union-attr]
    day = f"{told.fraud.astimezone(ZoneInfo(told.zone)):%Y-%m-%d}"
    (sentence,) = [line for line in said.splitlines() if line.startswith(f"{day} stands out: ")]
    assert "(13227)" in sentence


def test_signs_of_life_and_the_latest_attempts(told: Told) -> None:
    """Each phone's last sign of life, and the newest calls."""
    last = max(truth.started(one) for one in told.attempts)
    morning = told.until.astimezone(ZoneInfo(told.zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert told.table("phone", "state") == truth.lives(told.attempts, max(last, morning), told.zone)
    assert told.table(f"started ({told.zone})") == truth.latest(told.attempts, told.zone)
    assert told.in_brief("Data quality", "No record was left out, repaired or doubted.")


def test_calls_before_and_after_each_deployment(told: Told) -> None:
    """Both rates of each deployment within the days, newest first."""
    rows = told.table("environment", "build")
    assert [row[1] for row in rows] == [truth.told_at(at, told.zone) for at in reversed(told.deployed)]
    assert [tuple(row[3:5]) for row in rows] == truth.around(told.attempts, "prod", told.deployed)[::-1]


def test_the_summary(told: Told) -> None:
    """Its sentences have the same figures."""
    said = told.page.select_one(".dialtone-summary").get_text("\n")  # type: ignore[union-attr]
    whole, judged, answered, delivered, lost = truth.tell(told.attempts)
    ways = Counter(one["direction"] for one in told.attempts)
    assert f"{whole:,} attempts of 8 phones" in said
    assert f"{ways['outgoing']:,} outgoing and {ways['incoming']:,} incoming" in said
    assert f"Answered (ASR): {truth.rate_sentence(answered, judged)}." in said
    assert f"Delivered (near NER): {truth.rate_sentence(delivered, judged)}." in said
    assert f"{lost:,} attempts lost" in said
    _, priced, cost, _ = truth.costs(told.attempts)[-1]
    assert f"Cost: {cost} for {priced} attempts with a settled price." in said
    days = sorted({truth.day_of(told.zone)(one) for one in told.attempts})[-7:]
    for is_recent in (True, False):
        some = truth.tell(one for one in told.attempts if (truth.day_of(told.zone)(one) in days) == is_recent)
        assert truth.rate_sentence(some[3], some[1]) in said
    assert "Quiet for longer than ever before: ferry since " in said


def test_the_tiles_and_the_phones_at_a_glance(told: Told) -> None:
    """The tiles have the same figures, with the change of the last week and a sparkline."""
    whole, judged, answered, delivered, lost = truth.tell(told.attempts)
    tiles = {
        one.select_one(".name").get_text(): one  # type: ignore[union-attr]
        for one in told.page.select(".dialtone-tiles > li")
    }
    values = {name: one.select_one(".value").get_text() for name, one in tiles.items()}  # type: ignore[union-attr]
    assert values == {
        "attempts": f"{whole:,}",
        "delivered": f"{delivered / judged:.1%}",
        "answered": f"{answered / judged:.1%}",
        "lost": f"{lost:,}",
        "cost": truth.costs(told.attempts)[-1][2],
    }
    days = sorted({truth.day_of(told.zone)(one) for one in told.attempts})[-7:]
    recent, before = (
        truth.tell(one for one in told.attempts if (truth.day_of(told.zone)(one) in days) == is_recent)
        for is_recent in (True, False)
    )
    points = 100 * (recent[3] / recent[1] - before[3] / before[1])
    assert f"{points:+.1f} points" in tiles["delivered"].get_text()
    assert all(one.select("polyline") for one in tiles.values())
    phones = [one.get_text(" ", strip=True) for one in told.page.select(".dialtone-phones > li")]
    assert len(phones) == 8
    assert re.fullmatch(r"✗ ferry silent since \d{4}-\d\d-\d\d", phones[0])
    assert phones[1].startswith("! garden delivers ")
    assert phones[-1].endswith(("as usual", "too few calls to judge"))


def test_a_full_log_has_every_figure_and_nothing_left_out(told: Told) -> None:
    """Only what is empty is a line."""
    assert len(told.figures()) == len(figures.__all__)
    assert not told.page.select(".dialtone-left-out")
    assert [one.get_text().partition(":")[0] for one in told.page.select(".dialtone-brief b")] == [
        "Emergency calls",
        "Data quality",
    ]


def test_every_axis_of_time_names_its_zone(told: Told) -> None:
    """The time zone of a figure's days and hours."""
    titles = [
        axis.get("title", {}).get("text", "")
        for one in told.figures()
        for name, axis in one["layout"].items()
        if name.startswith("xaxis") and (axis.get("type") == "date" or "hour" in axis.get("title", {}).get("text", ""))
    ]
    assert sum(f"({told.zone})" in title for title in titles) >= 2


def test_what_is_drawn(told: Told) -> None:
    """The bars of days and phones, the cells of hours, the points of rates, and the lines of deployments."""
    attempts, day = told.attempts, truth.day_of(told.zone)
    words = [name.replace("_", " ") for name in truth.ORDER]
    ends = Counter((day(one)[:10], one["outcome"].replace("_", " ")) for one in attempts)
    drawn = told.bars("attempts a day")
    assert {
        (at, bar["name"]): n for bar in drawn["data"] for at, n in zip(bar["x"], bar["y"], strict=True) if n
    } == ends
    assert [bar["name"] for bar in drawn["data"]] == [name for name in words if any(end == name for _, end in ends)]

    rates = told.bars("share of judged attempts")
    lines = {line["name"]: line for line in rates["data"]}
    for name, place in (("answered rate (ASR)", 2), ("delivered rate (near NER)", 3)):
        points = {at: truth.tell(one for one in attempts if day(one)[:10] == at) for at in lines[name]["x"]}
        assert lines[name]["y"] == [round(counts[place] / counts[1], 4) for counts in points.values()]
    local = [at.astimezone(ZoneInfo(told.zone)) for at in told.deployed]
    assert [line["x0"] for line in rates["layout"]["shapes"]] == [f"{at:%Y-%m-%d %H:%M:%S}" for at in local]

    (heat,) = told.bars("hour of the day")["data"]
    hours = Counter(
        (at.weekday(), at.hour) for one in attempts if (at := truth.started(one).astimezone(ZoneInfo(told.zone)))
    )
    assert heat["z"] == [[hours[weekday, hour] for hour in range(24)] for weekday in range(7)]

    (panels,) = [one for one in told.figures() if "xaxis2" in one["layout"] and one["data"][0]["type"] == "bar"]
    heights = Counter(one["outcome"].replace("_", " ") for one in attempts)
    found: Counter[str] = Counter()
    for bar in panels["data"]:
        found[bar["name"]] += sum(bar["y"])
    assert found == heights

    lost = Counter(one["outcome"].replace("_", " ") for one in attempts if one["outcome"] in truth.LOST)
    assert {bar["name"]: sum(bar["x"]) for bar in told.bars("lost attempts")["data"]} == lost


@pytest.mark.parametrize("told", ZONES[:1], indirect=True)
def test_a_report_on_the_archive_is_the_same_bytes_without_the_account(told: Told, project: Path) -> None:
    """The data saved with one report, with deployments, is enough for the next, without a request."""
    (project / "state.db").rename(project / "away.db")
    try:
        offline = report_of(project, told.zone, "offline", source=ARCHIVE)
    finally:
        (project / "away.db").rename(project / "state.db")
    pages = []
    for html in (told.html, offline):
        page = BeautifulSoup(html, "html.parser")
        for part in page.select(NAMES_ITS_SOURCE):
            part.decompose()
        assert len(page.select("table")) > 15
        pages.append([line for line in str(page).splitlines() if line.strip()])
    assert pages[0] == pages[1]
    assert json.loads((project / ARCHIVE / "deployments.json").read_bytes())
