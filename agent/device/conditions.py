"""How the device feels at this moment, from what Linux shows of temperatures, clocks, load and memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from agent.device.files import folders, line_of, memory_field, number_of, text_of
from agent.wire.conditions import ClockRate, Conditions, Temperature

MOST_SENSORS = 200
MOST_CLOCKS = 1_024


def allowed_cores() -> tuple[int, ...]:
    """The numbers of the cores that this process may use, ascending; empty where the system does not tell (macOS)."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0)))


def read_conditions(root: Path = Path("/"), *, cores: Callable[[], tuple[int, ...]] = allowed_cores) -> Conditions:
    """The conditions now. What cannot be read is named in ``gaps``; nothing is raised.

    Args:
        root: where ``proc`` and ``sys`` are found.
        cores: what tells the cores that this process may use.
    """
    temperatures = (*_thermal_zones(root), *_hardware_monitors(root))[:MOST_SENSORS]
    clocks = _clocks(root)[:MOST_CLOCKS]
    governor = _governor(root)
    load = _load(root)
    memory = memory_field(root, "MemAvailable")
    allowed = cores()
    found = {
        "temperature: no readable sensor in /sys/class/thermal or /sys/class/hwmon": bool(temperatures),
        "clocks: no readable rate in /sys/devices/system/cpu/cpufreq": bool(clocks),
        "governor: none in /sys/devices/system/cpu/cpufreq": governor is not None,
        "throttling: this device has no throttle flags that the agent can read": False,
        "cores: the system does not tell which may be used": bool(allowed),
        "load: /proc/loadavg is not readable": load is not None,
        "memory: /proc/meminfo does not tell MemAvailable": memory is not None,
    }
    return Conditions(
        temperatures=temperatures,
        clocks=clocks,
        governor=governor,
        cores_allowed=allowed,
        load=load,
        memory_available_bytes=memory,
        gaps=tuple(gap for gap, is_there in found.items() if not is_there),
    )


def _thermal_zones(root: Path) -> tuple[Temperature, ...]:
    """Zones of the kernel's thermal framework, named by their type, in millidegrees."""
    found = []
    for zone in folders(root / "sys/class/thermal", "thermal_zone*"):
        sensor = text_of(zone / "type") or zone.name
        found.append(_temperature(f"{zone.name} {sensor}", number_of(zone / "temp")))
    return tuple(temperature for temperature in found if temperature is not None)


def _hardware_monitors(root: Path) -> tuple[Temperature, ...]:
    """Sensors of hwmon chips, named by chip and label, in millidegrees."""
    found = []
    for chip in folders(root / "sys/class/hwmon", "hwmon*"):
        chip_name = text_of(chip / "name") or "chip"
        for file in folders(chip, "temp*_input"):
            label = text_of(chip / file.name.replace("_input", "_label")) or file.name.removesuffix("_input")
            found.append(_temperature(f"{chip.name} {chip_name} {label}", number_of(file)))
    return tuple(temperature for temperature in found if temperature is not None)


def _temperature(sensor: str, millidegrees: int | None) -> Temperature | None:
    # Sensors that are switched off report absurd values such as -274000.
    if millidegrees is None or not -100_000 <= millidegrees <= 300_000:
        return None
    return Temperature(sensor=line_of(sensor), celsius=millidegrees / 1000)


def _policies(root: Path) -> tuple[Path, ...]:
    """The groups of cores that share a clock."""
    return folders(root / "sys/devices/system/cpu/cpufreq", "policy*")


def _clocks(root: Path) -> tuple[ClockRate, ...]:
    rates = []
    for policy in _policies(root):
        mhz = _mhz(policy / "scaling_cur_freq")
        if mhz is not None:
            rates.append(
                ClockRate(
                    domain=line_of(f"cpu {policy.name}"),
                    mhz=mhz,
                    min_mhz=_mhz(policy / "scaling_min_freq"),
                    max_mhz=_mhz(policy / "scaling_max_freq"),
                )
            )
    return tuple(rates)


def _mhz(path: Path) -> float | None:
    khz = number_of(path)
    return khz / 1000 if khz is not None and 0 <= khz <= 100_000_000 else None


def _governor(root: Path) -> str | None:
    """The governor of all clock domains, several joined by commas where they differ."""
    governors = {text_of(policy / "scaling_governor") for policy in _policies(root)} - {None}
    return line_of(", ".join(sorted(governor for governor in governors if governor))) or None


def _load(root: Path) -> float | None:
    """Mean number of running tasks over the last minute."""
    words = (text_of(root / "proc/loadavg") or "").split()
    try:
        load = float(words[0])
    except (IndexError, ValueError):
        return None
    return load if 0 <= load <= 1_000_000 else None
