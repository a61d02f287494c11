"""Asterisk's call detail records (CDRs), with headings or as cdr_csv and others write them (local time) -> attempts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.attempts.schema import LONGEST_CALL_S, make_attempts
from dialtone_nb.calls.file_source.times import parse_time
from dialtone_nb.calls.twilio_source.frame import Phone

Cdr = Mapping[str, str]

# The orders of columns without headings; those after the amaflags may be missing.
LAYOUTS: Final = (
    # Asterisk's cdr_csv.c; the last five are there if cdr.conf asks for them.
    (
        *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata"),
        *("start", "answer", "end", "duration", "billsec", "disposition", "amaflags"),
        *("uniqueid", "userfield", "peeraccount", "linkedid", "sequence"),
    ),
    # The sample of cdr_custom.conf.
    (
        *("clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata"),
        *("start", "answer", "end", "duration", "billsec", "disposition", "amaflags"),
        *("accountcode", "uniqueid", "userfield", "sequence"),
    ),
    # The table of FreePBX's database.
    (
        *("start", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata"),
        *("duration", "billsec", "disposition", "amaflags"),
        *("accountcode", "uniqueid", "userfield", "did", "recordingfile", "cnum", "cnam"),
        *("outbound_cnum", "outbound_cnam", "dst_cnam", "linkedid", "peeraccount", "sequence"),
    ),
)
# Other names of columns: a database's, and those of the manager interface (cdr_manager).
NAMES: Final = {
    "calldate": "start",
    "starttime": "start",
    "answertime": "answer",
    "endtime": "end",
    "source": "src",
    "destination": "dst",
    "destinationcontext": "dcontext",
    "callerid": "clid",
    "destinationchannel": "dstchannel",
    "lastapplication": "lastapp",
    "billableseconds": "billsec",
}
OUTCOMES: Final = {
    "ANSWERED": "answered",
    "NO ANSWER": "no_answer",
    "NOANSWER": "no_answer",
    "BUSY": "busy",
    "FAILED": "failed",
    "CONGESTION": "failed",
    "CHANUNAVAIL": "failed",
    "CANCEL": "canceled",
    "UNKNOWN": "unknown",
}
# Applications that ring a phone; others, such as a menu, answer the call themselves.
DIALLING: Final = ("Dial", "Queue", "FollowMe", "Page")
# Names of contexts in Asterisk's samples and in FreePBX.
INTERNAL: Final = re.compile(r"internal|outgoing|outbound|outrt|phones", re.I)
EXTERNAL: Final = re.compile(r"trunk|pstn|incoming|inbound|from-did|ext-did|from-outside|external", re.I)
CALLER: Final = re.compile(r'"?(?P<name>[^"<]*?)"?\s*(?:<[^>]*>)?')
ENDPOINT: Final = re.compile(r"[^/]+/(?P<name>.+?)(?:-[0-9a-f]{8}|@.*)?(?:;\d)?")
# A channel's unique ID begins with the second of its start as a Unix time, so in UTC whatever the local time zone.
UNIQUE_ID: Final = re.compile(r"(?:.*-)?(?P<epoch>\d{9,10})\.\d+")
SECONDS: Final = re.compile(r"(?P<whole>\d{1,9})(?:\.\d*)?")
# The UTC offset of every time zone is a multiple of this.
QUARTER: Final = timedelta(minutes=15)
FARTHEST: Final = timedelta(hours=14)
NORTH_AMERICAN: Final = re.compile(r"1?([2-9]\d{2}[2-9]\d{6})")
# Numbers of at least so many digits are external.
LONG: Final = 7


@dataclass(frozen=True, slots=True)
class LocalNetwork:
    """What a log leaves out: our phones by number and by name, and the time zone of its clock.

    `is_asked`: the user asked for this zone; otherwise it is the network file's.
    """

    phones: Mapping[str, Phone] = field(default_factory=dict)
    time_zone: str = "UTC"
    is_asked: bool = False


def is_cdr_table(rows: Sequence[Sequence[str]]) -> bool:
    """Whether these rows are CDRs: they have headings, or a known disposition in its column."""
    return bool(rows) and ("disposition" in _headings(rows[0]) or any(map(_cells, rows[:20])))


def _headings(row: Sequence[str]) -> list[str]:
    plain = [re.sub(r"[\W_]", "", text).casefold() for text in row]
    return [NAMES.get(text, text) for text in plain]


def _cells(row: Sequence[str]) -> Cdr:
    """The cells of a row without headings by the names of the layout that it fits; empty if it fits none."""
    for layout in LAYOUTS:
        cells = dict(zip(layout, row, strict=False))
        if (
            layout.index("amaflags") < len(row) <= len(layout)
            and _disposition(cells) in OUTCOMES
            and re.fullmatch(r"-?[\d.]+", cells["billsec"].strip())
            and parse_time(cells["start"])
        ):
            return cells
    return {}


def _disposition(cdr: Cdr) -> str:
    return cdr["disposition"].strip().upper()


def read_cdrs(name: str, rows: Sequence[Sequence[str]], quality: Quality) -> tuple[Cdr, ...]:
    """The CDRs of a table; other rows are counted and left out."""
    headings = _headings(rows[0])
    has_headings = "disposition" in headings
    found = []
    for number, row in enumerate(rows[1:] if has_headings else rows, 1 + has_headings):
        cells = dict(zip(headings, row, strict=False)) if has_headings else _cells(row)
        if cdr := cdr_of(cells):
            found.append(cdr)
        else:
            quality.note("rows that are not CDRs", "left out", example=f"{name}, row {number}: {len(row)} columns")
    return tuple(found)


def cdr_of(row: Mapping[str, object]) -> Cdr:
    """The CDR in a row with any of the known names; empty if the row is none."""
    cells = dict(zip(_headings(list(row)), ("" if one is None else str(one) for one in row.values()), strict=True))
    return cells if cells.get("disposition") and cells.get("start") else {}


def read_cdr_events(text: str) -> tuple[Cdr, ...]:
    """The CDRs among the events of the manager interface, which are lines such as `Source: 405` up to an empty one."""
    blocks = (re.findall(r"(?m)^(\w+): ?(.*?)\r?$", block) for block in re.split(r"\r?\n\r?\n", text))
    return tuple(cdr for block in blocks if (cdr := cdr_of(dict(block))))


def frame_cdrs(cdrs: Iterable[Cdr], network: LocalNetwork, quality: Quality) -> pl.DataFrame:
    """One attempt per call; a call may have several records, such as one for each phone that rang."""
    calls: dict[object, list[Cdr]] = defaultdict(list)
    seen = set()
    for cdr in cdrs:
        whole = tuple(sorted(cdr.items()))
        if whole in seen:
            quality.note("CDRs that came twice", "counted once", example=cdr.get("uniqueid", ""))
            continue
        seen.add(whole)
        calls[cdr.get("linkedid") or cdr.get("uniqueid") or whole].append(cdr)
    names = _names([cdr for several in calls.values() for cdr in several])
    clocks: Counter[str] = Counter()
    rows = [row for several in calls.values() if (row := _attempt(several, network, names, clocks, quality))]
    for clock, count in clocks.items():
        quality.note("calls of which Asterisk tells the local time", clock, count)
    kept = ("started_at", "environment", "client", "direction", "other_party", "outcome", "duration_s")
    return make_attempts({name: [row[name] for row in rows] for name in kept})


def _attempt(
    several: Sequence[Cdr], network: LocalNetwork, names: Mapping[str, str], clocks: Counter[str], quality: Quality
) -> dict[str, object] | None:
    first = several[0]
    deciding = next((cdr for cdr in several if _disposition(cdr) == "ANSWERED"), several[-1])
    local = parse_time(first.get("start", ""))
    if local is None:
        quality.note("calls without a readable time", "left out: they belong to no day")
        return None
    started, clock = _started(local, first.get("uniqueid", ""), network)
    clocks[clock] += 1
    outcome = OUTCOMES.get(_disposition(deciding), "unknown")
    if _disposition(deciding) not in OUTCOMES:
        quality.note("CDRs whose disposition is not Asterisk's", "kept, how they ended is unknown")
    if outcome == "answered" and not (deciding.get("dstchannel") or deciding.get("lastapp") in DIALLING):
        # Asterisk answered the call itself, without ringing a phone.
        outcome = "unknown"
    is_incoming = _is_incoming(first, network)
    phone = _rung(deciding, network) if is_incoming else _caller(first, network, names)
    return {
        "started_at": started,
        "environment": phone.environment or None,
        "client": phone.client or None,
        "direction": "incoming" if is_incoming else "outgoing",
        "other_party": _party(first.get("src", "") if is_incoming else _dialled(deciding)),
        "outcome": outcome,
        "duration_s": _seconds(deciding, quality) if outcome == "answered" else None,
    }


def _seconds(cdr: Cdr, quality: Quality) -> int | None:
    """How long a call was talked; a clock that is set during a call makes it negative."""
    text = cdr.get("billsec", "").strip()
    if (found := SECONDS.fullmatch(text)) and (seconds := int(found["whole"])) <= LONGEST_CALL_S:
        return seconds
    if text:
        what, treatment = "calls with a duration that no call has", "kept, the duration is unknown"
        quality.note(what, treatment, example=cdr.get("uniqueid", ""))
    return None


def _started(local: datetime, unique_id: str, network: LocalNetwork) -> tuple[datetime, str]:
    """The start of a call in UTC, and how its time zone was found, in words."""
    found = UNIQUE_ID.fullmatch(unique_id.strip())
    if found and not network.is_asked:
        ahead = local - datetime.fromtimestamp(int(found["epoch"]), UTC)
        zone = round(ahead / QUARTER) * QUARTER
        if abs(zone) <= FARTHEST and abs(ahead - zone) < timedelta(minutes=1):
            return local - zone, "the time zone is told by each call's unique ID"
    said = "as parameter log_time_zone says" if network.is_asked else "as network.yaml says"
    return local.replace(tzinfo=ZoneInfo(network.time_zone)).astimezone(UTC), f"read as {network.time_zone}, {said}"


def _names(cdrs: Sequence[Cdr]) -> Mapping[str, str]:
    """The caller ID name of each endpoint that has exactly one, shared with no other endpoint."""
    shown = {(_endpoint(cdr.get("channel", "")), _name(cdr)) for cdr in cdrs}
    endpoints, names = Counter(one for one, _ in shown), Counter(name for _, name in shown)
    return {one: name for one, name in shown if one and name and endpoints[one] == names[name] == 1}


def _name(cdr: Cdr) -> str:
    found = CALLER.fullmatch(cdr.get("clid", "").strip())
    name = found["name"].strip().casefold() if found else ""
    return "" if name.lstrip("+").isdecimal() else name


def _endpoint(channel: str) -> str:
    found = ENDPOINT.fullmatch(channel)
    return found["name"] if found else ""


def _caller(cdr: Cdr, network: LocalNetwork, names: Mapping[str, str]) -> Phone:
    """The calling phone: one of ours by endpoint, name or number; else named by its own caller ID name or endpoint."""
    endpoint = _endpoint(cdr.get("channel", ""))
    for known in (endpoint, _name(cdr), _party(cdr.get("src", "")) or ""):
        if known in network.phones:
            return network.phones[known]
    return Phone(names.get(endpoint, "").replace(" ", "-") or endpoint or cdr.get("src", ""), "")


def _rung(cdr: Cdr, network: LocalNetwork) -> Phone:
    """The called phone: one of ours by endpoint or extension, else named by these."""
    extension = cdr.get("dst", "")
    endpoint = _endpoint(cdr.get("dstchannel", ""))
    for known in (endpoint, extension, _party(extension) or ""):
        if known in network.phones:
            return network.phones[known]
    return Phone(endpoint or (extension if len(extension) < LONG else ""), "")


def _is_incoming(cdr: Cdr, network: LocalNetwork) -> bool:
    context = cdr.get("dcontext", "")
    if bool(INTERNAL.search(context)) != bool(EXTERNAL.search(context)):
        return bool(EXTERNAL.search(context))
    if _endpoint(cdr.get("channel", "")) in network.phones:
        return False
    if _endpoint(cdr.get("dstchannel", "")) in network.phones:
        return True
    return len(_digits(cdr.get("src", ""))) >= LONG > len(_digits(cdr.get("dst", "")))


def _dialled(cdr: Cdr) -> str:
    """The number that Asterisk dialled: the dial plan may have removed a prefix from what the phone dialled."""
    if cdr.get("lastapp") == "Dial":
        numbers = re.findall(r"\+?\d+", cdr.get("lastdata", "").partition(",")[0])
        longest = max(numbers, key=len, default="")
        if len(_digits(longest)) >= LONG:
            return longest
    return cdr.get("dst", "")


def _party(number: str) -> str | None:
    """A North American or international (011) number in E.164 form; any other as it is."""
    plain = re.sub(r"[\s().-]", "", number)
    if found := NORTH_AMERICAN.fullmatch(plain):
        return f"+1{found[1]}"
    if plain.startswith("011") and plain.isdecimal():
        return f"+{plain[3:]}"
    return plain or None


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
