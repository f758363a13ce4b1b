"""How the device feels at this moment: what its kind of device tells, made into one message that the wire takes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from agent.device.commands import RunCommand, run_command
from agent.device.control_groups import cores_quota, throttled_periods
from agent.device.files import absence_of, line_of, memory_field
from agent.device.jetson import sense_jetson
from agent.device.linux import sense_linux
from agent.device.nvidia import sense_gpus
from agent.device.raspberry_pi import sense_raspberry_pi
from agent.device.recognise import recognise
from agent.device.sensed import Sensed, counter
from agent.device.sysfs import cores_allowed, governor_of, heat_and_clocks, load_of, no_temperature
from agent.device.termux import scheduling_group, sense_termux
from agent.wire.conditions import Conditions
from agent.wire.enrolment import DeviceKind

MOST_COMMANDS = 3
"""A reading of the conditions runs at most so many commands, each within `commands.LONGEST_S`."""

MOST_SENSORS = 200
MOST_CLOCKS = 1_024
MOST_FLAGS = 32
MOST_COUNTERS = 64
MOST_GAPS = 100
MOST_CORES_QUOTA = 65_536


def read_conditions(
    root: Path = Path("/"),
    *,
    run: RunCommand = run_command,
    kind: DeviceKind | None = None,
    gpu: bool = True,
) -> Conditions:
    """The conditions now. What cannot be read is named in ``gaps``, with the reason; nothing is raised.

    It takes milliseconds, and where commands must be asked up to some seconds: never call it while something is timed.

    Args:
        root: where ``proc`` and ``sys`` are found.
        run: what asks the system's own programs; one that remembers failures saves their time.
        kind: what sort of device this is; recognised where it is None.
        gpu: whether GPUs beside the processor are asked; what runs on the processor alone does not feel them.
    """
    known = kind or recognise(root, env=os.environ, system=os.uname().sysname)
    common = heat_and_clocks(root)
    parts = (common, *_of_kind(known, root, run, common, gpu=gpu), _of_groups(root))
    governor, load, cores = governor_of(root), load_of(root), cores_allowed(root)
    memory, quota = memory_field(root, "MemAvailable"), cores_quota(root)
    temperatures = tuple(one for part in parts for one in part.temperatures)
    absent = {
        f"temperature: {no_temperature(root)}": not temperatures,
        "governor: none in /sys/devices/system/cpu/cpufreq": governor is None,
        f"cores: /proc/self/status {absence_of(root / 'proc/self/status')}": not cores,
        f"load: /proc/loadavg {absence_of(root / 'proc/loadavg')}": load is None,
        f"memory: /proc/meminfo {absence_of(root / 'proc/meminfo')}": memory is None,
    }
    return Conditions(
        temperatures=temperatures[:MOST_SENSORS],
        clocks=tuple(one for part in parts for one in part.clocks)[:MOST_CLOCKS],
        governor=governor,
        power_mode=line_of(", ".join(one for part in parts for one in part.power)) or None,
        throttled=_lines((one for part in parts for one in part.throttled), MOST_FLAGS),
        counters=tuple({one.name: one for part in parts for one in part.counters}.values())[:MOST_COUNTERS],
        cores_allowed=cores,
        cores_quota=quota if quota is not None and quota <= MOST_CORES_QUOTA else None,
        group=scheduling_group(root) if known is DeviceKind.TERMUX else None,
        load=load,
        memory_available_bytes=memory,
        gaps=_lines(
            (*(gap for part in parts for gap in part.gaps), *(gap for gap, missing in absent.items() if missing)),
            MOST_GAPS,
        ),
    )


def _of_kind(kind: DeviceKind, root: Path, run: RunCommand, common: Sensed, *, gpu: bool) -> tuple[Sensed, ...]:
    """What this kind of device tells beyond what every kernel shows."""
    if kind is DeviceKind.JETSON:
        return (sense_jetson(root, run),)
    if kind is DeviceKind.RASPBERRY_PI:
        return (sense_raspberry_pi(root, run, has_temperature=bool(common.temperatures)),)
    if kind is DeviceKind.TERMUX:
        return (sense_termux(root, run, has_temperature=bool(common.temperatures)),)
    if kind is DeviceKind.LINUX:
        return (sense_linux(root), *((sense_gpus(root, run),) if gpu else ()))
    return (Sensed(gaps=(f"throttling: nothing is read of it on {kind.value}",)),)


def _of_groups(root: Path) -> Sensed:
    return Sensed(counters=counter("periods stopped by the cpu quota", throttled_periods(root)))


def _lines(texts: Iterable[str], most: int) -> tuple[str, ...]:
    """The texts as the wire takes them: each on one line, each once."""
    return tuple(dict.fromkeys(line_of(text) for text in texts))[:most]
