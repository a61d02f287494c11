"""python -m dialtone_nb find-secrets: whether anything that is to be shared holds a secret of this project.

What is known to be secret is looked for by its value, in each way in which a page, a notebook or a log may write it; a
secret that is not known here is not found. With --people, telephone numbers and addresses are looked for too: those of
the network in parameters/ by their values, and whatever else is written as a telephone number that somebody may have.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from dialtone_nb.account.account import beside_rehearsal, read_environment
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.resources.account_secrets import EVERYWHERE
from dialtone_nb.infrastructure.resources.account_secrets import FILE as SECRET_FILE
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.phones.private_files import PASSWORD_FILE, PRIVATE
from dialtone_nb.runbooks.steps.opening import parameters_folder
from dialtone_nb.values.phone_numbers import (
    NUMBER,
    country_of,
    format_number,
    is_valid_number,
    mask_number,
    spellings,
)
from dialtone_nb.values.printable import printable

# Variables that hold secrets, by their endings; the SIDs beside them are not secret.
SECRET_ENDINGS: Final = ("_TOKEN", "_TOKEN_SECONDARY", "_SECRET", "_PASSWORD", "_WEBHOOK_URL", "_ALARM_URL")
# What is shorter would be found everywhere by chance.
SHORTEST: Final = 8
PARQUET: Final = ".parquet"
ADVICE: Final = "don't share it, and change that secret if it was shared"
PERSONAL: Final = "share it with nobody who may not know it; reports mask numbers unless show_numbers asks for them"
# Numbers kept for fiction: 555-0100 to 555-0199 of each area code.
_FICTIONAL: Final = re.compile(r"\+1\d{3}55501\d\d")
_PASSWORD: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{24}(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that nobody else may know, and what it is called."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret in a file; `line` is 0 where the file has no lines."""

    path: Path
    line: int
    name: str
    advice: str = ADVICE

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: holds {self.name}; {self.advice}"


def main(arguments: argparse.Namespace, project: Path) -> int:
    """0 where no file holds a secret, 1 where one does, each with its place."""
    paths = arguments.paths or [project / "reports", project / "notebooks"]
    for path in paths:
        if not path.exists():
            raise InputError(Fault(str(path), "there is no such file or folder", "name what is to be shared"))
    known = known_secrets(project, read_environment(project))
    files = sorted({file for path in paths for file in files_in(path)})
    found = list(find_secrets(files, known))
    counted = f"{len(known)} known secret{'' if len(known) == 1 else 's'}"
    if arguments.people:
        people = personal_values(load_parameters(parameters_folder(project)))
        counted += f" and {len(people)} numbers and addresses of the network"
        # A number is one thing, however often and in whatever form a file has it.
        by_thing = {(one.path, one.name): replace(one, advice=PERSONAL) for one in find_secrets(files, people)}
        found += by_thing.values()
        found += find_numbers(files, {one.value for one in people})
    for one in found:
        print(printable(str(one)))
    print(f"searched {len(files)} files for {counted}: {len(found) or 'none'} found")
    return 1 if found else 0


def known_secrets(project: Path, variables: Mapping[str, str]) -> list[Secret]:
    """The secrets in these variables, and the passwords in the private files of this project and its rehearsal."""
    named = [
        Secret(name, value.strip())
        for name, value in sorted(variables.items())
        if name.endswith(SECRET_ENDINGS) and len(value.strip()) >= SHORTEST
    ]
    for private in (project / PRIVATE, beside_rehearsal(project, PRIVATE.name)):
        for file in sorted(private.glob(f"*/*/{PASSWORD_FILE}")):
            phone = f"the password of {file.parent.name} ({file.parent.parent.name})"
            named += [Secret(phone, value) for value in set(_PASSWORD.findall(file.read_text(encoding="utf-8")))]
        for file in sorted(private.glob(f"{EVERYWHERE}/*/{SECRET_FILE}")):
            lines = [line.partition("=") for line in file.read_text(encoding="utf-8").splitlines()]
            named += [
                Secret(f"{name} of {file.parent.name}", value)
                for name, _, value in lines
                if name.endswith(SECRET_ENDINGS)
            ]
    return named


def personal_values(declared: Parameters) -> list[Secret]:
    """The numbers of a network's phones, as programs and people write them, and the names and streets of its addresses.

    The sample's are fiction, and nobody's.
    """
    if declared.is_sample:
        return []
    found: dict[str, str] = {}
    for name, client in declared.clients.items():
        country = country_of(client.caller_id)
        for spelling in (*spellings(client.caller_id, country), format_number(client.caller_id)):
            found.setdefault(spelling, f"the number of {name}")
        if address := client.emergency_address:
            found.setdefault(address.street, f"the street of {name}'s emergency address")
            found.setdefault(address.customer_name, f"whose emergency address {name} has")
    return [Secret(name, value) for value, name in found.items() if len(value) >= SHORTEST]


def find_numbers(files: Iterable[Path], known: Collection[str] = ()) -> Iterator[FoundSecret]:
    """The telephone numbers in files that somebody may have, each once a file, masked; those that are known left out.

    With a plus sign or in the American grouping: digits alone may be anything. Numbers kept for fiction are nobody's.
    """
    for file in files:
        text, told = _content(file).decode("utf-8", "replace"), set(known)
        for found in NUMBER.finditer(text):
            number = _as_e164(found[0])
            if found["sid"] or not number or number in told or found[0] in told:
                continue
            told.add(number)
            line = 0 if file.suffix == PARQUET or "\0" in text else text.count("\n", 0, found.start()) + 1
            yield FoundSecret(file, line, f"a telephone number, {mask_number(number)}", PERSONAL)


def _as_e164(written: str) -> str:
    """A possible telephone number in E.164, or empty."""
    if written.isdigit():
        return ""
    digits = "".join(filter(str.isdigit, written))
    number = f"+{digits}" if written.startswith("+") else f"+1{digits}"
    return number if is_valid_number(number) and not _FICTIONAL.fullmatch(number) else ""


def files_in(path: Path) -> Iterator[Path]:
    """The file itself, or every file of a folder."""
    yield from (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,)


def find_secrets(files: Iterable[Path], secrets: Iterable[Secret]) -> Iterator[FoundSecret]:
    """Each secret that a file holds, once a file and at its first place."""
    wanted = [(secret.name, written_forms(secret.value)) for secret in secrets]
    for file in files:
        content = _content(file)
        for name, forms in wanted:
            at = min((at for form in forms if (at := content.find(form)) >= 0), default=-1)
            if at >= 0:
                is_text = file.suffix != PARQUET and b"\0" not in content
                yield FoundSecret(file, content.count(b"\n", 0, at) + 1 if is_text else 0, name)


def written_forms(value: str) -> set[bytes]:
    """A value as JSON, HTML, a URL and Base64 write it, alone or as a part of more."""
    plain = {value, json.dumps(value)[1:-1], html.escape(value), quote(value, safe=""), quote_plus(value)}
    return {form.encode() for form in plain} | {_inside_base64(value.encode(), shift) for shift in range(3)}


def _inside_base64(value: bytes, shift: int) -> bytes:
    """What Base64 makes of the value behind `shift` other bytes, less the characters that its neighbours decide too."""
    encoded = base64.b64encode(b"\0" * shift + value)
    begin, end = (shift * 8 + 5) // 6, (shift + len(value)) * 8 // 6
    return encoded[begin:end]


def _content(file: Path) -> bytes:
    """The bytes that are looked through: of Parquet, whose own are packed, all texts that it holds."""
    if file.suffix != PARQUET:
        return file.read_bytes()
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.read_table(file).to_pydict().values()
    except pa.ArrowException:
        raise InputError(
            Fault(str(file), "is damaged, and can't be looked through", "take it out of what is shared")
        ) from None
    return "\n".join(str(value) for column in columns for value in column).encode()
