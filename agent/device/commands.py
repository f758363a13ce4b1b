"""Asking the system's own small programs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

RunCommand = Callable[[Sequence[str]], "str | None"]
"""Runs a command; what it printed, or None where it is missing, fails or takes too long."""

LONGEST_S = 10.0


def run_command(command: Sequence[str]) -> str | None:
    """What ``command`` printed, without surrounding blanks; None where it is missing, fails or takes too long."""
    try:
        done = subprocess.run(
            list(command), capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=LONGEST_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return done.stdout.decode(errors="replace").replace("\x00", "").strip() or None
