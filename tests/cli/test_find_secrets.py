"""The search for secrets in shared files: each encoding is found, and no secret is printed."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone_nb.__main__ import main
from dialtone_nb.cli.find_secrets import Secret, find_numbers, find_secrets, known_secrets
from dialtone_nb.phones.passwords import generate_password

# Directory assistance: a number that could be somebody's, by its form.
ASSISTANCE = "+15035551212"
ROOT = Path(__file__).parents[2]
TOKEN = 'a"secret&token/with+odd<signs>'
WAYS = {
    "as it is": TOKEN,
    "in JSON": json.dumps({"token": TOKEN}),
    "in HTML": html.escape(TOKEN),
    "in a URL": f"https://example.org/?token={quote(TOKEN, safe='')}",
    "in an Authorization header": base64.b64encode(f"AC123:{TOKEN}".encode()).decode(),
    "at another offset of Base64": base64.b64encode(f"{TOKEN} and more".encode()).decode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_writing_a_secret_is_found(tmp_path: Path, way: str) -> None:
    """In the second line of a text file; the finding has line and name, without the value."""
    file = tmp_path / "page.html"
    file.write_text(f"first\n{WAYS[way]}\n")
    (found,) = find_secrets([file], [Secret("TWILIO_AUTH_TOKEN", TOKEN)])
    assert str(found).startswith(f"{file}:2: holds TWILIO_AUTH_TOKEN; ")
    assert TOKEN not in str(found)


@given(before=st.binary(max_size=9), after=st.binary(max_size=9), value=st.text("abcXYZ019+/", min_size=8, max_size=40))
def test_base64_hides_nothing(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes, value: str
) -> None:
    """At any offset within the encoded text."""
    file = tmp_path_factory.mktemp("encoded") / "x"
    file.write_bytes(base64.b64encode(before + value.encode() + after))
    assert [one.name for one in find_secrets([file], [Secret("it", value)])] == ["it"]


def test_parquet_is_unpacked(tmp_path: Path) -> None:
    """A value in a compressed column is found."""
    pq.write_table(pa.table({"reason": ["fine"] * 500 + [TOKEN]}), tmp_path / "a.parquet", compression="zstd")
    assert [one.line for one in find_secrets([tmp_path / "a.parquet"], [Secret("it", TOKEN)])] == [0]


def test_secrets_come_from_variables_and_private_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables with a secret's suffix, and the phones' passwords; SIDs and short values are ignored."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "rehearsed" / "state.db"))
    password = generate_password()
    for root in (tmp_path, tmp_path / "rehearsed"):
        folder = root / "private" / "stage" / "workbench"
        folder.mkdir(parents=True)
        (folder / "phone.txt").write_text(f"workbench (stage)\n  Password  {password}\n")
    variables = {"TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TRUNK_PASSWORD": "short"}
    known = known_secrets(tmp_path, variables)
    assert [one.name for one in known] == ["TWILIO_AUTH_TOKEN", *["the password of workbench (stage)"] * 2]
    assert TOKEN not in repr(known)


def test_the_command_tells_what_it_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 and a count if it finds nothing, 1 and the places if it does, 5 if a path is wrong."""
    monkeypatch.setenv("TRUNK_PASSWORD", TOKEN)
    (tmp_path / "good.html").write_text("nothing here")
    assert main(["find-secrets", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("none found\n")
    (tmp_path / "bad.html").write_text(TOKEN)
    assert main(["find-secrets", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'bad.html'}:1: holds TRUNK_PASSWORD")
    assert main(["find-secrets", str(tmp_path / "nowhere")]) == 5


@pytest.mark.parametrize(
    "written", [ASSISTANCE, "+1 503-555-1212", "(503) 555-1212", "503-555-1212", "sip:+15035551212@"]
)
def test_a_telephone_number_is_found_as_people_and_programs_write_it(tmp_path: Path, written: str) -> None:
    """The finding has the line and the masked number."""
    (tmp_path / "a.html").write_text(f"first\n<td>{written}</td>\n")
    (found,) = find_numbers([tmp_path / "a.html"])
    assert str(found).startswith(f"{tmp_path / 'a.html'}:2: holds a telephone number, +1503555••••; share it with")


@pytest.mark.parametrize(
    "written",
    [
        "+15035550199",
        "503-555-0100",
        "+1503555••••",
        "CA" + "5035551212" * 3 + "00",
        "5035551212",
        "20260302120000",
        "+1911",
    ],
)
def test_what_is_nobodys_number_is_not_found(tmp_path: Path, written: str) -> None:
    """Fictional and masked numbers, SIDs, times, and digits of unknown meaning."""
    (tmp_path / "a.html").write_text(written)
    assert list(find_numbers([tmp_path / "a.html"])) == []


def test_numbers_and_addresses_of_an_own_network_are_found_where_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are found by value, in any format; the sample's are fictional."""
    for file in (ROOT / "parameters" / "sample").glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    page = tmp_path / "page.html"
    page.write_text("Alder Street Telephone Society, 100 Alder Street; (503) 555-0101; 15035550101")
    monkeypatch.setenv("DIALTONE_PARAMETERS", str(tmp_path))
    assert main(["find-secrets", str(page)]) == 0
    capsys.readouterr()
    assert main(["find-secrets", "--people", str(page)]) == 1
    shown = capsys.readouterr().out
    assert shown.count("holds the number of workbench") == 1
    assert "holds the street of workbench's emergency address" in shown
    assert "100 Alder" not in shown
    monkeypatch.delenv("DIALTONE_PARAMETERS")
    assert main(["find-secrets", "--people", str(page)]) == 0


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_a_damaged_archive_is_not_said_to_hold_nothing(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can't be looked through is told in a line, as bad input."""
    (tmp_path / "day.parquet").write_bytes(content)
    assert main(["find-secrets", str(tmp_path)]) == 5
    (told,) = capsys.readouterr().err.splitlines()
    assert told.endswith("day.parquet: is damaged, and can't be looked through; take it out of what is shared")
