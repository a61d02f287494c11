"""CSV tables of calls, as downloaded from the Console's call log with any choice and order of columns.

Missing fields are unknown. Without Parent Call Sid, dialled legs are joined to their calls by time.
"""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import polars as pl

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import LONGEST_CALL_S
from dialtone_nb.calls.file_source.asterisk_cdr import NORTH_AMERICAN
from dialtone_nb.calls.twilio_source.call_records import FIELDS
from dialtone_nb.values.sip import parse_sip_uri

# Headings as the Console, the CLI's -o tsv and people write them, in lower case, letters and digits only. If a
# table has several for one field, the first of these is used.
HEADINGS: Final = {
    "sid": ("callsid", "sid"),
    "parent_call_sid": ("parentcallsid",),
    "from": ("from", "fromnumber", "caller"),
    "to": ("to", "tonumber", "called"),
    "status": ("status", "callstatus"),
    "direction": ("direction",),
    "start_time": ("starttime", "starttimeutc", "date"),
    "date_created": ("datecreated",),
    "end_time": ("endtime",),
    "date_updated": ("dateupdated",),
    "duration": ("duration", "durationseconds", "callduration"),
    "price": ("price", "cost"),
    "price_unit": ("priceunit",),
}
TIMES: Final = ("start_time", "date_created")
NEEDED: Final = {"from": "From", "to": "To", "status": "Status"}
# A table with at least `FEWEST` of the fields, one of them in `TELLING`, is a table of calls.
TELLING: Final = {"from", "to", "sid"}
FEWEST: Final = 3
# The Console's words for directions, and the API's -> the API's. Any other word, such as Outgoing, leaves it open which
# calls are legs; their numbers decide.
DIRECTIONS: Final = {
    "incoming": "inbound",
    "outgoing-dial": "outbound-dial",
    "outgoing-api": "outbound-api",
    **{word: word for word in ("inbound", "outbound-dial", "outbound-api")},
    **{word: word for word in ("trunking-originating", "trunking-terminating")},
}
STATUSES: Final = {"noanswer": "no-answer", "cancelled": "canceled"}
AMOUNT: Final = re.compile(r"[\d.,]*\d(?:[eE][+-]?\d+)?")
EMPTY: Final = ("", "-", "--", "–", "—", "null", "None")
# Between two headings of a text in columns.
COLUMN: Final = re.compile(r"(?<=\S) {2,}(?=\S)")
# A call record as a row.
Call = Mapping[str, Any]

MADE_SID: Final = "row "
# Twilio's times are whole seconds, and a leg starts within its parent call.
ROUNDING: Final = timedelta(seconds=2)
LONGEST_CALL: Final = timedelta(seconds=LONGEST_CALL_S)
LEG: Final = "outbound-dial"


def read_table(content: bytes) -> list[list[str]]:
    """The rows of a CSV file separated by comma, semicolon, tab or bar, or of a text in columns, without empty rows."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    text = re.sub(r"\A\ufeff?(sep=.\r?\n)?", "", text)
    heading = text.lstrip().partition("\n")[0]
    separator = max(",;\t|", key=heading.count)
    if separator not in heading and COLUMN.search(heading):
        return _read_columns(text.lstrip().splitlines())
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row))
    except csv.Error:
        # After an unmatched quotation mark, the rest of the file is a single cell too long for the reader.
        rows.append([""])
    return rows


def _read_columns(lines: Sequence[str]) -> list[list[str]]:
    """The rows of a text in columns, each as wide as its longest cell, as the CLI writes it."""
    starts = [0, *(found.end() for found in COLUMN.finditer(lines[0]))]
    ends = [*starts[1:], None]
    return [[line[begin:end] for begin, end in zip(starts, ends, strict=True)] for line in lines if line.strip()]


def headings_of(row: Sequence[str]) -> dict[str, int]:
    """The column number of each field that the headings name."""
    columns = {re.sub(r"[\W_]", "", text).casefold(): number for number, text in reversed(list(enumerate(row)))}
    found = {name: next((columns[one] for one in known if one in columns), -1) for name, known in HEADINGS.items()}
    return {name: number for name, number in found.items() if number >= 0}


def is_call_table(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table's headings are those of calls."""
    fields = headings_of(rows[0]).keys() if rows else set()
    return len(fields) >= FEWEST and bool(fields & TELLING)


def read_call_table(name: str, rows: Sequence[Sequence[str]], quality: Quality) -> pl.DataFrame:
    """The calls of a table as call records; a table without a needed column is left out, and the column named."""
    columns = headings_of(rows[0])
    missing = [words for field, words in NEEDED.items() if field not in columns]
    missing += [] if any(time in columns for time in TIMES) else ["Start Time"]
    if missing:
        example = f"{name}: has no column {', '.join(missing)}; download it again with these"
        quality.note("tables of calls without a column that is needed", "left out", example=example)
        return pl.DataFrame(schema=_TEXTS)
    if "price" not in columns:
        quality.note("tables of calls without a column Price", "what their calls cost is unknown", example=name)
    records = []
    seen: Counter[tuple[str, ...]] = Counter()
    for number, row in enumerate(rows[1:], 2):
        if len(row) < len(rows[0]):
            quality.note("rows of tables that are cut off", "left out", example=f"{name}, row {number}")
            continue
        told = {field: row[column].strip() for field, column in columns.items()}
        record = {field: None if text in EMPTY else _plain(field, text) for field, text in told.items()}
        if "sid" not in columns and record.get("parent_call_sid"):
            # No call of this table can be told by its SID, so legs are joined by time, as if they told no parent.
            record |= {"parent_call_sid": None, "direction": LEG}
        if record.get("sid") is None:
            # Equal rows of a file that was downloaded twice get the same SID.
            seen[tuple(row)] += 1
            record["sid"] = MADE_SID + blake2b(f"{row}{seen[tuple(row)]}".encode(), digest_size=16).hexdigest()
        records.append({field: record.get(field) for field in FIELDS})
    return pl.DataFrame(records, schema=_TEXTS)


_TEXTS: Final = dict.fromkeys(FIELDS, pl.String())


def _plain(field: str, text: str) -> str | None:
    """A cell as the API would write it."""
    word = re.sub(r"[\s_]+", "-", text.casefold())
    if field == "status":
        return STATUSES.get(word, word)
    if field == "direction":
        return DIRECTIONS.get(word)
    if field in ("from", "to"):
        number = re.fullmatch(r"""[='"]*(\+?[\d\s().-]{7,})"?""", text)
        is_bare_uri = re.fullmatch(r"[^\s:@<>]+@[\w.-]+", text)
        if number:
            plain = re.sub(r"[^\d+]", "", number[1])
            # Spreadsheets drop the plus sign.
            return f"+1{found[1]}" if (found := NORTH_AMERICAN.fullmatch(plain)) else plain
        return f"sip:{text}" if is_bare_uri else text
    if field == "price" and (amount := AMOUNT.search(text)):
        # Some tables show prices with a minus sign and some without; the API always has one. The last comma or point
        # is the decimal one.
        return "-" + re.sub(r"[.,](?=.*[.,])", "", amount[0]).replace(",", ".")
    if field == "duration" and (clock := re.fullmatch(r"(?:(\d+):)?(\d{1,2}):(\d{2})", text)):
        return str(int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + int(clock[3]))
    return text


def join_legs(calls: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    """The call records, with dialled legs that have no parent joined to the call that was under way.

    Of several such calls, the one with the same number is preferred, then one without a leg, then the latest, then the
    nearest row of the table. A leg without any such call is left out. This also decides unknown directions.
    """
    has_parent = (pl.col("parent_call_sid") != "").fill_null(False)
    direction = pl.col("direction")
    is_loose = ~has_parent & (direction.is_null() | (direction == LEG))
    if not calls.select(is_loose.any()).item():
        return calls
    rows = calls.with_row_index("row").with_columns(loose=is_loose)
    legs: list[Call] = []
    parents: list[Call] = []
    unsure: list[Call] = []
    for row in rows.filter(~has_parent & pl.col("begun").is_not_null()).sort("begun", "row").iter_rows(named=True):
        if row["direction"]:
            (legs if row["direction"] == LEG else parents).append(row)
        elif not _may_be_leg(row):
            parents.append(row)
        else:
            (legs if _is_to_phone(row) else unsure).append(row)
    # From a number to a number: the leg of a call from a phone, or a call from outside, whose leg rings a phone.
    outgoing = _UnderWay(parents)
    joined = {row["row"]: parent["sid"] for row in unsure if (parent := outgoing.find(row, must_fit=True))}
    parents += [row for row in unsure if row["row"] not in joined]
    under_way = _UnderWay(parents, outgoing)
    joined |= {row["row"]: parent["sid"] for row in legs if (parent := under_way.find(row))}
    dropped = {row["row"] for row in legs if row["direction"] and row["row"] not in joined}
    told = {row["row"]: "inbound" for row in (*legs, *parents) if row["direction"] is None}
    told |= dict.fromkeys(joined, LEG)
    what = "dialled legs without Parent Call Sid"
    quality.note(what, "joined to the call that was under way, by time and number", len(joined))
    quality.note("dialled legs with no call under way", "left out: their call is not there", len(dropped))
    number = pl.col("row")
    return (
        rows.filter(~number.is_in(sorted(dropped)))
        .with_columns(
            parent_call_sid=_replaced("parent_call_sid", joined),
            direction=_replaced("direction", told),
        )
        .drop("row", "loose")
    )


def _replaced(column: str, values: Mapping[int, str]) -> pl.Expr:
    if not values:
        return pl.col(column)
    found = pl.col("row").replace_strict(list(values), list(values.values()), default=None, return_dtype=pl.String)
    return pl.coalesce(found, column)


def _is_to_phone(row: Call) -> bool:
    return bool(parse_sip_uri(row["to"] or "")[1])


def _may_be_leg(row: Call) -> bool:
    """Whether a call of unknown direction can be a leg; one that comes from a SIP phone is a call of its own."""
    return not parse_sip_uri(row["from"] or "")[1]


class _UnderWay:
    """The calls that may have dialled legs, sorted by start."""

    def __init__(self, parents: Iterable[Call], before: _UnderWay | None = None) -> None:
        self._parents = sorted(parents, key=lambda row: (row["begun"], row["row"]))
        self._begun = [row["begun"] for row in self._parents]
        lasted = max((_end(row) - row["begun"] for row in self._parents), default=LONGEST_CALL)
        self._longest = min(lasted, LONGEST_CALL)
        self._with_leg: set[str] = before._with_leg if before else set()

    def find(self, leg: Call, *, must_fit: bool = False) -> Call | None:
        """The call that this leg belongs to, or None; `must_fit` demands the same number."""
        best: Call | None = None
        rank: tuple[Any, ...] = ()
        for parent in self._around(leg["begun"]):
            # The latest come first: after one with the same number and without a leg, only others of its moment matter.
            if best and rank[:2] == (True, True) and parent["begun"] < best["begun"]:
                break
            fits = _fits(parent, leg)
            is_free = parent["sid"] not in self._with_leg
            its = (fits, is_free, parent["begun"], -abs(parent["row"] - leg["row"]), -parent["row"])
            if (fits or not must_fit) and its > rank:
                best, rank = parent, its
        if best:
            self._with_leg.add(best["sid"])
        return best

    def _around(self, at: datetime) -> Iterator[Call]:
        for number in range(bisect_right(self._begun, at + ROUNDING) - 1, -1, -1):
            parent = self._parents[number]
            if at - parent["begun"] > self._longest + ROUNDING:
                return
            if at <= _end(parent) + ROUNDING:
                yield parent


def _end(call: Call) -> datetime:
    begun: datetime = call["begun"]
    ended: datetime | None = call["ended"]
    return ended or begun + (LONGEST_CALL if call["seconds"] is None else timedelta(seconds=call["seconds"]))


def _fits(parent: Call, leg: Call) -> bool:
    """Whether call and leg have the same number: the one that our phone dialled, or the one that called in."""
    if parse_sip_uri(parent["from"] or "")[1]:
        dialled, rung = _digits(parent["to"]), _digits(leg["to"])
        return bool(dialled) and (rung.endswith(dialled) or dialled.endswith(rung)) and bool(rung)
    return bool(parent["from"] == leg["from"])


@lru_cache(maxsize=10_000)
def _digits(address: str | None) -> str:
    user, host = parse_sip_uri(address or "")
    return re.sub(r"\D", "", user if host else address or "")
