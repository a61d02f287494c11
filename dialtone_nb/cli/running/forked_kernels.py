"""Kernels that are forked off a process which has imported what they need.

A row of runbooks has it once for all, a second less for each; one runbook has it meanwhile, as the command that runs it
imports what it needs itself.

A fork takes along only the thread that forks. So that process has one thread, and imports nothing that starts others,
such as numpy or polars. Elsewhere than on Linux libraries of the system start threads of their own: kernels start
there as usual.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

# What is imported lasts, so no garbage is looked for until that is done: a quarter of a second. A kernel imports as
# where no debugger is installed: nobody debugs a run from outside. As ipykernel between cells, it ignores SIGINT, from
# the beginning: whoever interrupts a run that has just begun would read where in its imports a kernel was.
IMPORT_KERNEL = """
import gc, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
gc.disable()
sys.path = [folder for folder in sys.path if folder]
sys.modules["debugpy"] = None
from ipykernel import kernelapp
import ipykernel.ipkernel, ipykernel.debugger
del sys.modules["debugpy"]
"""
# What the runbooks of the main job import, and the rehearsal, which each kernel serves for itself; all that, other
# runbooks have no use for.
IMPORT_RUNBOOKS = """
from dialtone_nb import apply_plan, fetch_existing_things, open_runbook, place_test_calls, verify_environment
from dialtone_nb import plan_client_setup, plan_delete, plan_deploy, plan_promote
import twilio.rest.api.v2010, twilio.rest.monitor.v1, twilio.rest.serverless.v1, twilio.rest.voice.v1
from dialtone_nb.rehearsal.api import all_operations
from dialtone_nb.rehearsal.http import app, control, server, sip_control
import tornado.platform.asyncio, uvicorn.lifespan.off, uvicorn.loops.auto, uvicorn.protocols.http.auto
import IPython.core.completerlib, IPython.extensions.storemagic
"""
# ipykernel reads the variable as it is imported: a kernel ends when its parent is gone. Where an import fails a kernel
# is started as usual, and tells why.
SERVE = """
import os, sys
os.environ["JPY_PARENT_PID"] = str(os.getpid())
sys.excepthook = lambda *error: None
{imports}
sys.excepthook = sys.__excepthook__
from dialtone_nb.cli.running.forked_kernels import serve
serve(kernelapp.launch_new_instance)
"""
# As long as a kernel may take to start.
ANSWERS_WITHIN_S = 60


@contextmanager
def forking(imports: str = "") -> Iterator[Forks | None]:
    """A process to fork kernels off, where that can be done; it is ended on leaving, and kernels with it.

    What it imports beside a kernel is Python.
    """
    if sys.platform != "linux":
        yield None
        return
    ours, theirs = socket.socketpair()
    with theirs:
        # In a session of its own, as kernels are: Ctrl+C in the terminal is for whoever started them.
        command = [sys.executable, "-c", SERVE.format(imports=IMPORT_KERNEL + imports)]
        process = subprocess.Popen(command, stdin=theirs.fileno(), start_new_session=True)
    ours.settimeout(ANSWERS_WITHIN_S)
    try:
        with ours:
            yield Forks(process, ours)
    finally:
        # It has nothing to finish.
        process.kill()
        process.wait()


class Forks:
    """A process that forks, and the door to it."""

    def __init__(self, process: subprocess.Popen[bytes], door: socket.socket) -> None:
        self.process = process
        self._door = door

    def fork(self, arguments: Sequence[str], folder: str, environment: Mapping[str, str]) -> Forked:
        """A new kernel; an `OSError` or a `ValueError` where that process has ended or does not answer."""
        try:
            self._door.sendall(json.dumps([arguments, folder, dict(environment)]).encode() + b"\n")
            return Forked(int(self._door.recv(32)))
        except (OSError, ValueError):
            # A late answer would be taken for that to the next question.
            self._door.close()
            raise


class Forked:
    """As much of a `subprocess.Popen` as is asked of a kernel's process, which is no child of this one."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs; how it ended only its parent knows."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    wait = poll

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def serve(launch: Callable[[], None]) -> None:
    """Fork a kernel for each line of stdin, a socket, that asks for one, until nobody is there to ask."""
    gc.freeze()
    signal.signal(signal.SIGCHLD, lambda *_: _forget_the_dead())
    door = socket.socket(fileno=0)
    for line in door.makefile():
        arguments, folder, environment = json.loads(line)
        if pid := os.fork():
            door.sendall(b"%d\n" % pid)
        else:
            _settle(arguments, folder, environment)
            launch()
            return


def _settle(arguments: list[str], folder: str, environment: Mapping[str, str]) -> None:
    """Make this process what it would be if it had been started with these."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv[1:] = arguments


def _forget_the_dead() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
