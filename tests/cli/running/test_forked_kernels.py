"""Kernels that are forked: they are as those that are started, and end as those do."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from jupyter_core.utils import run_sync

from dialtone_nb.cli.running import forked_kernels
from dialtone_nb.cli.running.forked_kernels import IMPORT_KERNEL, IMPORT_RUNBOOKS, Forks, forking
from dialtone_nb.cli.running.kernels import ForkingProvisioner, started_kernel
from tests.cli.running.cells import printed

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "notebooks" / "deploy.ipynb"
# What a cell sees of its process; which one it is differs, and who its parent is.
LOOK = """
import gc, os, signal, sys, threading
own = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
print(dict(
    folder=os.getcwd(), path=sys.path, environment=own, leads=os.getpgid(0) == os.getsid(0) == os.getpid(),
    stdin=os.readlink("/proc/self/fd/0") if os.isatty(0) else os.read(0, 1), children=signal.getsignal(signal.SIGCHLD),
    interrupt=signal.getsignal(signal.SIGINT).__name__, collects=gc.isenabled(), count=len(In),
    threads=sorted(thread.name for thread in threading.enumerate()), debugger="debugpy" in sys.modules,
    main=sys.modules["__main__"].__dict__ is globals(), names=[name for name in dir() if "plan" in name],
))
""".replace("children=signal.getsignal(signal.SIGCHLD)", "children=int(signal.getsignal(signal.SIGCHLD))")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """A process to fork kernels off."""
    with forking() as made:
        assert made
        yield made


def test_a_forked_kernel_is_as_one_that_was_started(forks: Forks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder, paths, variables, streams, signals, threads and names, even where variables changed since."""
    monkeypatch.setenv("DIALTONE_OPERATOR", "grace")
    seen = []
    for given in (None, forks):
        with started_kernel(ROOT / "docs", DEPLOY, given) as manager:
            assert isinstance(manager.provisioner, ForkingProvisioner) == bool(given)
            seen.append(ast.literal_eval(printed(manager, LOOK)))
    assert seen[0] == seen[1]
    assert seen[0]["folder"] == str(ROOT / "docs")
    assert seen[0]["environment"]["DIALTONE_OPERATOR"] == "grace"


def test_a_cell_of_a_forked_kernel_is_interrupted(forks: Forks) -> None:
    """As by Ctrl+C, after which the kernel goes on."""
    with started_kernel(ROOT, forks=forks) as manager:
        cell = "import time; print('ready', flush=True); time.sleep(60)"
        assert printed(manager, cell, interrupted=True).split() == ["ready", "KeyboardInterrupt"]
        assert printed(manager, "print(7)").split() == ["7"]


@pytest.mark.parametrize("end", ["os._exit(9)", "os.kill(os.getpid(), 9)"])
def test_a_forked_kernel_that_dies_is_seen_to_be_dead(forks: Forks, end: str) -> None:
    """Whatever ended it, even if nobody was waiting."""
    with started_kernel(ROOT, forks=forks) as manager:
        client = manager.client()
        client.start_channels()
        run_sync(client.wait_for_ready)(timeout=120)
        client.execute(f"import os; {end}")
        assert within_seconds(lambda: not run_sync(manager.is_alive)())
        client.stop_channels()
        run_sync(manager.cleanup_resources)()


def test_kernels_end_with_the_process_that_has_them_forked() -> None:
    """No kernel stays behind, even if that process was killed."""
    program = """
import os, signal
from pathlib import Path
from dialtone_nb.cli.running.forked_kernels import forking
from dialtone_nb.cli.running.kernels import started_kernel
with forking() as forks, started_kernel(Path.cwd(), forks=forks) as manager:
    print(manager.provisioner.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert within_seconds(lambda: has_ended(int(done.stdout)))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_where_no_kernel_can_be_forked_it_is_started(end: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the process that forks was killed or hangs, only time is lost."""
    monkeypatch.setattr(forked_kernels, "ANSWERS_WITHIN_S", 0.1)
    with forking() as forks:
        assert forks
        forks.process.send_signal(end)
        with started_kernel(ROOT, forks=forks) as manager:
            assert printed(manager, "print(7)").split() == ["7"]


def test_where_nothing_can_be_imported_a_kernel_is_started_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    """If a package is missing, whoever needs it tells so."""
    with forking("import nothing_of_that_name") as forks, started_kernel(ROOT, forks=forks) as manager:
        assert printed(manager, "print(7)").split() == ["7"]
    assert capfd.readouterr() == ("", "")


def test_what_is_imported_before_starts_no_thread() -> None:
    """A fork would not have it, though it might hold a lock."""
    program = f"""
import os
{IMPORT_KERNEL}{IMPORT_RUNBOOKS}
import sys
print(len(os.listdir("/proc/self/task")), sorted({{"numpy", "pandas", "polars", "pyarrow"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "[]"]


def has_ended(pid: int) -> bool:
    """Whether a process has, even if nobody asks how."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def within_seconds(is_so: Callable[[], bool], most: float = 60) -> bool:
    """Whether something comes true."""
    until = time.monotonic() + most
    while not is_so() and time.monotonic() < until:
        time.sleep(0.05)
    return is_so()
