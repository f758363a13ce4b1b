"""The checks of ``stepfarm-agent doctor``: is this machine fit to measure, and what would make it better?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from agent.clock import SystemClock
from agent.device import advice
from agent.device.checks import Check, Status
from agent.device.commands import RunCommand, UntilItFails, run_command
from agent.device.conditions import read_conditions
from agent.device.describe import installed_version
from agent.device.jetson import power_modes
from agent.device.linux import turbo_of
from agent.device.noise import Noise, check_noise, noise_now
from agent.device.package_checks import check_architecture, check_onnxruntime, check_package, check_python
from agent.device.probe import Probed, probe_import
from agent.device.recognise import recognise
from agent.device.sysfs import fastest_of_cores
from agent.measure.gauge import ThreadGauge
from agent.measure.turn import Turn
from agent.wire.conditions import Conditions
from agent.wire.enrolment import DeviceKind

__all__ = ["Check", "Status", "checks"]

BITS = 64 if sys.maxsize > 2**32 else 32


def checks(
    root: Path = Path("/"),
    *,
    kind: DeviceKind | None = None,
    run: RunCommand = run_command,
    probe: Callable[[str], Probed] = probe_import,
    installed: Callable[[str], str | None] = installed_version,
    python: tuple[int, ...] = tuple(sys.version_info[:3]),
    bits: int = BITS,
    cores: Callable[[], int | None] = os.cpu_count,
    conditions: Conditions | None = None,
    noise: Callable[[], Noise | None] = lambda: noise_now(SystemClock(), ThreadGauge(), Turn()),
) -> tuple[Check, ...]:
    """All checks, in the order to read them.

    Args:
        root: where ``proc`` and ``sys`` are found.
        kind: what sort of device this is; recognised where it is None.
        run: what asks the system's own programs.
        probe: what finds out whether a package works.
        installed: what tells the installed version of a package without an import.
        python: the version of this Python.
        bits: the width of its addresses.
        cores: what counts the cores of the machine.
        conditions: how the device feels; read from ``root`` where it is None.
        noise: what times the same work for a second.
    """
    kernel = os.uname()
    known = kind or recognise(root, env=os.environ, system=kernel.sysname)
    # Before the probes: importing torch is load of our own making.
    now = conditions if conditions is not None else read_conditions(root, run=UntilItFails(run), kind=known)
    onnxruntime = probe("onnxruntime")
    without_torch = onnxruntime.version is not None
    noise_seen = noise()
    found = (
        check_python(python),
        check_architecture(kernel.machine, bits, known),
        *(
            check_package(name, probe(name), known, installed(name), onnxruntime=without_torch)
            for name in ("torch", "timm")
        ),
        check_onnxruntime(onnxruntime, known, installed("onnxruntime")),
        advice.check_memory(now),
        advice.check_cores(now, cores()),
        advice.check_core_speed(now, fastest_of_cores(root)),
        advice.check_quota(now),
        advice.check_load(now),
        check_noise(noise_seen),
        advice.check_governor(now, known),
        advice.check_temperature(now),
        advice.check_throttling(now),
        *_of_kind(known, root, now),
    )
    return tuple(check for check in found if check is not None)


def _of_kind(kind: DeviceKind, root: Path, now: Conditions) -> tuple[Check | None, ...]:
    if kind is DeviceKind.JETSON:
        return advice.check_power_mode(now, power_modes(root)), advice.check_gpu_clock(now)
    if kind is DeviceKind.TERMUX:
        return advice.check_foreground(now), advice.check_battery(now), advice.check_wake_lock()
    if kind is DeviceKind.LINUX:
        return (advice.check_turbo(turbo_of(root)),)
    return ()
