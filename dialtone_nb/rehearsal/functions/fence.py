"""The sandbox of deployed functions: system calls that the kernel refuses to the Node process that runs them.

Node's own permissions (`--permission`) cover files, child processes and workers. They do not cover sockets and signals,
nor log files that Node's C++ code opens. On Linux a seccomp filter makes those system calls fail
(https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html).

A filter and `no_new_privs` apply to a thread, and are inherited by what that thread starts. So a thread of its own
installs the filter, starts the process, and ends. That way no code of ours runs between fork and exec, where it would
be unsafe in a process with threads; there is no launcher to wait for; no privilege is needed; and the rest of this
process is not restricted.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

# The supported machines by `uname -m`, with their numbers in linux/audit.h. System calls below have a number for each.
MACHINES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
Numbers = tuple[int | None, int | None]
REFUSED: Final[Mapping[str, Numbers]] = {
    # The network, Unix sockets, listening.
    "socket": (41, 198), "socketpair": (53, 199),
    # Signals to any process; other processes' memory, files and priority.
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "setpriority": (141, 140),
    # Changes to files and folders; for `open` and `openat`, see below.
    "creat": (85, None), "truncate": (76, 45), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None),
    "mknodat": (259, 33), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54), "utimensat": (280, 88),
    "utime": (132, None), "utimes": (235, None),
    # Processes. Python starts Node by vfork (or clone with CLONE_VFORK), which Node itself never uses.
    "fork": (57, None),
}  # fmt: skip
# These pass their flags in memory, which a filter can't read. The C library and libuv fall back on older calls.
ABSENT: Final[Mapping[str, Numbers]] = {"clone3": (435, 435), "openat2": (437, 437), "io_uring_setup": (425, 425)}
# These are refused by their flags: clone makes a thread or a process, open and openat read or write. The keys of OPEN
# are the positions of the flags among the arguments.
CLONE: Final[Numbers] = (56, 220)
OPEN: Final[Mapping[int, Numbers]] = {1: (2, None), 2: (257, 56)}
CLONE_VFORK, CLONE_THREAD = 0x4000, 0x10000
O_ACCMODE, O_CREAT, O_TRUNC = 0o3, 0o100, 0o1000
X32: Final = 0x40000000  # from here on, x86_64's numbers belong to another ABI (x32)

# linux/bpf_common.h, linux/seccomp.h, linux/prctl.h
LOAD, AND, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
NUMBER_AT, MACHINE_AT, ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data; an argument takes 8 bytes, its low half first
ALLOW, FAIL = 0x7FFF0000, 0x00050000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2

Result = TypeVar("Result")
INSTRUCTION: Final = struct.Struct("=HBBI")  # struct sock_filter
Instruction = tuple[int, int, int, int]  # operation, instructions to skip if true, and if false, operand


def write_filter(machine: str) -> list[Instruction]:
    """The seccomp filter for a machine, in classic BPF."""
    column = list(MACHINES).index(machine)
    refuse = (RETURN, 0, 0, FAIL | errno.EPERM)
    load_number = (LOAD, 0, 0, NUMBER_AT)

    def numbers(table: Mapping[str, Numbers]) -> list[int]:
        return [number for row in table.values() if (number := row[column]) is not None]

    def judged(number: int | None, argument: int, flags: int, *, refused_with: bool) -> Iterator[Instruction]:
        """Instructions that refuse a call with any of these flags, or, unless `refused_with`, one with none of them."""
        if number is None:
            return
        yield from [
            (IF_EQUAL, 0, 4, number),
            (LOAD, 0, 0, ARGUMENTS_AT + 8 * argument),
            (AND, 0, 0, flags),
            (IF_EQUAL, *((1, 0) if refused_with else (0, 1)), 0),
            refuse,
            load_number,
        ]

    written = [
        (LOAD, 0, 0, MACHINE_AT),
        (IF_EQUAL, 1, 0, MACHINES[machine]),
        refuse,  # a call by another architecture's numbers, such as the 32-bit ones
        load_number,
        (IF_AT_LEAST, 0, 1, X32),
        refuse,
    ]
    for number in numbers(REFUSED):
        written += [(IF_EQUAL, 0, 1, number), refuse]
    for number in numbers(ABSENT):
        written += [(IF_EQUAL, 0, 1, number), (RETURN, 0, 0, FAIL | errno.ENOSYS)]
    written += judged(CLONE[column], 0, CLONE_VFORK | CLONE_THREAD, refused_with=False)
    for argument, row in OPEN.items():
        written += judged(row[column], argument, O_ACCMODE | O_CREAT | O_TRUNC, refused_with=True)
    return [*written, (RETURN, 0, 0, ALLOW)]


@cache
def has_kernel_fence() -> bool:
    """Whether this machine's kernel accepts and enforces the filter; tried once, in a thread that then ends."""
    is_64_bit = sys.maxsize > 2**32  # a 32-bit Python on a 64-bit machine uses other numbers
    if platform.system() != "Linux" or platform.machine() not in MACHINES or not is_64_bit:
        return False

    def is_closed() -> bool:
        try:
            _close_in()
        except OSError:
            return False
        try:
            socket.socket(socket.AF_UNIX).close()
        except PermissionError:
            return True
        return False

    return _in_a_thread(is_closed)


def describe_fence() -> str:
    """How deployed functions are isolated on this machine, in words."""
    if has_kernel_fence():
        return "Node's permissions, and a seccomp filter for sockets, signals, processes and writing"
    return (
        "Node's permissions alone: this system has no seccomp filter, so a block in JavaScript closes network and "
        "signals, and that stops mistakes, not malice"
    )


def start_fenced(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, with the filter if the kernel has it.

    Options are Popen's. DEVNULL is not among them: the thread with the filter could not open it for writing.
    """

    def start() -> subprocess.Popen[bytes]:
        if is_fenced:
            _close_in()
        return subprocess.Popen(command, start_new_session=True, **options)

    is_fenced = has_kernel_fence()
    return _in_a_thread(start)


def _close_in() -> None:
    """Install the filter on this thread, for good; raises OSError if the kernel does not accept it."""
    # struct sock_fprog: the number of struct sock_filter, and their address.
    code = ctypes.create_string_buffer(_compiled_filter())
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // INSTRUCTION.size, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    for option, *arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0),
    ):
        if libc.prctl(option, *arguments):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@cache
def _compiled_filter() -> bytes:
    return b"".join(INSTRUCTION.pack(*one) for one in write_filter(platform.machine()))


def _in_a_thread(work: Callable[[], Result]) -> Result:
    with ThreadPoolExecutor(1, "rehearsal fence") as alone:
        return alone.submit(work).result()
