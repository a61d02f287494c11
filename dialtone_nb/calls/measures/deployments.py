"""When which build went live in which environment: read from Twilio, and kept beside an archive's days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from pyarrow import fs

from dialtone_nb.calls.archive.storage import open_archive, replace_file
from dialtone_nb.calls.load import TWILIO, CallRunbook, find_archive, find_source
from dialtone_nb.errors import Fault, InputError

if TYPE_CHECKING:
    from twilio.rest import Client

FILE: Final = "deployments.json"


@dataclass(frozen=True, slots=True, order=True)
class Deployment:
    """One deployment: from `at` (UTC) on its build answers in the environment; without a build, nothing does."""

    at: datetime
    environment: str
    sid: str
    build_sid: str = ""

    @property
    def label(self) -> str:
        """How a report names it."""
        what = "" if self.build_sid else ", taken down"
        return f"{self.environment} {self.at:%Y-%m-%d %H:%M}{what}"


def load_runbook_deployments(runbook: CallRunbook) -> tuple[Deployment, ...]:
    """The deployments behind a runbook's calls, oldest first: the account's, or those kept with an archive.

    With a parameter `archive` the account's are kept there. A log of events knows none.
    """
    wanted = runbook.parameters
    if wanted.source == TWILIO:
        archive = find_archive(wanted.archive, runbook.project)
        found = fetch_deployments(runbook.account.client, runbook.declared.network.service.name)
        deployments = keep_deployments(archive, found) if archive else found
    else:
        source = find_source(wanted.source, runbook.project)
        deployments = load_deployments(source) if "://" in source or Path(source).is_dir() else ()
    return tuple(one for one in deployments if wanted.environment in ("", one.environment))


def fetch_deployments(client: Client, service: str) -> tuple[Deployment, ...]:
    """Every deployment that Twilio knows of a service's environments, oldest first; none where there is no service."""
    services = client.serverless.v1.services
    found = next((one for one in services.stream() if one.unique_name == service), None)
    if not found:
        return ()
    return tuple(
        sorted(
            Deployment(
                one.date_created.astimezone(UTC), str(environment.unique_name), str(one.sid), one.build_sid or ""
            )
            for environment in services(found.sid).environments.stream()
            for one in services(found.sid).environments(environment.sid).deployments.stream()
        )
    )


def keep_deployments(archive: str, found: Iterable[Deployment]) -> tuple[Deployment, ...]:
    """All deployments that are known by now, oldest first; the archive holds them, written in one step where it is new.

    What was known and is not found any more stays: an environment that was deleted had its deployments.
    """
    before = load_deployments(archive)
    after = tuple(sorted({one.sid: one for one in (*before, *found)}.values()))
    if after != before:
        system, root = open_archive(archive)
        system.create_dir(root)
        content = orjson.dumps([asdict(one) for one in after], option=orjson.OPT_INDENT_2)
        replace_file(system, f"{root}/{FILE}", lambda stream: stream.write(content))
    return after


def load_deployments(archive: str) -> tuple[Deployment, ...]:
    """The deployments kept with an archive, oldest first; an `InputError` where they are damaged."""
    system, root = open_archive(archive)
    path = f"{root}/{FILE}"
    if system.get_file_info(path).type == fs.FileType.NotFound:
        return ()
    with system.open_input_stream(path) as stream:
        content = stream.read()
    try:
        read = [Deployment(**{**one, "at": datetime.fromisoformat(one["at"])}) for one in orjson.loads(content)]
    except (ValueError, KeyError, TypeError):
        fault = Fault(f"archive {path}", "holds no deployments", "remove it; the next report reads Twilio's again")
        raise InputError(fault) from None
    return tuple(sorted(read))
