"""What a machine computes with: by this a measurement made here is known again."""

from __future__ import annotations

import hashlib
import platform

__all__ = ["instructions", "processor"]


def processor() -> str:
    """The processor's name, or what the system says instead."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def instructions() -> str:
    """A hash of what the processor can do: virtual machines hide parts of it under one name."""
    flags = _cpuinfo("flags") or _cpuinfo("Features")
    return hashlib.sha256(" ".join(sorted(flags.split())).encode()).hexdigest()[:16]


def _cpuinfo(name: str) -> str:
    """The first value of a line of Linux' /proc/cpuinfo; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a kernel's file
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip()
    except OSError:
        return ""
    return ""
