"""A Jetson: what NVIDIA's Jetson Linux shows of the module, its power mode, its GPU and its throttling.

Sources: NVIDIA Jetson Linux Developer Guide r36 and r38, "Platform Power and Performance" (nvpmodel, jetson_clocks,
OC event counters, thermal alerts) and "Clocks".
"""

from __future__ import annotations

import re
from pathlib import Path

from agent.device.commands import RunCommand
from agent.device.files import absence_of, folders, number_of, text_of
from agent.device.sensed import Sensed, clock, counter
from agent.wire.conditions import ClockRate, Counter

RELEASE = "etc/nv_tegra_release"
MODES = "etc/nvpmodel.conf"
MODE_NOW = "var/lib/nvpmodel/status"
EMC = "sys/kernel/debug/bpmp/debug/clk/emc"
DEVFREQ = "sys/class/devfreq"

GPU_NAMES = re.compile(r"(\d+\.)?(gpu|ga10b|gv11b|gp10b|gm20b)(\.0)?|gpu-gpc-\d+")
"""17000000.gpu and 17000000.ga10b (Orin), 17000000.gv11b (Xavier), gpu-gpc-0 (Thor); gpu-nvd-0 is the video engine."""

OVER_CURRENT = {1: "under-voltage", 2: "average over-current", 3: "instantaneous over-current"}
"""What the three events of Orin (tegra234) mean; other modules number theirs otherwise."""

JETPACK_OF_L4T = {35: 5, 36: 6, 38: 7, 39: 7}
"""The JetPack that a major version of Jetson Linux (L4T) belongs to."""


def sense_jetson(root: Path, run: RunCommand) -> Sensed:
    """Power mode, the clocks of GPU and memory, and the counters of electrical throttling."""
    mode, why_no_mode = power_mode(root, run)
    gpu, emc, events = _gpu_clocks(root), _memory_clock(root), _over_current(root)
    gaps = {
        f"power mode: {why_no_mode}": mode is None,
        f"gpu clock: no GPU in /{DEVFREQ}, which {absence_of(root / DEVFREQ)}": not gpu,
        f"memory clock: /{EMC} {absence_of(root / EMC)}; root alone sees it": not emc,
        "throttling: no oc1, oc2 or oc3_event_cnt in /sys/class/hwmon": not events,
    }
    return Sensed(
        clocks=(*gpu, *emc),
        power=() if mode is None else (mode,),
        counters=events,
        gaps=tuple(gap for gap, missing in gaps.items() if missing),
    )


def hardware_of(root: Path) -> str | None:
    """The board's name with its module and chip, as the device tree tells: "... (p3701-0005, tegra234)"."""
    model = text_of(root / "proc/device-tree/model")
    compatible = _compatible(root)
    # "p3737-0000+p3701-0005" is a carrier board with a module, and the module decides about speed.
    modules = re.findall(r"\+(p\d{4}-\d{4})", compatible)
    parts = [*modules[:1], *re.findall(r"tegra\d{3}", compatible)[:1]]
    if not parts:
        return model
    return f"{model or 'NVIDIA Jetson'} ({', '.join(parts)})"


def release_of(root: Path, run: RunCommand) -> tuple[str | None, tuple[str, ...]]:
    """JetPack and Jetson Linux as one line, and the gaps: "JetPack 6.2+b77, L4T 36.4.3"."""
    l4t, gaps = _l4t(root), []
    if l4t is None:
        gaps.append(f"L4T: /{RELEASE} {absence_of(root / RELEASE)}")
    answer = run(("dpkg-query", "--show", "--showformat=${Version}", "nvidia-jetpack"))
    jetpack = next(iter((answer.text or "").split()), None)
    if jetpack is None:
        gaps.append(f"JetPack: {answer.complaint} (the package nvidia-jetpack tells its exact version)")
        major = JETPACK_OF_L4T.get(int(l4t.split(".")[0])) if l4t is not None else None
        jetpack = None if major is None else str(major)
    told = [f"JetPack {jetpack}" if jetpack else None, f"L4T {l4t}" if l4t else None]
    return ", ".join(part for part in told if part) or None, tuple(gaps)


def power_mode(root: Path, run: RunCommand) -> tuple[str | None, str]:
    """The power mode as "NAME (ID)", from nvpmodel or from the file that it keeps; or None, and why."""
    answer = run(("nvpmodel", "-q"))
    found = re.search(r"Power ?Mode: *(\S+)", answer.text or "")
    if found is not None:
        number = re.search(r"^ *(\d{1,4}) *$", answer.text or "", re.MULTILINE)
        return f"{found[1]} ({number[1]})" if number else found[1], ""
    # Without root nvpmodel may refuse, where the file that it writes can be read by all.
    kept = re.search(r"pmode:(\d{1,6})", text_of(root / MODE_NOW) or "")
    if kept is not None:
        number_now = int(kept[1])
        name = power_modes(root).get(number_now)
        return f"{name} ({number_now})" if name else f"mode {number_now}", ""
    complaint = answer.complaint or "nvpmodel -q names no mode"
    return None, f"{complaint}, and /{MODE_NOW} {absence_of(root / MODE_NOW)}"


def power_modes(root: Path) -> dict[int, str]:
    """The names of the power modes by their numbers, which differ from module to module."""
    found = re.findall(r"^< *POWER_MODEL +ID=(\d{1,4}) +NAME=(\S+) *>", text_of(root / MODES) or "", re.MULTILINE)
    return {int(number): name for number, name in found}


def _compatible(root: Path) -> str:
    return text_of(root / "proc/device-tree/compatible") or ""


def _l4t(root: Path) -> str | None:
    """The version of Jetson Linux: "36.4.3" of "# R36 (release), REVISION: 4.3, GCID: ..."."""
    found = re.search(r"# R(\d{1,4}) \(release\), REVISION: ([\d.]{1,20})", text_of(root / RELEASE) or "")
    return f"{found[1]}.{found[2]}" if found else None


def _gpu_clocks(root: Path) -> tuple[ClockRate, ...]:
    rates: list[ClockRate] = []
    for device in folders(root / DEVFREQ, "*"):
        if GPU_NAMES.fullmatch(device.name):
            now, low, high = (number_of(device / f"{name}_freq") for name in ("cur", "min", "max"))
            rates += clock(f"gpu {device.name}", now, lowest_hz=low, highest_hz=high)
    return tuple(rates)


def _memory_clock(root: Path) -> tuple[ClockRate, ...]:
    low, high = (number_of(root / EMC / name) for name in ("min_rate", "max_rate"))
    return clock("memory emc", number_of(root / EMC / "rate"), lowest_hz=low, highest_hz=high)


def _over_current(root: Path) -> tuple[Counter, ...]:
    is_orin = "tegra234" in _compatible(root)
    found: list[Counter] = []
    for chip in folders(root / "sys/class/hwmon", "hwmon*"):
        for event, meaning in OVER_CURRENT.items():
            name = f"oc{event} ({meaning})" if is_orin else f"oc{event}"
            found += counter(f"throttle events {name}", number_of(chip / f"oc{event}_event_cnt"))
    return tuple(found)
