"""The machine that a figure was measured on, in one line."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil


def describe_machine() -> str:
    """Processor, cores, memory, system, and the versions that matter most."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("twilio", "pandas", "pyarrow"))
    load = f"load {os.getloadavg()[0]:.1f} when it began" if hasattr(os, "getloadavg") else ""
    python = f"Python {platform.python_version()}"
    cores = f"{os.cpu_count()} cores"
    return "; ".join(filter(None, (_processor(), cores, f"{memory:.0f} GB", system, python, libraries, load)))


def _processor() -> str:
    """What the system calls its processor."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
