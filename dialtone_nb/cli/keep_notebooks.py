"""The notebooks in git, with outputs of a rehearsal: where each starts, how it is made anew, what it may not hold."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialtone_nb.account.account import Account, open_account
from dialtone_nb.account.rehearsal_control import add_past
from dialtone_nb.cli.command_line import exit_code_of
from dialtone_nb.cli.fresh_account import TWILIO_VARIABLE, changed_environment, fresh_account
from dialtone_nb.cli.running.kernels import KERNEL_ARGUMENTS
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.errors import Fault, ParametersError
from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.infrastructure.apply_phases import apply_proposal
from dialtone_nb.infrastructure.site import Proposal, Site
from dialtone_nb.parameters import load_parameters
from dialtone_nb.report.page import scrub
from dialtone_nb.runbooks.client_setup import propose_client
from dialtone_nb.runbooks.deploy import propose_deploy
from dialtone_nb.runbooks.promote import propose_promote
from dialtone_nb.runbooks.steps.apply import REHEARSED_CONSENT
from dialtone_nb.runbooks.steps.opening import PARAMETERS_VARIABLE, find_project, sample_folder
from dialtone_nb.runbooks.steps.parameters_cell import TAG, read_source, runbook_names
from dialtone_nb.runbooks.test_calls import place_calls
from dialtone_nb.service.bundle import read_bundle

Prepare = Callable[[Path], None]
DAY_S = 86_400
# Whatever these hold is not what was kept: nbval would not compare the cell, or not run it.
_MARKS = re.compile(r"\b(NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT|nbval-[\w-]+)\b")
# 32 hexadecimal digits that are no SID are an auth token, an API key's secret or a digest of a password.
_SECRET = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])")
# The kernel's own version would differ from machine to machine.
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def deployed(project: Path) -> None:
    """Stage is whole, no phone is set up."""
    _apply(propose_deploy(_site(project, "stage")))


def with_a_number(project: Path) -> None:
    """Stage is whole, and the account owns the number of the test phone."""
    deployed(project)
    site = _site(project, "stage")
    site.account.client.incoming_phone_numbers.create(phone_number=site.parameters.clients["workbench"].caller_id)


def with_phones(project: Path) -> None:
    """Stage is whole, with both of its phones set up."""
    deployed(project)
    site = _site(project, "stage")
    for name, client in site.parameters.clients_in("stage").items():
        _apply(propose_client(site, name, buy=client.caller_id))


def open_to_another_country(project: Path) -> None:
    """Stage is whole, and somebody has switched on a country that the dial plan does not allow."""
    deployed(project)
    switched = [{"iso_code": "LV", "low_risk_numbers_enabled": "true"}]
    _account(project).client.voice.v1.dialing_permissions.bulk_country_updates.create(json.dumps(switched))


def with_calls(project: Path) -> None:
    """Stage with both phones, and the test calls placed."""
    with_phones(project)
    site = _site(project, "stage")
    place_calls(site.account, site.parameters, "stage", client="workbench", unregistered="van")


def with_a_number_led_away(project: Path) -> None:
    """The test calls were placed, and then somebody led the test phone's number elsewhere."""
    with_calls(project)
    site = _site(project, "stage")
    numbers = site.account.client.incoming_phone_numbers
    (owned,) = numbers.list(phone_number=site.parameters.clients["workbench"].caller_id)
    numbers(owned.sid).update(voice_url="https://elsewhere.example.org/")


def with_a_past(project: Path) -> None:
    """Calls of thirty days; stage was deployed after ten of them, and promoted to prod after twenty."""
    account = _account(project)
    account.wait(10 * DAY_S)
    deployed(project)
    account.wait(10 * DAY_S)
    _apply(propose_promote(_site(project, "prod"), "stage"))
    account.wait(10 * DAY_S - 3600)
    add_past(account, days=30, calls=600)


def _site(project: Path, environment: str) -> Site:
    parameters = load_parameters(sample_folder(project))
    bundle = read_bundle(compile_table(parameters), parameters.network.service.runtime)
    return Site(_account(project), parameters, environment, bundle, project)


def _account(project: Path) -> Account:
    return open_account("rehearsal", project)


def _apply(proposal: Proposal) -> None:
    apply_proposal(proposal, "rehearsal", runbook="prepare", reports=proposal.site.private.parent)


# By the notebook's name; one without a line here starts from an account in which nothing exists.
PREPARATIONS: Mapping[str, Prepare] = {
    "promote": deployed,
    "client_setup": with_a_number,
    "protect": open_to_another_country,
    "rotate": deployed,
    "verify": with_phones,
    "test_calls": with_phones,
    "call_report": with_a_past,
    "monitor": with_calls,
    "explore": with_calls,
    "phones": with_calls,
    "watch": with_a_past,
    "troubleshoot": with_a_number_led_away,
    "delete": with_phones,
}


if TYPE_CHECKING:
    from nbformat import NotebookNode


@contextmanager
def prepared_account(project: Path, name: str, folder: Path) -> Iterator[None]:
    """The account from which a kept notebook starts, for the kernels started meanwhile; its state is in `folder`.

    Such a kernel also sees the sample network, the recorded Twilio, and nobody who could be asked.
    """
    seen = {
        "JPY_SESSION_NAME": None,
        PARAMETERS_VARIABLE: str(sample_folder(project)),
        TWILIO_VARIABLE: None,
        REHEARSED_CONSENT: "rehearsal",
    }
    with fresh_account(folder), changed_environment(seen):
        prepare = PREPARATIONS.get(name)
        if prepare:
            prepare(project)
        yield


def keep_notebook(project: Path, name: str) -> None:
    """Execute a notebook on its prepared account and keep it, with outputs and counts, where it was."""
    import nbformat
    from nbclient import NotebookClient

    source = read_source(project, name)
    notebook: NotebookNode = nbformat.read(source.path, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder, prepared_account(project, name, Path(folder) / "account"):
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            extra_arguments=KERNEL_ARGUMENTS,
            record_timing=False,
            timeout=None,
            resources={"metadata": {"path": str(source.path.parent)}},
        )
        client.execute()
    scrub(notebook)
    notebook.metadata = {**_METADATA}
    write_whole(source.path, nbformat.writes(notebook) + "\n")  # type: ignore[no-untyped-call]


def faults_of(notebook: Mapping[str, Any], secrets: Iterable[str] = ()) -> list[str]:
    """What is wrong with a kept notebook: cells that nbval would pass unchecked, traces of papermill, secrets."""
    faults = ["has papermill metadata"] if "papermill" in notebook["metadata"] else []
    for number, cell in enumerate(notebook["cells"]):
        problems = [*_trace_faults(cell), *(_code_faults(cell, secrets) if cell["cell_type"] == "code" else ())]
        faults += [f"cell {number} {problem}" for problem in problems]
    return faults


def _trace_faults(cell: Mapping[str, Any]) -> Iterator[str]:
    if "papermill" in cell["metadata"] or "injected-parameters" in _tags(cell):
        yield "has papermill metadata"


def _code_faults(cell: Mapping[str, Any], secrets: Iterable[str]) -> Iterator[str]:
    source, outputs = "".join(cell["source"]), cell["outputs"]
    if not source.strip():
        yield "is empty"
    if cell["execution_count"] is None:
        yield "has no execution count"
    # The tagged cell only assigns; its values show in the banner of the cell after it.
    if not outputs and TAG not in _tags(cell):
        yield "has no output"
    if any(output["output_type"] == "error" for output in outputs):
        yield "shows an error"
    if mark := _MARKS.search(" ".join([source, *_tags(cell)])):
        yield f"is marked {mark[0]}"
    shown = json.dumps(outputs, ensure_ascii=False)
    if _SECRET.search(shown) or any(secret in shown for secret in secrets):
        yield "shows a secret"


def _tags(cell: Mapping[str, Any]) -> Sequence[str]:
    tags: Sequence[str] = cell["metadata"].get("tags", ())
    return tags


def main(names: list[str]) -> int:
    """Make the named notebooks anew, or all of them; 0 where all could be kept."""
    project = find_project(Path.cwd())
    for name in names or runbook_names(project):
        sys.stdout.write(f"{name} … ")
        sys.stdout.flush()
        keep_notebook(project, name)
        path = project / "notebooks" / f"{name}.ipynb"
        faults = faults_of(json.loads(path.read_text(encoding="utf-8")))
        if faults:
            raise ParametersError(Fault(f"notebooks/{name}.ipynb", fault) for fault in faults)
        sys.stdout.write("kept\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of(lambda: main(sys.argv[1:]), str))
