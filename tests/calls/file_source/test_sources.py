"""Files of every kind that operators have, compressed or not, are read, or named with what they are."""

import bz2
import csv
import errno
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dialtone_nb.calls.attempts.parts import Attempts
from dialtone_nb.calls.attempts.schema import attempts_of
from dialtone_nb.calls.file_source import unpack
from dialtone_nb.calls.file_source.asterisk_cdr import LAYOUTS, LocalNetwork
from dialtone_nb.calls.file_source.times import parse_time, parse_times
from dialtone_nb.calls.load import CallData, load_calls
from dialtone_nb.calls.twilio_source.frame import Phone
from dialtone_nb.errors import InputError
from dialtone_nb.values.phone_numbers import mask_numbers
from tests.calls.file_source import call_files as made
from tests.calls.file_source.call_files import TWENTY, Placed, zipped, zstd

COLUMNS = ["call_sid", "started_at", "client", "direction", "other_party", "outcome", "reason", "duration_s", "price"]


def read(folder: Path, content: bytes, name: str = "calls", **options: Any) -> CallData:
    """The result of reading a file with this content."""
    (folder / name).write_bytes(content)
    return load_calls(folder / name, show_numbers=True, **options)


def found(data: CallData) -> dict[str, int]:
    """The findings, and how often each occurred."""
    return {one.what: one.count for one in data.findings}


def expected(*unknown: str) -> pd.DataFrame:
    """The twenty attempts as each kind of file should give them, without the columns that it does not have."""
    outcomes = {"completed": "answered", "no-answer": "no_answer", "failed": "failed", "busy": "busy"}
    rows = [
        {
            "call_sid": one.sid(),
            "started_at": one.at,
            "client": one.phone,
            "direction": "outgoing",
            "other_party": one.dialled,
            "outcome": outcomes[one.status],
            "reason": None,
            "duration_s": one.seconds or None,
            "price": 0.017,
        }
        for one in TWENTY
    ]
    frame = pd.DataFrame(rows).sort_values(["started_at", "call_sid"], ignore_index=True)
    return frame.assign(**dict.fromkeys(unknown))


def assert_same(data: CallData, *unknown: str) -> None:
    """The attempts are the twenty."""
    order = ["started_at", "client"]
    told = data.frame[COLUMNS].sort_values(order, ignore_index=True)
    assert told.astype(object).where(told.notna(), None).to_dict("records") == expected(*unknown).sort_values(
        order, ignore_index=True
    ).astype(object).where(lambda frame: frame.notna(), None).to_dict("records")


def python_json(attempts: Sequence[Placed]) -> bytes:
    """The objects of twilio-python, as json.dumps(call.__dict__, default=str) writes them."""
    calls = [{"_version": "<Twilio.Api.V2010>", **one} for one in made.records_of(attempts, str)]
    return json.dumps([{name.replace("from", "_from"): value for name, value in one.items()} for one in calls]).encode()


def pandas_json(attempts: Sequence[Placed]) -> bytes:
    """The rows of a DataFrame by json.dumps, which writes NaN for what is missing."""
    return made.cli_json(attempts).replace(b"null", b"NaN")


WHOLE = {
    "BulkExport": made.bulk_export,
    "a REST page": made.rest_page,
    "the CLI's JSON": made.cli_json,
    "the Console's CSV": made.console_csv,
}
OBJECTS = {"twilio-python's objects": python_json, "a DataFrame's rows": pandas_json}


@pytest.mark.parametrize("kind", WHOLE | OBJECTS)
def test_every_file_of_twilios_tells_of_the_same_attempts(kind: str, tmp_path: Path) -> None:
    """SID, start, phone, direction, number, outcome, seconds and cost, whatever the file's name."""
    assert_same(read(tmp_path, (WHOLE | OBJECTS)[kind](TWENTY), "of-no-telling.name"))


def test_events_and_asterisk_tell_of_the_same_attempts_but_of_no_cost(tmp_path: Path) -> None:
    """Asterisk has no call SIDs either."""
    assert_same(read(tmp_path, made.events_json(TWENTY)), "price")
    assert_same(read(tmp_path, made.asterisk_csv(TWENTY)), "price", "call_sid")


EVERY = (*WHOLE.values(), made.events_json)


@pytest.mark.parametrize("second", EVERY)
@pytest.mark.parametrize("first", EVERY)
def test_a_call_that_several_files_tell_of_is_counted_once(
    first: Callable[..., bytes], second: Callable[..., bytes], tmp_path: Path
) -> None:
    """In any order of the files, the first of which has only half of the calls."""
    (tmp_path / "1").write_bytes(first(TWENTY))
    (tmp_path / "2").write_bytes(second(TWENTY[10:]))
    data = load_calls(tmp_path, show_numbers=True)
    priced = data.frame["price"].notna().sum()
    assert priced == 20 - 10 * (first is made.events_json) - 10 * (first is second is made.events_json)
    assert_same(replace(data, attempts=Attempts.of(attempts_of(data.frame.assign(price=None)))), "price")


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_two_tables_of_the_same_calls_complete_each_other(names: str, tmp_path: Path) -> None:
    """One has the parents, the other the prices: no leg has to be joined by time, and no price is missing."""
    for name, others in zip(names, (["Price", "Price Unit"], []), strict=True):
        headings = [heading for heading in made.HEADINGS if heading not in others]
        headings += ["Parent Call Sid"] if others else []
        (tmp_path / name).write_bytes(made.console_csv(TWENTY, headings))
    data = load_calls(tmp_path, show_numbers=True)
    assert_same(data)
    assert found(data) == {
        "tables of calls without a column Price": 1,
        "call records that came in two versions": 40,
    }


def test_events_know_why_where_a_record_does_not(tmp_path: Path) -> None:
    """Twilio's record of the call adds its cost."""
    one = TWENTY[0]
    missed = {"timestamp": made.iso(one.at), "event": "outgoing-dialstatus-no-answer", "error_code": 32009}
    (tmp_path / "events").write_text(json.dumps({**missed, "endpoint": one.phone, "call_sid": one.sid()}))
    (tmp_path / "records").write_bytes(made.cli_json(TWENTY))
    data = load_calls(tmp_path)
    row = data.frame.set_index("call_sid").loc[one.sid()]
    assert (row["outcome"], row["reason"], row["price"]) == ("unregistered", "32009", 0.017)
    assert (len(data.frame), found(data)["calls that events and Twilio's records tell of"]) == (20, 1)


def test_alerts_in_a_file_of_their_own_give_the_reasons(tmp_path: Path) -> None:
    """They are joined to the calls as those of the account are."""
    alert = {"resourceSid": TWENTY[0].sid(1), "errorCode": "32009", "dateCreated": made.iso(TWENTY[0].at)}
    (tmp_path / "alerts.json").write_text(json.dumps([alert]))
    (tmp_path / "calls.json").write_bytes(made.cli_json(TWENTY))
    frame = load_calls(tmp_path).frame
    assert frame[frame["reason"].notna()]["call_sid"].tolist() == [TWENTY[0].sid()]


def test_alerts_without_records_of_calls_are_named(tmp_path: Path) -> None:
    """Events tell their own reasons; alone, alerts tell of no call."""
    alert = {"resource_sid": TWENTY[0].sid(1), "error_code": "32009", "date_created": made.iso(TWENTY[0].at)}
    (tmp_path / "alerts.json").write_text(json.dumps({"alerts": [alert]}))
    with pytest.raises(InputError, match="holds no calls: alerts without Twilio's records of their calls"):
        load_calls(tmp_path)
    (tmp_path / "events.json").write_bytes(made.events_json(TWENTY))
    assert found(load_calls(tmp_path)) == {"alerts without Twilio's records of their calls": 1}


def test_a_page_says_that_another_follows(tmp_path: Path) -> None:
    """If the next page is missing, calls may be too, and the report says so."""
    (tmp_path / "1").write_bytes(made.rest_page(TWENTY[:10], next_page_uri="/y"))
    assert found(load_calls(tmp_path)) == {"pages whose next page is not there": 1}
    (tmp_path / "2").write_bytes(made.rest_page(TWENTY[10:], uri="/y"))
    assert found(load_calls(tmp_path)) == {}


# --- the Console's columns ---


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_columns_stand_in_any_order(separator: str, tmp_path: Path) -> None:
    """With other columns, and with any delimiter that spreadsheets use."""
    headings = ["Type", "Parent Call Sid", *reversed(made.HEADINGS), "Account Sid"]
    data = read(tmp_path, made.console_csv(TWENTY, headings, separator))
    assert_same(data)
    assert found(data) == {}


def test_legs_without_their_parents_sid_are_joined_by_time(tmp_path: Path) -> None:
    """They are also joined by number if two calls overlap, and the report says so."""
    assert found(read(tmp_path, made.console_csv(TWENTY))) == {"dialled legs without Parent Call Sid": 20}


@pytest.mark.parametrize(
    ("left_out", "unknown"),
    [
        (["Price"], ["price"]),
        (["Call Sid"], ["call_sid"]),
        (["Direction"], []),
        (["End Time"], []),
        (["End Time", "Duration"], ["duration_s"]),
        (["Direction", "Call Sid", "Price", "Price Unit", "End Time"], ["call_sid", "price"]),
    ],
    ids=str,
)
def test_a_column_that_was_not_chosen_is_unknown(left_out: list[str], unknown: list[str], tmp_path: Path) -> None:
    """All other columns are complete."""
    headings = [heading for heading in made.HEADINGS if heading not in left_out]
    data = read(tmp_path, made.console_csv(TWENTY, headings))
    assert_same(data, *unknown)
    assert ("tables of calls without a column Price" in found(data)) == ("Price" in left_out)


@pytest.mark.parametrize("torn", [b'"CA1","sip:lobby', b'"CA1","' + b"x" * 300_000])
def test_a_torn_row_of_a_table_is_named(torn: bytes, tmp_path: Path) -> None:
    """A row that is cut off, or has no closing quotation mark."""
    data = read(tmp_path, made.console_csv(TWENTY) + torn)
    assert_same(data)
    assert found(data)["rows of tables that are cut off"] == 1


def test_lines_of_another_kind_among_rows_are_named(tmp_path: Path) -> None:
    """For example two logs in one file."""
    data = read(tmp_path, made.events_json(TWENTY) + b"\n" + made.asterisk_csv(TWENTY))
    assert (len(data.frame), found(data)) == (20, {"lines that are not JSON": 20})


def test_a_call_log_without_a_column_that_is_needed_is_named_with_it(tmp_path: Path) -> None:
    """The error says what to do."""
    headings = [heading for heading in made.HEADINGS if heading not in ("Status", "Start Time")]
    with pytest.raises(InputError, match="calls: has no column Status, Start Time; download it again with these"):
        read(tmp_path, made.console_csv(TWENTY, headings))


def test_the_consoles_own_words_are_understood(tmp_path: Path) -> None:
    """It writes Incoming and No Answer for the API's inbound and no-answer, and formats numbers."""
    text = made.console_csv(TWENTY[:1]).decode()
    for ours, theirs in {
        "outbound-dial": "Outgoing Dial",
        "inbound": "Incoming",
        "no-answer": "No Answer",
        "-0.0130": "$0.013",
        "+15035550177": "+1 (503) 555-0177",
        '"60"': '"1:00"',
    }.items():
        assert ours in text
        text = text.replace(ours, theirs)
    row = read(tmp_path, text.encode()).frame.iloc[0]
    assert row[["other_party", "outcome", "price"]].tolist() == ["+15035550177", "no_answer", 0.017]


def test_legs_that_name_a_parent_are_joined_by_time_where_no_call_has_a_sid(tmp_path: Path) -> None:
    """Their parents can't be found by a column that is not there."""
    headings = ["Parent Call Sid", *(heading for heading in made.HEADINGS if heading != "Call Sid")]
    data = read(tmp_path, made.console_csv(TWENTY, headings))
    assert_same(data, "call_sid")
    assert found(data) == {"dialled legs without Parent Call Sid": 20}


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("-0,0130", 0.013),
        ("0,013 €", 0.013),
        ("1.234,50", 1234.5),
        ("$1,234.50", 1234.5),
        ("-1.3E-02", 0.013),
        ("−.013", 0.013),
    ],
)
def test_a_price_has_the_decimal_mark_of_any_country(written: str, amount: float, tmp_path: Path) -> None:
    """A spreadsheet in German, for example, saves -0,0130 in a table with semicolons."""
    content = made.console_csv(TWENTY[:1], separator=";").decode()
    assert '"-0.0130"' in content
    data = read(tmp_path, content.replace('"-0.0130"', f'"{written}"').encode())
    assert data.frame["price"].tolist() == [pytest.approx(amount + 0.004)]


@pytest.mark.parametrize(("inbound", "leg"), [("Incoming", "Outgoing"), ("Eingehend", "Ausgehend")])
def test_words_for_a_direction_that_are_not_twilios_say_nothing(inbound: str, leg: str, tmp_path: Path) -> None:
    """The numbers then tell which calls are legs."""
    content = made.console_csv(TWENTY).replace(b'"inbound"', f'"{inbound}"'.encode())
    assert_same(read(tmp_path, content.replace(b'"outbound-dial"', f'"{leg}"'.encode())))


def test_a_table_that_went_through_a_spreadsheet_is_read(tmp_path: Path) -> None:
    """It may lose plus signs, the scheme of addresses and whole seconds, and write headings its own way."""
    content = made.console_csv(TWENTY).decode()
    for ours, theirs in {
        '"+1503': '"1503',
        '"sip:': '"',
        "Call Sid": "call-sid",
        "Start Time": "Start Time (UTC)",
        "no-answer": "NOANSWER",
        '"60"': '"60.0"',
    }.items():
        assert ours in content
        content = content.replace(ours, theirs)
    assert_same(read(tmp_path, content.encode()))


@pytest.mark.parametrize("headings", [["From", "To", "Status", "Start Time"], ["Direction", "Duration"]], ids=str)
def test_calls_from_outside_have_their_legs_too_where_their_table_leaves_much_out(
    headings: list[str], tmp_path: Path
) -> None:
    """Two phones ring in turn for each call, and the second answers; between them a phone calls out."""
    headings = [*dict.fromkeys(["From", "To", "Status", "Start Time", *headings])]
    ours, theirs, lobby, hall = "+15035550103", "+15035550177", f"sip:lobby@{made.DOMAIN}", f"sip:hall@{made.DOMAIN}"
    told = []
    for number in range(5):
        for source, target, status, direction, minute in (
            (theirs, ours, "completed", "inbound", 0),
            (theirs, lobby, "no-answer", "outbound-dial", 1),
            (theirs, hall, "completed", "outbound-dial", 2),
            (lobby, f"sip:5035550199@{made.DOMAIN}", "completed", "inbound", 3),
            (ours, "+15035550199", "busy", "outbound-dial", 4),
        ):
            at = f"2026-03-02T1{number}:0{minute}:00Z"
            row = {"From": source, "To": target, "Status": status, "Direction": direction, "Start Time": at}
            told.append({**row, "Duration": "300"})
    text = io.StringIO()
    table = csv.DictWriter(text, headings, extrasaction="ignore")
    table.writeheader()
    table.writerows(reversed(told))
    frame = read(tmp_path, text.getvalue().encode()).frame
    shown = sorted(zip(frame["direction"], frame["client"], frame["outcome"], strict=True))
    assert shown == [("incoming", "hall", "answered")] * 5 + [("outgoing", "lobby", "busy")] * 5


def test_a_status_that_is_not_twilios_is_named(tmp_path: Path) -> None:
    """The attempt is kept."""
    data = read(tmp_path, made.console_csv(TWENTY[:1]).replace(b"no-answer", b"keine Antwort"))
    assert data.frame["outcome"].tolist() == ["unknown"]
    assert found(data)["calls with a status that is not Twilio's"] == 1


def test_the_columns_of_the_cli_are_read(tmp_path: Path) -> None:
    """Without -o it pads each cell to the width of its column; an empty cell is nothing but blanks."""
    names = ("sid", "parent_call_sid", "from", "to", "status", "start_time", "end_time", "duration", "price")
    records = [[str(one[name] or "") for name in names] for one in made.records_of(TWENTY, format_datetime)]
    rows = [[name.replace("_", " ").title().replace("Sid", "SID") for name in names], *records]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    assert_same(read(tmp_path, "\n".join(lines).encode()))


def test_a_call_without_a_readable_time_shows_it(tmp_path: Path) -> None:
    """Whoever reads the error can tell what to change."""
    told = made.console_csv(TWENTY[:1]).replace(b" PST ", b" IST ")
    with pytest.raises(InputError, match="calls without a readable time, such as 17:10:01 IST 2026-03-07"):
        read(tmp_path, told)


def test_a_leg_with_no_call_under_way_is_left_out_and_named(tmp_path: Path) -> None:
    """A leg without a simultaneous call is no attempt of its own."""
    rows = made.console_csv(TWENTY[:2]).decode().splitlines()
    data = read(tmp_path, "\n".join(row for row in rows if TWENTY[1].sid() not in row).encode())
    assert data.frame["call_sid"].tolist() == [TWENTY[0].sid()]
    assert found(data)["dialled legs with no call under way"] == 1


def test_a_table_downloaded_twice_counts_once_even_without_sids(tmp_path: Path) -> None:
    """Equal rows within one table are separate calls."""
    headings = [heading for heading in made.HEADINGS if heading != "Call Sid"]
    for name in ("1.csv", "2.csv"):
        (tmp_path / name).write_bytes(made.console_csv((*TWENTY, TWENTY[0]), headings))
    assert len(load_calls(tmp_path).frame) == 21


# --- Asterisk's clock and names ---


def started(tmp_path: Path, content: bytes, network: LocalNetwork) -> tuple[datetime, str]:
    """The start of the first call, and the finding about its time zone."""
    data = read(tmp_path, content, network=lambda: network)
    return data.frame["started_at"][0], data.findings[0].treatment


def test_a_cdrs_zone_is_its_unique_ids_else_the_parameters_else_the_networks(tmp_path: Path) -> None:
    """The report says which is used; unique IDs alone get the hours of a clock change right."""
    network, asked = LocalNetwork({}, "America/Los_Angeles"), LocalNetwork({}, "America/New_York", is_asked=True)
    with_ids, without = made.asterisk_csv(TWENTY[:1]), made.asterisk_csv(TWENTY[:1], with_ids=False)
    at = TWENTY[0].at
    assert started(tmp_path, with_ids, network) == (at, "the time zone is told by each call's unique ID")
    assert started(tmp_path, without, network) == (at, "read as America/Los_Angeles, as network.yaml says")
    earlier = at - pd.Timedelta(hours=3), "read as America/New_York, as parameter log_time_zone says"
    assert started(tmp_path, with_ids, asked) == started(tmp_path, without, asked) == earlier


def test_phones_of_a_cdr_are_the_networks_by_endpoint_name_or_number(tmp_path: Path) -> None:
    """A name that several endpoints show identifies none of them, and the endpoint is used."""
    content = made.asterisk_csv(TWENTY)
    phones = {"405": Phone("hall", "prod"), "library": Phone("library", "stage")}
    frame = read(tmp_path, content, network=lambda: LocalNetwork(phones)).frame
    assert set(zip(frame["client"], frame["environment"], strict=True)) == {("hall", "prod"), ("library", "stage")}
    shared = content.replace(b"Library", b"Lobby")
    assert set(read(tmp_path, shared).frame["client"]) == {"405", "406"}


def cdr(**cells: str) -> str:
    """A line of Master.csv."""
    usual = ["", "5035550177", "405", "from-trunk", '"A. Caller" <1>', "PJSIP/trunk-00000001", "PJSIP/405-00000002"]
    usual += ["Dial", "PJSIP/405,30", "2026-03-08 10:00:00", "", "2026-03-08 10:00:31", "31", "0", "NO ANSWER"]
    usual += ["DOCUMENTATION", "1772964000.7"]
    told = dict(zip(LAYOUTS[0], usual, strict=False)) | cells
    return ",".join('"' + text.replace('"', '""') + '"' for text in told.values())


def test_an_incoming_call_of_asterisks_is_for_the_phone_that_rang(tmp_path: Path) -> None:
    """The caller's name is nowhere in the frame."""
    row = read(tmp_path, cdr().encode()).frame.iloc[0]
    assert row[["client", "direction", "other_party", "outcome"]].tolist() == [
        "405",
        "incoming",
        "+15035550177",
        "no_answer",
    ]


def test_a_call_of_several_cdrs_is_one_attempt(tmp_path: Path) -> None:
    """Two phones rang, and the one that answered decides."""
    rang = cdr(dstchannel="PJSIP/405-00000002")
    answered = cdr(dstchannel="PJSIP/406-00000003", disposition="ANSWERED", billsec="20")
    data = read(tmp_path, f"{answered}\n{rang}\n{rang}\n".encode())
    assert data.frame[["client", "outcome", "duration_s"]].values.tolist() == [["406", "answered", 20]]
    assert found(data)["CDRs that came twice"] == 1


def test_a_call_that_asterisk_answered_itself_proves_nothing(tmp_path: Path) -> None:
    """A menu or an announcement is no answered call."""
    content = cdr(dstchannel="", lastapp="Playback", disposition="ANSWERED", billsec="20")
    assert read(tmp_path, content.encode()).frame["outcome"].tolist() == ["unknown"]


def test_cdrs_with_headings_are_read_by_them(tmp_path: Path) -> None:
    """FreePBX exports have a header row; a torn row is named."""
    content = (
        b"calldate,src,dst,dcontext,channel,disposition,billsec\n2026-03-08 10:00:00,405,911,,SIP/405-1,BUSY,0\n2026"
    )
    data = read(tmp_path, content)
    assert data.frame[["other_party", "outcome"]].values.tolist() == [["911", "busy"]]
    assert found(data)["rows that are not CDRs"] == 1


def told_by(line: str) -> dict[str, str]:
    """The cells of a line of Master.csv by name."""
    return dict(zip(LAYOUTS[0], next(csv.reader([line])), strict=False))


@pytest.mark.parametrize("layout", LAYOUTS, ids=["cdr_csv", "cdr_custom", "FreePBX"])
def test_cdrs_without_headings_are_known_by_the_place_of_their_disposition(
    layout: tuple[str, ...], tmp_path: Path
) -> None:
    """Asterisk's cdr_custom and databases write other orders than cdr_csv."""
    text = io.StringIO()
    rows = (told_by(line) for line in made.asterisk_csv(TWENTY).decode().splitlines())
    csv.writer(text).writerows([row.get(name, "") for name in layout] for row in rows)
    assert_same(read(tmp_path, text.getvalue().encode()), "price", "call_sid")


def test_cdrs_of_the_manager_interface_and_in_json_are_read(tmp_path: Path) -> None:
    """Its events have names of their own, and other events among them."""
    names = {"Source": "src", "Destination": "dst", "DestinationContext": "dcontext", "CallerID": "clid"}
    names |= {"Channel": "channel", "DestinationChannel": "dstchannel", "LastApplication": "lastapp"}
    names |= {"LastData": "lastdata", "StartTime": "start", "BillableSeconds": "billsec"}
    names |= {"Disposition": "disposition", "UniqueID": "uniqueid"}
    rows = [told_by(line) for line in made.asterisk_csv(TWENTY).decode().splitlines()]
    events = ["Event: FullyBooted\r\nStatus: Fully Booted\r\n"]
    events += ["Event: Cdr\r\n" + "".join(f"{name}: {row[ours]}\r\n" for name, ours in names.items()) for row in rows]
    assert_same(read(tmp_path, "\r\n".join(events).encode()), "price", "call_sid")
    assert_same(read(tmp_path, json.dumps(rows).encode()), "price", "call_sid")


@pytest.mark.parametrize(("billsec", "seconds"), [("12.7", 12), ("-3", None), ("90000", None), ("9" * 20, None)])
def test_odd_durations_of_asterisks_are_read_or_named(billsec: str, seconds: int | None, tmp_path: Path) -> None:
    """A clock that is set during a call makes them negative; cdr_custom can write fractions."""
    data = read(tmp_path, cdr(disposition="answered", billsec=billsec).encode())
    assert data.frame["outcome"].tolist() == ["answered"]
    assert data.frame["duration_s"].isna().tolist() == [seconds is None]
    assert seconds in (None, *data.frame["duration_s"])
    assert ("calls with a duration that no call has" in found(data)) == (seconds is None)


@pytest.mark.parametrize("seconds", [-3, 90_000, 10**18])
@pytest.mark.parametrize("written", [made.cli_json, made.events_json, made.console_csv])
def test_a_duration_that_no_call_has_is_unknown(
    seconds: int, written: Callable[[Sequence[Placed]], bytes], tmp_path: Path
) -> None:
    """Twilio ends a call after a day; one such duration was most of a report's minutes."""
    content = written(TWENTY[2:3])
    shown = b'"duration_s": 33' if written is made.events_json else b'"33"'
    assert shown in content
    data = read(tmp_path, content.replace(shown, shown.replace(b"33", str(seconds).encode())))
    assert data.frame["duration_s"].isna().tolist() == [True]
    assert found(data)["calls with a duration that no call has"] == 1


# --- packing, encoding, wrapping ---


def tar(content: bytes) -> bytes:
    """A tar archive with this file in it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("a")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zlib, hardly": lambda content: zlib.compress(content, 0),
    "zstd": zstd,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, format=lzma.FORMAT_ALONE),
    "bz2": bz2.compress,
    "zip": zipped,
    "tar": tar,
}
WRAPPED: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "lines": lambda rows: "\n".join(map(json.dumps, rows)),
    "an array": json.dumps,
    "one after another": lambda rows: "".join(map(json.dumps, rows)),
    "one after another with spaces": lambda rows: " ".join(map(json.dumps, rows)),
    "indented": lambda rows: json.dumps(rows, indent=2),
    "indented one after another": lambda rows: "\n".join(json.dumps(row, indent=2) for row in rows),
    "in an object": lambda rows: json.dumps({"events": rows}),
    "in an object, indented": lambda rows: json.dumps({"events": rows, "count": len(rows)}, indent=2),
    "in two objects": lambda rows: json.dumps({"data": {"items": rows}}),
    "an array a line": lambda rows: "\n".join(json.dumps([row]) for row in rows),
    "an object of arrays a line": lambda rows: "\n".join(json.dumps({"events": [row]}) for row in rows),
    "a text sequence": lambda rows: "".join(f"\x1e{json.dumps(row)}\n" for row in rows),
    "with commas at the ends": lambda rows: ",\n".join(map(json.dumps, rows)) + ",\n",
}
ENCODED = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("packing", PACKED)
def test_a_packed_file_is_read_under_any_name(packing: str, tmp_path: Path) -> None:
    """Compressed once, twice, and in a compressed tar archive; events and the Console's CSV alike."""
    pack = PACKED[packing]
    for content in (made.events_json(TWENTY), made.console_csv(TWENTY)):
        for packed in (pack(content), pack(pack(content)), pack(tar(content)), tar(pack(content))):
            assert len(read(tmp_path, packed, "a.json").frame) == 20
    with pytest.raises(InputError, match="holds no calls: empty files"):
        read(tmp_path, pack(b""), "a.json")


@pytest.mark.parametrize("first", PACKED)
@pytest.mark.parametrize("second", [None, "gzip", "zlib", "zstd"])
def test_of_several_files_none_is_lost_however_each_is_packed(first: str, second: str | None, tmp_path: Path) -> None:
    """Five, seven and eight calls make twenty, in any order of the files."""
    parts = [made.events_json(part) for part in (TWENTY[:5], TWENTY[5:12], TWENTY[12:])]
    packed = [PACKED[first](parts[0]), PACKED[second](parts[1]) if second else parts[1], parts[2]]
    for order in ("abc", "cab", "bca"):
        folder = tmp_path / order
        folder.mkdir()
        for name, content in zip(order, packed, strict=True):
            (folder / f"{name}.json").write_bytes(content)
        data = load_calls(folder)
        assert (len(data.frame), found(data)) == (20, {})


@pytest.mark.parametrize("packing", [one for one in PACKED if one not in ("zip", "zstd", "bz2")])
def test_a_packed_file_that_is_cut_off_is_read_as_far_as_it_goes(packing: str, tmp_path: Path) -> None:
    """The finding says what to do."""
    calls = [
        {**event, "padding": f"{number * 7919 % 10007}" * 20}
        for number, event in enumerate(made.event_lines(TWENTY * 9))
    ]
    packed = PACKED[packing]("\n".join(map(json.dumps, calls)).encode())
    data = read(tmp_path, packed[: len(packed) * 2 // 3])
    assert 0 < len(data.frame) < 180
    assert {"packed files that are cut off or damaged", "archive is cut off or damaged"} & found(data).keys()


@pytest.mark.parametrize("packing", ["zip", "zstd", "gzip", "zlib", "xz", "bz2"])
def test_a_packed_file_of_which_nothing_is_left_is_named(packing: str, tmp_path: Path) -> None:
    """The error is one line of bad input."""
    packed = PACKED[packing](made.events_json(TWENTY))
    with pytest.raises(InputError, match="copy it again") as refusal:
        read(tmp_path, packed[:30])
    assert len(refusal.value.lines()) == 1


def test_a_deflate_stream_without_a_header_is_read(tmp_path: Path) -> None:
    """Some servers send such a body as `Content-Encoding: deflate`."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert len(read(tmp_path, packing.compress(made.console_csv(TWENTY)) + packing.flush()).frame) == 20


def test_a_file_that_unpacks_to_too_much_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a bomb; the files beside it are read, and one as large that is not packed too."""
    monkeypatch.setattr(unpack, "MOST_UNPACKED", 1_000_000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"[" + b" " * 3_000_000))
    (tmp_path / "calls").write_bytes(made.events_json(TWENTY) + b"\n" * 3_000_000)
    data = load_calls(tmp_path)
    assert (len(data.frame), found(data)) == (20, {"files that unpack to too much": 1})


def test_linked_files_and_folders_are_read_once_and_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    """A folder of links to other folders is usual where logs are large; a link may also lead round in a circle."""
    kept, source = tmp_path / "kept", tmp_path / "source"
    for folder in (kept, source):
        folder.mkdir()
    (kept / "calls").write_bytes(made.console_csv(TWENTY))
    for name, target in {"2026": kept, "again": kept, "round": source, "gone": tmp_path / "nowhere"}.items():
        (source / name).symlink_to(target)
    os.mkfifo(source / "pipe")
    data = load_calls(source)
    assert len(data.frame) == 20
    assert found(data) == {"files of another kind": 2, "dialled legs without Parent Call Sid": 20}


def test_what_nobody_gave_access_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a file, and the folder of the source itself; nothing tells where they are on this machine."""
    for name in ("calls", "shut/calls"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(made.events_json(TWENTY))

    def refuse(path: Any, *rest: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    scan = os.scandir
    # The superuser, as whom tests may run, is refused nothing.
    monkeypatch.setattr(os, "scandir", lambda path: refuse(path) if "shut" in str(path) else scan(path))
    data = load_calls(tmp_path)
    assert (len(data.frame), found(data)) == (20, {"folders that can't be read": 1})
    assert data.findings[0].example == "shut: Permission denied; give yourself access"
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="such as calls: Permission denied; give yourself access"):
        load_calls(tmp_path / "calls")
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(InputError, match="can't be read: Permission denied"):
        load_calls(tmp_path / "calls")


def test_a_source_may_be_a_file_address(tmp_path: Path) -> None:
    """As a file manager copies it."""
    folder = tmp_path / "my calls é"
    folder.mkdir()
    (folder / "calls").write_bytes(made.events_json(TWENTY))
    for path in (folder, folder / "calls"):
        assert len(load_calls(path.as_uri()).frame) == 20


def test_a_pattern_and_a_list_are_told_apart_from_a_path(tmp_path: Path) -> None:
    """The repair is another than for a path with a slip."""
    for source, repair in {"*.json": "name the folder of several files", "a.json": "check the path"}.items():
        with pytest.raises(InputError, match=repair):
            load_calls(tmp_path / source)


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("wrapping", WRAPPED)
def test_json_is_read_however_it_is_written(wrapping: str, encoding: str, tmp_path: Path) -> None:
    """An array, lines, values one after another, indented, in an object; UTF-8, 16 or 32, with or without BOM."""
    text = WRAPPED[wrapping](made.event_lines(TWENTY))
    data = read(tmp_path, text.encode(encoding), "a.json")
    assert (len(data.frame), found(data)) == (20, {})


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_json_that_is_cut_off_keeps_its_whole_rows(wrapping: str, tmp_path: Path) -> None:
    """The rest is a finding."""
    text = WRAPPED[wrapping](made.event_lines(TWENTY))
    data = read(tmp_path, text[: len(text) // 2].encode())
    assert len(data.frame) in (9, 10)
    assert {"files that are cut off", "lines that are not JSON"} & found(data).keys()


# --- times ---

AT = datetime(2026, 3, 2, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T10:10:00Z",
        "2026-03-02 02:10:00,000-08:00",
        "2026-03-02T10:10:00.000+0000",
        "20260302101000",
        "Mon, 02 Mar 2026 10:10:00 +0000",
        "Mon, 02 Mar 2026 02:10:00 -0800 (PST)",
        "2 Mar 2026 10:10 GMT",
        "1772446200",
        "1772446200.0",
        "1772446200000",
        "1772446200000000",
        "1772446200000000000",
        "3/2/2026 10:10",
        "03/02/2026, 10:10:00 AM",
        "3/2/2026 2:10:00 a.m. PST",
        "03/02/2026 10:10:00 UTC",
        "2026/03/02 10:10:00",
        "Mar 2, 2026, 10:10:00 AM",
        "Monday, March 2, 2026 10:10 AM",
        "02:10:00 PST 2026-03-02",
        "11:10:00 CET 2026-03-02",
        "15:40:00 +05:30 2026-03-02",
        "10:10:00 GMT+0 2026-03-02",
        "2026-03-02 02:10:00 PST",
        "02.03.2026 10:10:00",
        "2.3.26, 10:10",
        "2026.03.02 10:10:00",
        "3/2/26 10:10",
        "02-Mar-26 10:10",
        "Mon Mar  2 10:10:00 2026",
        "Mon Mar 02 02:10:00 PST 2026",
        "March 2, 2026 at 10:10 AM",
        "2026-03-02 10:10:00 +0000 UTC",
        "2026-03-02T10:10:00+00:00[UTC]",
        "13:10:00 EAT 2026-03-02",
    ],
)
def test_every_spelling_of_a_time_names_the_same_moment(text: str) -> None:
    """ISO 8601, RFC 2822, epoch in any unit, US style, the Console's own; without a zone it is UTC."""
    assert parse_time(text) == AT
    assert parse_time(f" {text} ") == AT


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "soon",
            "1234",
            "99999999999999999999",
            "9999999999999999999",
            "+15035550177",
            "2026-13-02",
            "13/13/2026",
            "10:10:00",
        ),
        *("25:00:00 PST 2026-03-02", "10:10:00 IST 2026-03-02", "13:10 PM 3/2/2026", "٢٠٢٦٠٣٠٢"),
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "Thu, 01 Jan 1970 00:00:00 +0000",
        "9999-12-31 23:59:59",
    ],
)
def test_what_names_no_time_is_none(text: str) -> None:
    """A zone abbreviation that several countries use is not guessed."""
    assert parse_time(text) is None


def test_days_come_first_where_one_date_can_not_be_read_otherwise() -> None:
    """One unambiguous date decides for the whole file."""
    assert [at and at.date().isoformat() for at in parse_times(["2/3/2026", "14/3/2026"])] == [
        "2026-03-02",
        "2026-03-14",
    ]
    assert [at and at.date().isoformat() for at in parse_times(["2/3/2026"])] == ["2026-02-03"]


@pytest.mark.parametrize(
    "written",
    [
        lambda at: f"{at:%a, %d %b %Y %H:%M:%S +0000}",
        lambda at: f"{at:%m/%d/%Y %I:%M:%S %p}",
        lambda at: int(at.timestamp()),
        lambda at: at.timestamp() * 1000,
        lambda at: f"{at.timestamp():.0f}",
        made.console_time,
        lambda at: f"{at.astimezone(made.PACIFIC):%Y-%m-%d %H:%M:%S %Z}",
    ],
)
def test_events_and_records_have_times_in_any_spelling(written: Callable[[datetime], Any], tmp_path: Path) -> None:
    """Either way the attempts are the twenty."""
    events = made.event_lines(TWENTY)
    for event in events:
        event["timestamp"] = written(datetime.fromisoformat(event["timestamp"]))
    data = read(tmp_path, json.dumps(events).encode())
    assert_same(data, "price")
    assert_same(read(tmp_path, json.dumps(made.records_of(TWENTY, written)).encode()))


@pytest.mark.parametrize(("days", "what"), [((2, 3), 1), ((2, 14), 0), ((3, 3), 0)])
def test_dates_that_may_have_the_day_first_are_named(days: tuple[int, int], what: int, tmp_path: Path) -> None:
    """They are read with the month first; a date with a number above twelve tells it for all."""
    calls = [
        replace(TWENTY[0], number=number, at=datetime(2026, 3, day, tzinfo=UTC)) for number, day in enumerate(days)
    ]
    records = made.records_of(calls, lambda at: f"{at:%m/%d/%Y %H:%M}")
    data = read(tmp_path, json.dumps(records).encode())
    assert [at.day for at in data.frame["started_at"]] == list(days)
    assert found(data) == ({"dates that may have the day first or the month": what} if what else {})


@pytest.mark.parametrize("stray", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_no_call_can_have_is_left_out(stray: str, tmp_path: Path) -> None:
    """A clock that was never set, or a date that stands for none; the report would have millions of days."""
    events, records = made.event_lines(TWENTY), made.records_of(TWENTY, made.iso)
    events.append({**events[0], "timestamp": stray, "call_sid": "CA1"})
    records.append({**records[0], "start_time": stray, "sid": "CA1"})
    for rows, what in ((events, "events with an unreadable time"), (records, "calls without a readable time")):
        for content in (json.dumps(rows), "\n".join(map(json.dumps, rows))):
            data = read(tmp_path, content.encode())
            assert (len(data.frame), found(data)) == (20, {what: 1})
            assert (data.first_day, data.last_day) == (TWENTY[0].at.date(), TWENTY[-1].at.date())


# --- what is not a log of calls ---


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF; download the calls as CSV"),
        (b"PAR1\x15\x04", "a Parquet file; name the archive that its folder belongs to"),
        (b"SQLite format 3\x00", "a database; export its calls as CSV"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "packed in a way that is not read; unpack it"),
        (b"<!doctype html><title>Log in</title>", "a web page, maybe of a sign-in; download the calls again"),
        (b'<?xml version="1.0"?><TwilioResponse/>', "XML; ask Twilio for Calls.json"),
        (
            b'{"code": 20003, "message": "Authenticate", "status": 401}',
            "Twilio's refusal of a request, error 20003; ask again",
        ),
        (
            b"name,street,city\nA,B,C\n",
            "a table of name, street, city; it has neither the Console's columns nor a CDR's",
        ),
        (
            b"HTTP/2 200 \r\ncontent-type: application/json\r\n\r\n{}",
            "an answer with its HTTP headers; keep the body only, as curl does without -i",
        ),
        (b"\x00\x01\x02\x03", "no text"),
        (b"see the other folder", "a text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_log_is_named_for_what_it_is(content: bytes, said: str, tmp_path: Path) -> None:
    """By itself it is bad input; beside a log it is a finding."""
    with pytest.raises(InputError) as refusal:
        read(tmp_path, content, "given.json")
    assert f"files of another kind, such as given.json: {said}" in str(refusal.value)
    (tmp_path / "calls.json").write_bytes(made.events_json(TWENTY))
    data = load_calls(tmp_path)
    assert (len(data.frame), found(data)) == (20, {"files of another kind": 1})


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"calls": []}',
        "Call Sid,From,To,Status,Start Time\n",
        '[{"timestamp": "soon", "event": "outgoing-call"}]',
        '[{"timestamp": "2026-03-02 25:99:00", "event": "outgoing-dialstatus-completed", "channel": "lobby"}]',
        '[{"sid": "CA1", "status": "busy", "start_time": "soon", "direction": "inbound"}]',
    ],
)
def test_a_source_of_which_nothing_could_be_read_is_bad_input(content: str, tmp_path: Path) -> None:
    """The error replaces a report without calls."""
    with pytest.raises(InputError, match="holds no calls"):
        read(tmp_path, content.encode())


def test_half_of_a_surrogate_pair_stops_nobody(tmp_path: Path) -> None:
    """Software that cuts texts short leaves such; orjson and polars refuse them."""
    for content in (made.cli_json(TWENTY), json.dumps(made.event_lines(TWENTY)).encode()):
        torn = content.replace(b"lobby", rb"lo\ud83dbby", 1)
        assert read(tmp_path, torn).frame["client"].str.startswith(("lo", "library")).sum() == 20


def test_an_archive_without_a_day_is_bad_input() -> None:
    """At an address it can't be known whether there ever was an archive."""
    with pytest.raises(InputError, match="memory://nowhere: holds no days of calls"):
        load_calls("memory://nowhere")


def test_a_zip_with_a_password_and_a_workbook_are_named(tmp_path: Path) -> None:
    """The error says what to do with each."""
    locked = bytearray(zipped(made.events_json(TWENTY)))
    locked[6] |= 1
    locked[locked.find(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InputError, match="needs a password; unpack calls with it"):
        read(tmp_path, bytes(locked))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(InputError, match="an Excel workbook or the like; save it as CSV"):
        read(tmp_path, packed.getvalue())


# --- nothing of other people's numbers ---

TORN = {"other_party": "+15035550177", "event": "incoming-call", "timestamp": None, "channel": "lobby"}


@pytest.mark.parametrize(
    "odd",
    [
        TORN,
        {**TORN, "timestamp": "+15035550177"},
        {**TORN, "timestamp": AT.isoformat(), "event": "15035550177"},
        {**TORN, "timestamp": AT.isoformat(), "event": "outgoing-call", "duration_s": "503-555-0177"},
        {"+15035550177": 1, "5035550177": 2, "(503) 555-0177": 3},
        "+1 503 555 0177",
        15035550177,
        {"sid": "CA1", "from": "+15035550177", "account_sid": made.ACCOUNT},
        {"sid": "CA1", "status": "busy", "from": "+15035550177", "start_time": "15035550177"},
        {"resource_sid": "CA1", "error_code": "1", "from": "sip:+15035550177@example.org"},
    ],
    ids=str,
)
def test_a_torn_rows_number_is_in_no_finding_and_no_fault(odd: Any, tmp_path: Path) -> None:
    """Neither findings nor errors repeat a row's telephone number or account SID."""
    path = tmp_path / "20260302.json"
    for rows in ([odd, *made.event_lines(TWENTY)], [odd]):
        path.write_text(json.dumps(rows))
        try:
            shown = repr(load_calls(path).findings)
        except InputError as refusal:
            shown = str(refusal)
        assert "0177" not in shown
        assert made.ACCOUNT not in shown


def test_an_example_ends_between_words(tmp_path: Path) -> None:
    """However many keys a row has; its place comes first."""
    row = {f"a long name of a field, number {number}": number for number in range(40)}
    data = read(tmp_path, json.dumps([row, *made.event_lines(TWENTY)]).encode())
    (example,) = (one.example for one in data.findings)
    assert example.startswith("calls, row 1: an object of a long name")
    assert example.endswith((" and 32 more", " …"))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+15035550177", "+1503555••••"),
        ("call +1 (503) 555-0177, please", "call +1 (503) 555-••••, please"),
        ("sip:5035550177@example.org", "sip:503555••••@example.org"),
        ("503.555.0177 or 5550177", "503.555.•••• or 555••••"),
        ("2026/20260302.json, row 12", "2026/20260302.json, row 12"),
        ("2026-03-02T10:10:00Z", "2026-03-02T10:10:00Z"),
        ("CA00000000000000000000000000000012", "CA00000000000000000000000000000012"),
        ("error 32009 at 911", "error 32009 at 911"),
    ],
)
def test_numbers_in_a_text_are_hidden_and_days_are_not(text: str, masked: str) -> None:
    """SIDs, codes, dates and short numbers stay visible."""
    assert mask_numbers(text) == masked


def test_a_caller_at_another_server_is_masked_too(tmp_path: Path) -> None:
    """The user part of a SIP address may be a number."""
    record = {"sid": "CA1", "status": "completed", "from": "sip:+15035550177@example.org", "to": "+15035550103"}
    content = json.dumps([{**record, "direction": "inbound", "start_time": AT.isoformat()}]).encode()
    (tmp_path / "a").write_bytes(content)
    assert load_calls(tmp_path / "a").frame["other_party"].tolist() == ["+1503555••••@example.org"]
