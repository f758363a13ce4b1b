"""How many cores a measurement may use."""

from __future__ import annotations

import os


def cores_allowed() -> int:
    """How many cores this process may use: what a runtime computes with where nobody asks for fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
