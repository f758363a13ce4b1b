"""A Linux PC or server: how its processor is driven, and how often heat throttled it.

Sources: Documentation/admin-guide/pm/intel_pstate and amd-pstate, admin-guide/thermal/intel_thermal_throttle and
ABI/testing/sysfs-platform_profile of the Linux kernel.
"""

from __future__ import annotations

from pathlib import Path

from agent.device.files import folders, number_of, text_of
from agent.device.processors import cpuinfo
from agent.device.sensed import Sensed, counter

CPU = "sys/devices/system/cpu"


def sense_linux(root: Path) -> Sensed:
    """How the processor is driven, and the counters of its thermal throttling."""
    power = _drivers(root)
    counters = (
        *counter("core thermal throttles", _throttles(root, "core_throttle_count")),
        *counter("package thermal throttles", _throttles(root, "package_throttle_count")),
    )
    gaps = {
        f"power mode: /{CPU} has neither intel_pstate, amd_pstate nor boost": not power,
        f"throttling: no core counts its thermal throttles in /{CPU} (Intel's do, outside virtual machines)": (
            not counters
        ),
    }
    return Sensed(power=power, counters=counters, gaps=tuple(gap for gap, missing in gaps.items() if missing))


def turbo_of(root: Path) -> bool | None:
    """Whether the processor may exceed its base clock, None where it does not tell."""
    no_turbo, boost = number_of(root / CPU / "intel_pstate/no_turbo"), number_of(root / CPU / "cpufreq/boost")
    if no_turbo is not None:
        return no_turbo == 0
    return None if boost is None else boost == 1


def hardware_of(root: Path) -> str | None:
    """The maker's name of the machine, from its firmware; of a virtual machine at least that it is one."""
    named = [text_of(root / f"sys/class/dmi/id/{part}") for part in ("sys_vendor", "product_name")]
    known = " ".join(part for part in named if part) or text_of(root / "proc/device-tree/model")
    if is_virtual(root):
        return f"{known} (virtual machine)" if known else "virtual machine"
    return known


def is_virtual(root: Path) -> bool:
    """Whether an x86 processor says that a hypervisor stands between it and us."""
    return any("hypervisor" in core.get("flags", "").split() for core in cpuinfo(root)[:1])


def _drivers(root: Path) -> tuple[str, ...]:
    """What decides about the clocks: driver, turbo and profile."""
    told = []
    for driver in ("intel_pstate", "amd_pstate"):
        status = text_of(root / CPU / driver / "status")
        if status is not None:
            told.append(f"{driver} {status}")
    turbo = turbo_of(root)
    if turbo is not None:
        told.append("turbo on" if turbo else "turbo off")
    profile = text_of(root / "sys/firmware/acpi/platform_profile")
    if profile is not None:
        told.append(f"profile {profile}")
    return tuple(told)


def _throttles(root: Path, name: str) -> int | None:
    counts = [number_of(core / "thermal_throttle" / name) for core in folders(root / CPU, "cpu[0-9]*")]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
