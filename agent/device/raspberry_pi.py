"""A Raspberry Pi: what its firmware tells of under-voltage, heat and the real clock of the cores.

Sources: Raspberry Pi documentation, "vcgencmd" (get_throttled, measure_clock, measure_temp) and "revision codes";
drivers/hwmon/raspberrypi-hwmon.c of the Linux kernel.
"""

from __future__ import annotations

import re
from pathlib import Path

from agent.device.commands import RunCommand
from agent.device.files import folders, number_of, text_of
from agent.device.processors import cpuinfo
from agent.device.sensed import Sensed, clock, counter, temperature
from agent.wire.conditions import Counter

FLAGS = {0: "under-voltage", 1: "arm frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""The bits of get_throttled that hold now; the same 16 places higher hold since the device was started."""
SINCE_BOOT = 16
UNDER_VOLTAGE_SINCE_BOOT = f"{FLAGS[0]} since boot"

GET_THROTTLED = ("vcgencmd", "get_throttled")
MEASURE_CLOCK = ("vcgencmd", "measure_clock", "arm")
MEASURE_TEMP = ("vcgencmd", "measure_temp")


def sense_raspberry_pi(root: Path, run: RunCommand, *, has_temperature: bool) -> Sensed:
    """The firmware's throttle flags and its clock of the cores.

    A flag that holds since boot is a counter of 0 or 1: only where it appears during a pass it says anything of it.

    Args:
        root: where ``sys`` is found.
        run: what asks vcgencmd.
        has_temperature: whether the kernel told one; only otherwise the firmware is asked, which reads the same sensor.
    """
    gaps = []
    throttled, counters, complaint = _throttling(root, run)
    if complaint:
        gaps.append(f"throttling: {complaint}")
    hz, complaint = _number_in(run, MEASURE_CLOCK, r"frequency\(\d+\)=(\d{1,15})")
    # What the kernel calls its clock is what it asked for; the firmware may give less.
    clocks = clock("firmware arm", None if hz is None else int(hz), lowest_hz=None, highest_hz=None)
    if not clocks:
        gaps.append(f"firmware clock: {complaint or 'it tells an absurd rate'}")
    celsius, complaint = (None, "") if has_temperature else _number_in(run, MEASURE_TEMP, r"temp=(-?\d+(?:\.\d+)?)")
    if complaint:
        gaps.append(f"firmware temperature: {complaint}")
    return Sensed(
        temperatures=temperature("firmware", None if celsius is None else float(celsius)),
        clocks=clocks,
        throttled=throttled,
        counters=counters,
        gaps=tuple(gaps),
    )


def hardware_of(root: Path) -> str | None:
    """The model with its revision code: "Raspberry Pi 4 Model B Rev 1.4 (revision c03114)"."""
    model = text_of(root / "proc/device-tree/model")
    revision = next((block["revision"] for block in cpuinfo(root) if block.get("revision")), None)
    return f"{model or 'Raspberry Pi'} (revision {revision})" if revision else model


def generation_of(hardware: str) -> int | None:
    """Which Raspberry Pi a model's name means: 4 for "Raspberry Pi 4 Model B" and "Raspberry Pi Compute Module 4"."""
    found = re.search(r"Raspberry Pi (?:Compute Module )?([1-9])\b", hardware)
    return int(found[1]) if found else None


def flags_of(mask: int) -> tuple[tuple[str, ...], tuple[Counter, ...]]:
    """The flags of a get_throttled mask that hold now, and those since boot as counters of 0 or 1."""
    now = tuple(name for bit, name in FLAGS.items() if mask >> bit & 1)
    since = (counter(f"{name} since boot", mask >> (bit + SINCE_BOOT) & 1) for bit, name in FLAGS.items())
    return now, tuple(one for found in since for one in found)


def _throttling(root: Path, run: RunCommand) -> tuple[tuple[str, ...], tuple[Counter, ...], str]:
    mask, complaint = _number_in(run, GET_THROTTLED, r"throttled=0x([0-9a-fA-F]{1,16})")
    if mask is not None:
        return *flags_of(int(mask, 16)), ""
    alarm = _voltage_alarm(root)
    if alarm is None:
        return (), (), complaint
    flags = (f"{FLAGS[0]} (alarm of rpi_volt)",) if alarm else ()
    return flags, (), f"{complaint}; the kernel tells under-voltage alone"


def _voltage_alarm(root: Path) -> bool | None:
    """Whether the kernel raises the alarm of low voltage, None where it does not watch it."""
    for chip in folders(root / "sys/class/hwmon", "hwmon*"):
        if text_of(chip / "name") == "rpi_volt":
            alarm = number_of(chip / "in0_lcrit_alarm")
            return None if alarm is None else alarm != 0
    return None


def _number_in(run: RunCommand, command: tuple[str, ...], pattern: str) -> tuple[str | None, str]:
    """What the pattern's group matches in the answer to ``command``, or None and a complaint."""
    answer = run(command)
    if answer.text is None:
        return None, answer.complaint
    found = re.search(pattern, answer.text)
    if found is None:
        return None, f"{' '.join(command)} printed {answer.text[:80]!r}"
    return found[1], ""
