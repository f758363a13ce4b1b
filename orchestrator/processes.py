"""The processes of this machine: who started whom, and whether one is still the one that it was.

A number alone names no process: numbers are given again. With the moment of its start it does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
BOOT_ID = PROC / "sys/kernel/random/boot_id"
GONE = ("Z", "X")
"""States of a process that has ended and that nobody has asked after yet."""


@dataclass(frozen=True, slots=True, order=True)
class Process:
    """A process: its number, and when it started, in words that no later process with that number has."""

    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A living process and the number of the one that started it, or that took it over."""

    process: Process
    parent: int


def living() -> dict[int, Seen]:
    """Every living process of this machine by its number."""
    return _from_proc() if sys.platform == "linux" else from_ps()


def descendants(of: Iterable[int], among: Mapping[int, Seen]) -> set[Process]:
    """What the processes with these numbers have started, directly or not, without themselves."""
    found = set(of)
    begun = frozenset(found)
    while more := {pid for pid, seen in among.items() if seen.parent in found} - found:
        found |= more
    return {among[pid].process for pid in found - begun}


def tell(process: Process, number: signal.Signals) -> None:
    """Send a signal to ``process`` if it lives, and to no other that has its number now.

    Raises:
        PermissionError: it belongs to somebody else.
    """
    found = living().get(process.pid) if sys.platform != "linux" else _look(process.pid, _boot())
    if found is not None and found.process == process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _from_proc() -> dict[int, Seen]:
    boot = _boot()
    seen = (_look(int(entry.name), boot) for entry in PROC.iterdir() if entry.name.isdigit())
    return {one.process.pid: one for one in seen if one is not None}


def _boot() -> str:
    # The start is counted from the boot, so that the same count comes again after another boot.
    return BOOT_ID.read_text(encoding="ascii").strip()


def _look(pid: int, boot: str) -> Seen | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # proc(5): after the name, which may hold spaces and brackets, come state (3), parent (4) ... start (22).
    state, parent, *rest = text.rpartition(")")[2].split()
    return None if state in GONE else Seen(Process(pid, f"{boot} {rest[17]}"), int(parent))


def from_ps() -> dict[int, Seen]:
    """Every living process as ``ps`` tells it, where there is no ``/proc`` as Linux has it."""
    # In one time zone and language, or the same moment reads differently tomorrow.
    told = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart="],  # noqa: S607  # wherever this system has it
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = {}
    for line in told.stdout.splitlines():
        pid, parent, state, started = line.split(maxsplit=3)
        if not state.startswith(GONE):
            found[int(pid)] = Seen(Process(int(pid), " ".join(started.split())), int(parent))
    return found
