"""What every Linux kernel shows of heat, clocks, cores and load, in the way of its documentation.

Sources: Documentation/driver-api/thermal/sysfs-api, hwmon/sysfs-interface, admin-guide/pm/cpufreq and
filesystems/proc of the Linux kernel.
"""

from __future__ import annotations

from pathlib import Path

from agent.device.files import absence_of, folders, line_of, number_of, text_of, whole_number
from agent.device.sensed import Sensed, clock, temperature
from agent.wire.conditions import ClockRate, Temperature

POLICIES = "sys/devices/system/cpu/cpufreq"
ZONES = "sys/class/thermal"
COOLERS = ("cpufreq-", "thermal-cpufreq-", "devfreq-", "thermal-devfreq-")
"""What the kernel slows down against heat. Fans are coolers too, and slow nothing."""

MOST_CORE = 65_535


def heat_and_clocks(root: Path) -> Sensed:
    """Temperatures, clocks of the cores, and what the kernel slows down against heat at this moment."""
    clocks = _core_clocks(root)
    return Sensed(
        temperatures=(*_thermal_zones(root), *_hardware_monitors(root)),
        clocks=clocks,
        throttled=_active_coolers(root),
        gaps=() if clocks else (f"clocks: /{POLICIES} {absence_of(root / POLICIES)}",),
    )


def no_temperature(root: Path) -> str:
    """Why the kernel tells no temperature."""
    return f"/{ZONES} {absence_of(root / ZONES)}, and there is no sensor in /sys/class/hwmon"


def governor_of(root: Path) -> str | None:
    """The governor of all groups of cores, several joined by commas where they differ."""
    governors = {text_of(policy / "scaling_governor") for policy in _policies(root)} - {None}
    return line_of(", ".join(sorted(governor for governor in governors if governor))) or None


def load_of(root: Path) -> float | None:
    """Mean number of tasks that ran or wanted to over the last minute."""
    words = (text_of(root / "proc/loadavg") or "").split()
    try:
        load = float(words[0])
    except (IndexError, ValueError):
        return None
    return load if 0 <= load <= 1_000_000 else None


def cores_allowed(root: Path) -> tuple[int, ...]:
    """The numbers of the cores that this process may use, ascending; empty where the system does not tell."""
    for line in (text_of(root / "proc/self/status") or "").splitlines():
        name, _, listed = line.partition(":")
        if name == "Cpus_allowed_list":
            allowed = cores_in(listed)
            # The list may name cores that the machine could have, and has not.
            there = set(cores_in(text_of(root / "sys/devices/system/cpu/online") or ""))
            return tuple(core for core in allowed if core in there) if there else allowed
    return ()


def cores_in(listed: str) -> tuple[int, ...]:
    """The numbers in a list as the kernel writes it, "0-3,8"; empty where it is none."""
    cores: set[int] = set()
    for span in listed.split(","):
        first, _, last = span.strip().partition("-")
        low, high = whole_number(first), whole_number(last or first)
        if low is None or high is None or not 0 <= low <= high <= MOST_CORE:
            return ()
        cores.update(range(low, high + 1))
    return tuple(sorted(cores))


def fastest_of_cores(root: Path) -> dict[int, float]:
    """The highest rate in MHz that the hardware of each core can reach, by the core's number."""
    found = {}
    for core in folders(root / "sys/devices/system/cpu", "cpu[0-9]*"):
        number, khz = whole_number(core.name.removeprefix("cpu")), number_of(core / "cpufreq/cpuinfo_max_freq")
        if number is not None and khz is not None and khz > 0:
            found[number] = khz / 1000
    return found


def _thermal_zones(root: Path) -> tuple[Temperature, ...]:
    """Zones of the kernel's thermal framework, named by their type."""
    found: list[Temperature] = []
    for zone in folders(root / ZONES, "thermal_zone*"):
        sensor = text_of(zone / "type") or ""
        found += temperature(f"{zone.name} {sensor}", _celsius(zone / "temp"))
    return tuple(found)


def _hardware_monitors(root: Path) -> tuple[Temperature, ...]:
    """Sensors of hwmon chips, named by chip and label."""
    found: list[Temperature] = []
    for chip in folders(root / "sys/class/hwmon", "hwmon*"):
        chip_name = text_of(chip / "name") or "chip"
        for file in folders(chip, "temp*_input"):
            label = text_of(chip / file.name.replace("_input", "_label")) or file.name.removesuffix("_input")
            found += temperature(f"{chip.name} {chip_name} {label}", _celsius(file))
    return tuple(found)


def _celsius(file: Path) -> float | None:
    millidegrees = number_of(file)
    return None if millidegrees is None else millidegrees / 1000


def _active_coolers(root: Path) -> tuple[str, ...]:
    """What is slowed down at this moment, by the type of the cooling device, in the order of their numbers."""
    active: dict[str, None] = {}
    for cooler in folders(root / ZONES, "cooling_device*"):
        kind = text_of(cooler / "type") or ""
        if _slows_down(kind) and (number_of(cooler / "cur_state") or 0) > 0:
            active[line_of(f"slowed down against heat: {kind}")] = None
    return tuple(active)


def _slows_down(kind: str) -> bool:
    # "Processor" is ACPI's name; the alerts are NVIDIA's, for Jetsons.
    return (
        kind in ("Processor", "intel_powerclamp")
        or kind.startswith(COOLERS)
        or kind.endswith(("-throttle-alert", "hot-surface-alert"))
    )


def _policies(root: Path) -> tuple[Path, ...]:
    """The groups of cores that share a clock."""
    return folders(root / POLICIES, "policy*")


def _core_clocks(root: Path) -> tuple[ClockRate, ...]:
    rates: list[ClockRate] = []
    for policy in _policies(root):
        now, low, high = (_hz(policy / f"scaling_{name}_freq") for name in ("cur", "min", "max"))
        rates += clock(f"cpu {policy.name}", now, lowest_hz=low, highest_hz=high)
    return tuple(rates)


def _hz(file: Path) -> int | None:
    khz = number_of(file)
    return None if khz is None else khz * 1000
