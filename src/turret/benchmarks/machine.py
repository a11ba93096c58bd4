"""The machine that figures were taken on: none means anything without it."""

import os
import platform
from pathlib import Path

from turret.cores import cores

__all__ = ["available_bytes", "machine"]


def machine() -> dict[str, object]:
    """Describe the machine and how busy it is now.

    Returns:
        What JSON can hold: the processor (`cpu`), the `cores` this process may use, `memory_gb`,
        the `system`, and `load`, the average number of busy processes over the last minute, None
        where the system does not say.
    """
    return {
        "cpu": _processor(),
        "cores": cores(),
        "memory_gb": _memory_gb(),
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def available_bytes() -> int | None:
    """Memory that can be taken without pushing anything out; None where the system does not say."""
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    return round(total / 2**30, 1)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
