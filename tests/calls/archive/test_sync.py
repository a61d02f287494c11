"""Syncing the archive from the account: few repeated requests, no loss, and known values are kept."""

import errno
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from twilio.rest import Client

from dialtone_nb.account.account import CONTROL, Account
from dialtone_nb.account.transport import Transport
from dialtone_nb.calls.archive.days import DAY_FILE, load_archive
from dialtone_nb.calls.archive.storage import locked_archive, open_archive, replace_file
from dialtone_nb.calls.archive.sync import (
    GONE,
    Readings,
    Span,
    Synced,
    keep_known,
    load_readings,
    sync_calls,
    unsettled_runs,
)
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import attempts_of, pandas_of
from dialtone_nb.calls.load import load_calls, progress_bar
from dialtone_nb.errors import InputError, TwilioError
from tests.calls.strategies import frame_of
from tests.calls.twilio_source.twilio_lists import Lists

ACCOUNT = "AC" + "0" * 32
NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)

Start = Callable[[list[dict[str, Any]]], tuple[Client, type[Lists]]]


def call(sid: str, at: str, *, leg_of: str = "", **more: object) -> dict[str, Any]:
    """A call record of the lobby's phone, or a leg that it dialled."""
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return {
        "sid": sid,
        "at": moment,
        "start_time": format_datetime(moment),
        "parent_call_sid": leg_of or None,
        "status": "completed",
        "from": "sip:lobby@example-prod.sip.twilio.com",
        "to": "+15035550199",
        "direction": "outbound-dial" if leg_of else "inbound",
        "duration": "20",
        "price": "-0.01",
        "price_unit": "USD",
        **more,
    }


@pytest.fixture
def start() -> Iterator[Start]:
    """Opens the official client on an account with these calls."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread, Transport]] = []

    def opened(calls: list[dict[str, Any]]) -> tuple[Client, type[Lists]]:
        lists = type("OwnLists", (Lists,), {"calls": calls, "asked": [], "failing": set()})
        server = ThreadingHTTPServer(("127.0.0.1", 0), lists)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        transport = Transport(f"http://127.0.0.1:{server.server_port}")
        servers.append((server, thread, transport))
        return Client(ACCOUNT, "token", http_client=transport), lists

    yield opened
    for server, thread, transport in servers:
        transport.session.close()
        server.shutdown()
        thread.join()
        server.server_close()


def sync(client: Client, archive: Path, now: datetime = NOW, first: date | None = None, **more: Any) -> Synced:
    """Run one sync and discard its findings."""
    return sync_calls(client, str(archive), now=now, first=first, quality=Quality(), **more)


def test_a_first_sync_reads_the_days_whose_reasons_twilio_still_has(start: Start, tmp_path: Path) -> None:
    """It reads the thirty days, with today, for which Twilio keeps alerts, and saves each call in its day's file."""
    client, _ = start([call("CA1", "2026-03-02 09:00"), call("CA2", "2026-03-12 09:00")])
    assert sync(client, tmp_path).covered == Span(date(2026, 2, 11), date(2026, 3, 12))
    assert load_archive(str(tmp_path))["call_sid"].tolist() == ["CA1", "CA2"]
    assert sorted(path.name for path in tmp_path.glob("day=*")) == ["day=2026-03-02", "day=2026-03-12"]


def test_a_second_sync_of_a_quiet_account_asks_twice_and_writes_nothing(start: Start, tmp_path: Path) -> None:
    """It requests one list of calls and one of alerts, for the days that may still change."""
    client, lists = start([call("CA1", "2026-03-02 09:00")])
    sync(client, tmp_path, first=date(2026, 3, 1))
    lists.asked.clear()
    synced = sync(client, tmp_path, NOW + timedelta(minutes=5))
    assert (synced.days_read, synced.days_written) == (3, 0)
    assert len(lists.asked) == 2


def test_a_price_that_settles_late_is_found(start: Start, tmp_path: Path) -> None:
    """A call of two days ago without a price has one after the next sync."""
    record = call("CA1", "2026-03-10 23:00", price=None)
    client, _ = start([record])
    sync(client, tmp_path, first=date(2026, 3, 1))
    assert load_archive(str(tmp_path))["price"].isna().all()
    record["price"] = "-0.01"
    sync(client, tmp_path, NOW + timedelta(hours=1))
    assert load_archive(str(tmp_path))["price"].tolist() == [0.01]


def test_a_leg_dialled_after_midnight_decides_the_call_before_it(start: Start, tmp_path: Path) -> None:
    """However the days are split into lists: one a day, several together, and before settled days."""
    parent, leg = call("CA1", "2026-03-02 23:59"), call("CA2", "2026-03-03 00:00", leg_of="CA1", status="busy")
    client, _ = start([parent, leg])
    quality = Quality()
    sync_calls(client, str(tmp_path / "all"), now=NOW, quality=quality)
    sync_calls(
        client, str(tmp_path / "few"), now=datetime(2026, 3, 3, 12, tzinfo=UTC), first=date(2026, 3, 2), quality=quality
    )
    sync_calls(client, str(tmp_path / "back"), now=NOW, first=date(2026, 3, 3), quality=Quality())
    sync_calls(client, str(tmp_path / "back"), now=NOW, first=date(2026, 3, 1), quality=quality)
    for archive in ("all", "few", "back"):
        frame = load_archive(str(tmp_path / archive))
        assert frame[["call_sid", "outcome"]].values.tolist() == [["CA1", "busy"]]
    assert quality.findings() == ()


def test_a_sync_that_was_cut_short_goes_on_where_it_was(start: Start, tmp_path: Path) -> None:
    """Saved days are not requested again, and in the end every call is there once."""
    calls = [call(f"CA{day:02}", f"2026-03-{day:02} 09:00") for day in range(1, 13)]
    client, lists = start(calls)

    def stop(span: Span, *_: int) -> None:
        if span.first == date(2026, 3, 5):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(client, tmp_path, on_span=stop)
    assert len(load_archive(str(tmp_path))) == 5
    lists.asked.clear()
    assert sync(client, tmp_path).days_read == 7
    assert not [url for url in lists.asked if "2026-03-04T00" in url]
    assert load_archive(str(tmp_path))["call_sid"].tolist() == [one["sid"] for one in calls]


def test_a_list_that_fails_leaves_what_was_read_before_it(start: Start, tmp_path: Path) -> None:
    """The error is Twilio's; the next successful sync completes the archive."""
    client, lists = start([call("CA1", "2026-03-11 09:00")])
    lists.failing.add("/v1/Alerts")
    with pytest.raises(TwilioError):
        sync(client, tmp_path)
    assert load_archive(str(tmp_path)).empty
    lists.failing.clear()
    sync(client, tmp_path)
    assert len(load_archive(str(tmp_path))) == 1


def test_two_syncs_at_once_lose_nothing_and_ask_nothing_twice(start: Start, tmp_path: Path) -> None:
    """The second waits for the first, and finds the settled days already read."""
    calls = [call(f"CA{day:02}", f"2026-03-{day:02} 09:00") for day in range(1, 13)]
    client, lists = start(calls)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: sync(client, tmp_path, first=date(2026, 3, 1)), range(2)))
    assert sorted(synced.days_read for synced in both) == [3, 12]
    assert load_archive(str(tmp_path))["call_sid"].tolist() == [one["sid"] for one in calls]
    assert len([url for url in lists.asked if "Calls.json" in url and "2026-03-04T00" in url.partition("%3C")[0]]) == 1
    assert not list(tmp_path.rglob("*.new"))


def test_an_archive_that_another_run_keeps_is_one_clear_line(start: Start, tmp_path: Path) -> None:
    """The error names the archive and the repair, and Twilio gets no request."""
    client, lists = start([])
    with locked_archive(str(tmp_path)), pytest.MonkeyPatch.context() as patch:
        patch.setattr("dialtone_nb.calls.archive.storage.LOCK_PATIENCE_S", 0.05)
        with pytest.raises(InputError, match=r"is being written by another run for more than .* seconds; wait for it"):
            sync(client, tmp_path)
    assert lists.asked == []
    assert sync(client, tmp_path).days_written == 0


def test_a_writer_that_was_killed_leaves_no_lock(start: Start, tmp_path: Path) -> None:
    """The lock ends with its process."""
    holding = f"""
from dialtone_nb.calls.archive.storage import locked_archive
with locked_archive({str(tmp_path)!r}):
    print("locked", flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline()
        holder.kill()
    client, _ = start([call("CA1", "2026-03-11 09:00")])
    assert sync(client, tmp_path).days_written == 1


def test_what_a_list_gives_twice_and_what_has_no_time_is_counted(start: Start, tmp_path: Path) -> None:
    """A record on two pages counts once; one without a readable time is left out; both are findings."""
    one = call("CA1", "2026-03-11 09:00")
    client, _ = start([one, call("CA2", "2026-03-11 10:00"), one, call("CA3", "2026-03-11 11:00", start_time="soon")])
    quality = Quality()
    sync_calls(client, str(tmp_path), now=NOW, first=date(2026, 3, 10), quality=quality)
    assert load_archive(str(tmp_path))["call_sid"].tolist() == ["CA1", "CA2"]
    named = {finding.what: finding.count for finding in quality.findings()}
    assert named["call records that a list gave twice"] == 1
    assert named["calls without a readable time"] == 1


def test_a_sync_tells_how_far_it_has_come(start: Start, tmp_path: Path) -> None:
    """Each span with its attempts and the total of days; JupyterLab shows a bar, unattended runs do not."""
    client, _ = start([call("CA1", "2026-03-05 09:00"), call("CA2", "2026-03-05 10:00")])
    told: list[tuple[int, int, int]] = []
    sync(client, tmp_path, first=date(2026, 3, 1), on_span=lambda span, n, days: told.append((span.days, n, days)))
    assert sum(days for days, _, _ in told) == 12
    assert {days for _, _, days in told} == {12}
    assert sum(attempts for _, attempts, _ in told) == 2
    with progress_bar(attended=False) as silent:
        silent(Span(date(2026, 3, 1), date(2026, 3, 2)), 3, 12)


def test_earlier_days_can_be_asked_for_later(start: Start, tmp_path: Path) -> None:
    """A first day before the archive's adds the days between; settled days are not read again."""
    client, lists = start([call("CA1", "2026-02-20 09:00"), call("CA2", "2026-03-06 09:00")])
    sync(client, tmp_path, first=date(2026, 3, 5))
    lists.asked.clear()
    assert sync(client, tmp_path, first=date(2026, 2, 19)).days_read == 14 + 3
    assert not [url for url in lists.asked if "2026-03-07T00" in url]
    assert load_archive(str(tmp_path))["call_sid"].tolist() == ["CA1", "CA2"]


def test_another_accounts_archive_is_refused(start: Start, tmp_path: Path) -> None:
    """An archive holds one account's calls; the error comes before any request."""
    client, lists = start([])
    sync(client, tmp_path, first=date(2026, 3, 1))
    lists.asked.clear()
    with pytest.raises(InputError, match=r"holds the calls of another account, AC0000…; name a folder"):
        load_readings(str(tmp_path), "AC" + "1" * 32)
    (tmp_path / "readings.json").write_text("[]")
    with pytest.raises(InputError, match=r"readings.json: can't be read; remove it"):
        sync(client, tmp_path)
    assert lists.asked == []


def test_a_day_settles_two_days_after_its_end() -> None:
    """A day read before it settled is read again; a few days are one list, many days one list each."""
    readings = Readings(ACCOUNT, {}).with_days(date(2026, 3, 1), date(2026, 3, 8), datetime(2026, 3, 9, tzinfo=UTC), ())
    assert [day for day in range(1, 9) if not readings.is_settled(date(2026, 3, day))] == [7, 8]
    few = unsettled_runs(readings, date(2026, 3, 1), date(2026, 3, 10))
    assert few == [[Span(date(2026, 3, 7), date(2026, 3, 10))]]
    many = unsettled_runs(readings, date(2026, 2, 28), date(2026, 3, 12))
    assert [len(run) for run in many] == [1, 6]


def test_a_day_whose_file_is_gone_is_fetched_again_and_said(start: Start, tmp_path: Path) -> None:
    """Each missing day is fetched once; a day without calls has no file and is not missing."""
    client, lists = start([call(f"CA{day}", f"2026-03-0{day} 09:00") for day in (2, 4, 5)])
    sync(client, tmp_path)
    for day in (2, 5):
        shutil.rmtree(tmp_path / f"day=2026-03-0{day}")
    left = load_calls(tmp_path)
    assert [(one.what, one.count, one.example) for one in left.findings] == [(GONE, 2, "2026-03-02 to 2026-03-05")]
    lists.asked.clear()
    quality = Quality()
    later = sync_calls(client, str(tmp_path), now=NOW + timedelta(minutes=5), quality=quality)
    assert (later.days_read, later.days_written) == (5, 2)
    assert load_archive(str(tmp_path))["call_sid"].tolist() == ["CA2", "CA4", "CA5"]
    assert [(one.what, one.count) for one in quality.findings()] == [(GONE, 2)]
    assert sync(client, tmp_path, NOW + timedelta(minutes=6)).days_read == 3
    assert load_calls(tmp_path).findings == ()


def test_readings_from_before_empty_days_were_told_apart_are_checked_once(start: Start, tmp_path: Path) -> None:
    """Days without a file are read once more, and are then known to be without calls."""
    client, _ = start([call("CA1", "2026-03-02 09:00")])
    sync(client, tmp_path)
    file = tmp_path / "readings.json"
    file.write_text(json.dumps({key: told for key, told in json.loads(file.read_text()).items() if key != "empty"}))
    assert sync(client, tmp_path, NOW + timedelta(minutes=5)).days_read == 29
    assert sync(client, tmp_path, NOW + timedelta(minutes=6)).days_read == 3


def test_a_clock_that_was_ahead_silences_nothing(start: Start, tmp_path: Path) -> None:
    """Days that it marked as settled in the future are read again, with a finding."""
    client, lists = start([call("CA1", "2026-03-02 09:00")])
    sync(client, tmp_path, NOW + timedelta(days=5), first=date(2026, 3, 1))
    lists.calls = [*lists.calls, call("CA2", "2026-03-11 09:00")]
    quality = Quality()
    later = sync_calls(client, str(tmp_path), now=NOW, quality=quality)
    assert later.days_read == 12
    assert load_archive(str(tmp_path))["call_sid"].tolist() == ["CA1", "CA2"]
    assert [one.what for one in quality.findings()] == ["days read by a clock that was ahead"]
    assert max(load_readings(str(tmp_path), ACCOUNT).days.values()) == NOW
    assert sync(client, tmp_path, NOW + timedelta(minutes=5)).days_read == 3


def test_a_full_disk_is_one_line_and_loses_nothing(start: Start, tmp_path: Path) -> None:
    """Days saved before stay, no partial file is left, and the next sync goes on."""
    client, lists = start([call("CA1", "2026-03-02 09:00")])
    sync(client, tmp_path, first=date(2026, 3, 1))
    lists.calls = [*lists.calls, call("CA2", "2026-03-12 09:00")]

    def fill_up(stream: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    system, root = open_archive(str(tmp_path))
    with pytest.raises(InputError, match=r"archive .*attempts.parquet: can't be written: No space left on device"):
        replace_file(system, f"{root}/day=2026-03-02/{DAY_FILE}", fill_up)
    assert load_archive(str(tmp_path))["call_sid"].tolist() == ["CA1"]
    assert not list(tmp_path.rglob("*.new"))
    sync(client, tmp_path, NOW + timedelta(minutes=5))
    assert load_archive(str(tmp_path))["call_sid"].tolist() == ["CA1", "CA2"]


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text"])
def test_a_damaged_day_is_one_line_that_names_the_repair(start: Start, tmp_path: Path, damage: str) -> None:
    """The repair is to remove the file; the next sync fetches the day again."""
    client, _ = start([call("CA1", "2026-03-02 09:00"), call("CA2", "2026-03-04 09:00")])
    sync(client, tmp_path, first=date(2026, 3, 1))
    file = tmp_path / "day=2026-03-02" / DAY_FILE
    content = file.read_bytes()
    half = len(content) // 2
    file.write_bytes(
        {"empty": b"", "cut": content[:half], "flipped": content[:-60] + bytes(60), "text": b"no Parquet"}[damage]
    )
    with pytest.raises(InputError, match=r"day=2026-03-02.*remove it") as error:
        load_archive(str(tmp_path))
    assert "\n" not in str(error.value).strip()
    file.unlink()
    sync(client, tmp_path, NOW + timedelta(minutes=5))
    assert load_archive(str(tmp_path))["call_sid"].tolist() == ["CA1", "CA2"]


def test_what_twilio_has_forgotten_stays_known() -> None:
    """A failure keeps its reason when its alert has expired; all other values follow the account."""

    def attempts(*reasons: str | None) -> pd.DataFrame:
        return frame_of(
            [
                {"started_at": NOW, "outcome": "unregistered" if reason else "failed", "reason": reason}
                for reason in reasons
            ]
        ).assign(call_sid=pd.Series([f"CA{n}" for n in range(len(reasons))], dtype="str"))

    later, earlier = attempts(None, "32011", None), attempts("32009", "32009", None)
    kept = pandas_of(keep_known(attempts_of(later), attempts_of(earlier)))
    assert kept["reason"].fillna("").tolist() == ["32009", "32011", ""]
    assert kept["outcome"].tolist() == ["unregistered", "unregistered", "failed"]


def test_a_report_from_the_archive_is_the_report_from_the_account(account: Account, tmp_path: Path) -> None:
    """Calls placed on the rehearsal give the same report either way; a second report needs few requests."""
    account.transport.send("POST", f"{CONTROL}/clients/lobby", json={"registered": True})
    for dial in ("5035550199", "9005550199"):
        account.transport.send("POST", f"{CONTROL}/calls", json={"client": "lobby", "dial": dial})
    straight = load_calls("twilio", account, service="dialtone")
    kept = load_calls("twilio", account, service="dialtone", archive=str(tmp_path))
    pd.testing.assert_frame_equal(kept.frame, straight.frame)
    assert kept.frame["outcome"].tolist() == ["answered", "refused"]
    assert "30 days asked for, 1 of them new or changed" in repr(kept)
    assert (kept.first_day, kept.last_day) == (straight.first_day, straight.last_day)
    account.transport.send("DELETE", f"{CONTROL}/requests")
    load_calls("twilio", account, service="dialtone", archive=str(tmp_path), time_zone="America/Los_Angeles")
    requests = account.transport.send("GET", f"{CONTROL}/requests").json()["requests"]
    assert sum(count for asked, count in requests.items() if "clock" not in asked) <= 6
