"""An Android phone under Termux: what an app may know of the phone that it runs on.

Sources: Termux wiki, "Termux:API" and "termux-battery-status"; android.os.Build for the names of properties; Android
documentation, "Cached apps and cpusets"; ABI/testing/sysfs-class-power of the Linux kernel.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from agent.device.commands import RunCommand
from agent.device.control_groups import group_of
from agent.device.files import line_of, number_of
from agent.device.sensed import Sensed, temperature
from agent.device.sysfs import no_temperature

BATTERY_STATUS = ("termux-battery-status",)
BATTERY_FILE = "sys/class/power_supply/battery/temp"
IN_FRONT = ("top-app", "foreground")


def sense_termux(root: Path, run: RunCommand, *, has_temperature: bool) -> Sensed:
    """Heat and charge of the battery. Android shows an app neither throttle flags nor, mostly, other sensors.

    Args:
        root: where ``proc`` and ``sys`` are found.
        run: what asks Termux:API.
        has_temperature: whether the kernel told one of the chip; the battery's follows it late.
    """
    battery, complaint = _battery(run)
    celsius = _number(battery.get("temperature"))
    if celsius is None:
        tenths = number_of(root / BATTERY_FILE)
        celsius = None if tenths is None else tenths / 10
    gaps = {
        f"chip temperature: {no_temperature(root)}": celsius is not None and not has_temperature,
        f"battery: {complaint}": bool(complaint),
        "foreground: /proc/self/cgroup names no cpuset": scheduling_group(root) is None,
        "throttling: Android tells an app nothing of it; it is inferred from repeating one token count": True,
    }
    too_hot = battery.get("health") == "OVERHEAT"
    return Sensed(
        temperatures=temperature("battery", celsius),
        power=_charge(battery),
        throttled=("battery overheated",) if too_hot else (),
        gaps=tuple(gap for gap, missing in gaps.items() if missing),
    )


def scheduling_group(root: Path) -> str | None:
    """The group that Android put the process into: top-app, foreground, background ...; None where it is not told."""
    group = group_of(root, "cpuset")
    return None if group is None else line_of(group.strip("/")) or "root"


def properties_of(run: RunCommand) -> tuple[dict[str, str], str]:
    """Android's properties by their names, or none and why. One command tells them all."""
    answer = run(("getprop",))
    found = dict(re.findall(r"^\[([^\]\n]+)\]: \[([^\]\n]*)\]", answer.text or "", re.MULTILINE))
    return found, "" if found else answer.complaint or "getprop printed no property"


def hardware_of(properties: dict[str, str]) -> str | None:
    """Maker and model: "Google Pixel 8"."""
    named = (properties.get(f"ro.product.{part}") for part in ("manufacturer", "model"))
    return " ".join(part for part in named if part) or None


def chip_of(properties: dict[str, str]) -> str | None:
    """The system on a chip: "Google Tensor G3"; before Android 12 only the code name of its platform."""
    named = (properties.get(f"ro.soc.{part}") for part in ("manufacturer", "model"))
    return " ".join(part for part in named if part) or properties.get("ro.board.platform") or None


def android_of(properties: dict[str, str]) -> str | None:
    """The version of Android: "Android 15"."""
    version = properties.get("ro.build.version.release")
    return f"Android {version}" if version else None


def _battery(run: RunCommand) -> tuple[dict[str, Any], str]:
    """What Termux:API tells of the battery, or nothing and why. Without its app the command hangs or prints nothing."""
    answer = run(BATTERY_STATUS)
    if answer.text is None:
        return {}, f"{answer.complaint}; it needs the package termux-api and the app Termux:API"
    try:
        told = json.loads(answer.text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return {}, f"termux-battery-status printed {answer.text[:80]!r}"
    complaint = "" if _number(told.get("temperature")) is not None else "termux-battery-status tells no temperature"
    return told, complaint


def _number(value: object) -> float | None:
    # Its versions differ: some print the temperature as a text.
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def _charge(battery: dict[str, Any]) -> tuple[str, ...]:
    """Where the power comes from, and how full the battery is."""
    plugged, percentage = battery.get("plugged"), _number(battery.get("percentage"))
    told = []
    if isinstance(plugged, str):
        told.append("on battery" if plugged == "UNPLUGGED" else plugged.lower().replace("_", " ")[:40])
    if percentage is not None and 0 <= percentage <= 100:
        told.append(f"battery {percentage:.0f} %")
    return tuple(told)
