"""The kernel's sandbox by itself, around a Node without its permission model."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dialtone_nb.rehearsal.functions import fence
from dialtone_nb.rehearsal.functions.node_processes import node_executable

linux = pytest.mark.skipif(not fence.has_kernel_fence(), reason="this kernel has no seccomp filter")

ESCAPES = {
    "socket": "require('net').connect(9, '127.0.0.1').on('error', (error) => { throw error; })",
    "listen": "require('net').createServer().listen(0)",
    "datagram": "require('dgram').createSocket('udp4').bind(0)",
    "kill": "process.kill(process.ppid, 0)",
    "priority": "require('os').setPriority(process.ppid, 19)",
    "child": "const ran = require('child_process').spawnSync('true'); if (ran.error) throw ran.error",
    "file": "require('fs').writeFileSync('written', '')",
    "database": "new (require('node:sqlite').DatabaseSync)('written').exec('CREATE TABLE a (b)')",
    "rename": "require('fs').renameSync('there', 'written')",
}


@linux
@pytest.mark.parametrize("name", ESCAPES)
def test_the_kernel_alone_keeps_node_in(tmp_path: Path, name: str) -> None:
    """Each attempt fails without any restriction by Node."""
    (tmp_path / "there").touch()
    code = f"const say = () => fs.writeSync(1, 'refused'); process.on('uncaughtException', say); {ESCAPES[name]}"
    with fence.start_fenced(
        [node_executable(), "-e", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout
        assert process.stdout.read(7) == b"refused"
        process.kill()
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@linux
def test_whoever_starts_a_fenced_process_keeps_its_freedom(tmp_path: Path) -> None:
    """The filter applies to the child process, and to no thread of this one."""
    code = "import socket; socket.socket()"
    with fence.start_fenced([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        assert b"PermissionError" in process.communicate(timeout=30)[1]
    socket.socket().close()
    (tmp_path / "written").touch()


def verdict(machine: str, number: int, *arguments: int, of: str = "") -> int:
    """A filter's verdict on a system call: a small interpreter of its BPF instructions."""
    data = {fence.NUMBER_AT: number, fence.MACHINE_AT: fence.MACHINES[of or machine]}
    data |= {fence.ARGUMENTS_AT + 8 * place: value for place, value in enumerate(arguments)}
    program, at, held = fence.write_filter(machine), 0, 0
    while True:
        operation, if_true, if_false, operand = program[at]
        at += 1
        match operation:
            case fence.LOAD:
                held = data[operand]
            case fence.AND:
                held &= operand
            case fence.IF_EQUAL:
                at += if_true if held == operand else if_false
            case fence.IF_AT_LEAST:
                at += if_true if held >= operand else if_false
            case fence.RETURN:
                return operand


@pytest.mark.parametrize("machine", fence.MACHINES)
def test_the_filter_is_right_for_each_machine(machine: str) -> None:
    """For each architecture threads and reading are allowed, processes and writing are not."""
    column = list(fence.MACHINES).index(machine)
    refused, allowed = fence.FAIL | 1, fence.ALLOW
    for row in fence.REFUSED.values():
        if (number := row[column]) is not None:
            assert verdict(machine, number) == refused
    openat, clone = fence.OPEN[2][column], fence.CLONE[column]
    assert openat is not None and clone is not None
    assert [verdict(machine, openat, 0, 0, flags) for flags in (0, 0o2000000, 1, 2, 0o101, 0o1000)] == [
        *[allowed] * 2, *[refused] * 4
    ]  # fmt: skip
    assert verdict(machine, clone, 0x3D0F00) == verdict(machine, clone, 0x4111) == allowed
    assert verdict(machine, clone, 17) == refused
    assert verdict(machine, 0 if machine == "x86_64" else 63) == allowed  # read
    assert verdict(machine, 0, of="x86_64" if machine == "aarch64" else "aarch64") == refused
