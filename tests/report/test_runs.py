"""The index of runs with a page, open problems first."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bs4 import BeautifulSoup

from dialtone_nb.report.run_index import INDEX, save_run
from dialtone_nb.report.runs import Run, commit_of, load_runs, stamp


def a_run(**differs: object) -> Run:
    """A successful deploy of prod on Twilio, with these fields changed."""
    run = Run(
        when=stamp(datetime(2026, 3, 2, 9, tzinfo=UTC)),
        seconds=75.2,
        who="ada",
        commit="b66d067",
        runbook="deploy",
        title="Deploy",
        account="twilio",
        environment="prod",
        time_zone="America/Los_Angeles",
        summary="all 8 changes done",
        page="prod/deploy-20260302T090000Z.html",
    )
    return replace(run, **differs)  # type: ignore[arg-type]


def kept(folder: Path, *runs: Run) -> BeautifulSoup:
    """The index after these runs, each with its page."""
    for run in runs:
        page = folder / run.page
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("a page")
        save_run(folder, run)
    return BeautifulSoup((folder / INDEX).read_text(encoding="utf-8"), "html.parser")


def test_the_index_lists_runs_newest_first_with_their_pages(tmp_path: Path) -> None:
    """When, on which environment, what, how it ended, how long, who and which commit; the time zone is named once."""
    second = a_run(when="2026-03-03T09:00:00Z", runbook="verify", title="Verify", page="prod/verify.html")
    index = kept(tmp_path, a_run(), second)
    rows = [[cell.get_text().strip() for cell in row.select("td")] for row in index.select("tbody tr")]
    assert [row[2] for row in rows] == ["Verify", "Deploy"]
    assert rows[1][:2] == ["Mon 2026-03-02 01:00", "prod"]
    assert rows[1][3:] == ["✓ all 8 changes done", "1 min 15 s", "ada", "b66d067"]
    assert index.get_text().count("America/Los_Angeles") == 1
    assert [link["href"] for link in index.select("tbody a")] == [second.page, a_run().page]


def test_runs_are_listed_network_by_network_real_accounts_first(tmp_path: Path) -> None:
    """Each under its account and network, by the same clocks; what is open says where, and stays so elsewhere."""
    rehearsed = a_run(account="rehearsal", network="fern", time_zone="Europe/Berlin", page="rehearsal/deploy.html")
    failed = a_run(network="oak", exit_code=4, page="prod/oak.html")
    index = kept(tmp_path, failed, a_run(network="fern"), replace(rehearsed, when="2026-03-02T10:00:00Z"))
    headings = [one.get_text() for one in index.select("h2")]
    assert headings == ["Twilio · oak", "Twilio · fern", "Rehearsal · fern"]
    assert [row.select_one("td").get_text() for row in index.select("tbody tr")] == [  # type: ignore[union-attr]
        "Mon 2026-03-02 10:00",
        "Mon 2026-03-02 10:00",
        "Mon 2026-03-02 11:00",
    ]
    head = index.select_one("header")
    assert head is not None
    assert "Deploy, prod (Twilio · oak)" in head.get_text()
    assert "Times are those of Europe/Berlin." in head.get_text()


def test_an_older_line_that_names_no_network_is_history_once_a_later_run_was_good(tmp_path: Path) -> None:
    """Lines of before networks were named are read as they are."""
    head = kept(tmp_path, a_run(exit_code=4), a_run(when="2026-03-03T09:00:00Z", network="fern")).select_one("header")
    assert head is not None
    assert "The latest run of every runbook succeeded." in head.get_text()


def test_what_is_open_leads_until_the_same_runbook_ends_well(tmp_path: Path) -> None:
    """A failed run needs attention until a later run of the same runbook succeeds."""
    failed = a_run(exit_code=4, summary="stopped at the build", page="prod/deploy-1.html")
    head = kept(tmp_path, failed).select_one("header")
    assert head is not None
    assert "stopped at the build" in head.get_text()
    head = kept(tmp_path, a_run(when="2026-03-02T10:00:00Z")).select_one("header")
    assert head is not None
    assert "stopped at the build" not in head.get_text()
    assert len(load_runs(tmp_path)) == 2


def test_a_rehearsal_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """A rehearsal's page replaces the last one, so one is listed; without its page none is."""
    rehearsed = a_run(account="rehearsal", page="rehearsal/prod/deploy.html")
    kept(tmp_path, rehearsed, replace(rehearsed, when="2026-03-02T10:00:00Z"))
    assert [run.when for run in load_runs(tmp_path)] == ["2026-03-02T10:00:00Z"]
    (tmp_path / rehearsed.page).unlink()
    assert load_runs(tmp_path) == []


def test_a_run_on_twilio_stays_listed_without_its_page(tmp_path: Path) -> None:
    """It is history, without a link."""
    kept(tmp_path, a_run())
    (tmp_path / a_run().page).unlink()
    index = kept(tmp_path, a_run(when="2026-03-04T09:00:00Z", page="prod/other.html"))
    assert [link["href"] for link in index.select("tbody a")] == ["prod/other.html"]
    assert len(index.select("tbody tr")) == 2


def test_names_are_text_in_the_index(tmp_path: Path) -> None:
    """A summary with a tag in it is escaped."""
    index = kept(tmp_path, a_run(summary="<script>alert(1)</script>"))
    assert not index.select("script")


def test_a_commit_is_named_and_marked_where_files_differ(tmp_path: Path) -> None:
    """A folder outside any repository has none."""
    assert commit_of(tmp_path) == ""
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    (tmp_path / "file").write_text("one")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    clean = commit_of(tmp_path)
    assert len(clean) >= 7
    (tmp_path / "file").write_text("two")
    assert commit_of(tmp_path) == f"{clean}, changed"
