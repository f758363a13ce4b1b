"""The checks of ``stepfarm-agent doctor``: is this machine fit to measure?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from agent.device.conditions import read_conditions
from agent.device.probe import Probed, probe_import
from agent.wire.conditions import Conditions

OLDEST_PYTHON = (3, 10)
LEAST_MEMORY_BYTES = 500 * 1024**2
"""torch and a small model take about this much."""
MOST_LOAD_A_CORE = 0.3
STEADY_GOVERNORS = {"performance", "userspace"}


class Status(str, Enum):
    """How a check came out. A problem prevents measuring, a warning makes measurements worse."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: what was ``found`` and, where that is not well, what to do."""

    name: str
    status: Status
    found: str
    advice: str = ""


def checks(
    root: Path = Path("/"),
    *,
    probe: Callable[[str], Probed] = probe_import,
    python: tuple[int, ...] = tuple(sys.version_info[:3]),
    cores: Callable[[], int | None] = os.cpu_count,
    conditions: Conditions | None = None,
) -> tuple[Check, ...]:
    """All checks, in the order to read them.

    Args:
        root: where ``proc`` and ``sys`` are found.
        probe: what finds out whether a package can be imported.
        python: the version of this Python.
        cores: what counts the cores of the machine.
        conditions: how the device feels; read from ``root`` where it is None.
    """
    # Before the probes: importing torch is load of our own making.
    now = conditions if conditions is not None else read_conditions(root)
    torch, timm = probe("torch"), probe("timm")
    return (
        _python(python),
        _package("torch", torch),
        _package("timm", timm),
        _memory(now),
        _cores(now, cores()),
        _load(now),
        _governor(now),
        _temperature(now),
    )


def _python(version: tuple[int, ...]) -> Check:
    found = ".".join(str(part) for part in version)
    if version >= OLDEST_PYTHON:
        return Check(name="python", status=Status.OK, found=found)
    oldest = ".".join(str(part) for part in OLDEST_PYTHON)
    return Check(name="python", status=Status.PROBLEM, found=found, advice=f"Install Python {oldest} or newer.")


def _package(name: str, probed: Probed) -> Check:
    if probed.version is not None:
        return Check(name=name, status=Status.OK, found=probed.version)
    advice = "Install it with: pip install stepfarm[torch] (or from the device's own packages)."
    if probed.illegal_instruction:
        advice = f"The installed build does not fit this processor: install another version of {name}."
    return Check(name=name, status=Status.PROBLEM, found=probed.complaint, advice=advice)


def _memory(now: Conditions) -> Check:
    if now.memory_available_bytes is None:
        return Check(
            name="memory",
            status=Status.WARNING,
            found="the system does not tell how much is free",
            advice="Start with small models: a measurement that runs out of memory is ended.",
        )
    found = f"{now.memory_available_bytes / 1024**2:.0f} MiB free"
    if now.memory_available_bytes >= LEAST_MEMORY_BYTES:
        return Check(name="memory", status=Status.OK, found=found)
    advice = f"Close other programs: a small model needs about {LEAST_MEMORY_BYTES / 1024**2:.0f} MiB."
    return Check(name="memory", status=Status.WARNING, found=found, advice=advice)


def _cores(now: Conditions, there_are: int | None) -> Check:
    if not now.cores_allowed or there_are is None:
        found = "the system does not tell which cores may be used"
        return Check(name="cores", status=Status.OK, found=found)
    found = f"{len(now.cores_allowed)} of {there_are} may be used"
    if len(now.cores_allowed) >= there_are:
        return Check(name="cores", status=Status.OK, found=found)
    return Check(
        name="cores",
        status=Status.WARNING,
        found=found,
        advice="Fine if you mean it. Otherwise lift the limit (taskset, cgroup; on a phone keep Termux in front).",
    )


def _load(now: Conditions) -> Check:
    if now.load is None:
        return Check(name="load", status=Status.OK, found="the system does not tell its load")
    found = f"{now.load:.2f} running tasks in the last minute"
    if now.load <= MOST_LOAD_A_CORE * max(1, len(now.cores_allowed)):
        return Check(name="load", status=Status.OK, found=found)
    advice = "Stop other work on the device while it measures: readings taken beside it are rejected."
    return Check(name="load", status=Status.WARNING, found=found, advice=advice)


def _governor(now: Conditions) -> Check:
    if now.governor is None:
        return Check(
            name="governor",
            status=Status.WARNING,
            found="clocks cannot be seen on this device",
            advice="Nothing to do; drift is watched by repeating one token count.",
        )
    if set(now.governor.split(", ")) <= STEADY_GOVERNORS:
        return Check(name="governor", status=Status.OK, found=now.governor)
    return Check(
        name="governor",
        status=Status.WARNING,
        found=now.governor,
        advice="Clocks move with the load. For steadier curves, as root: cpupower frequency-set -g performance",
    )


def _temperature(now: Conditions) -> Check:
    if not now.temperatures:
        return Check(
            name="temperature",
            status=Status.WARNING,
            found="no sensor can be read",
            advice="Nothing to do; heat is inferred from repeating one token count.",
        )
    hottest = max(now.temperatures, key=lambda temperature: temperature.celsius)
    found = f"{hottest.celsius:.0f} C at {hottest.sensor}, the hottest of {len(now.temperatures)} sensors"
    return Check(name="temperature", status=Status.OK, found=found)
