"""NVIDIA GPUs beside a processor, as nvidia-smi tells of them. A Jetson's own GPU is in `agent.device.jetson`.

Source: ``nvidia-smi --help-query-gpu``, and nvml.h for the bits of the reasons.
"""

from __future__ import annotations

from pathlib import Path

from agent.device.commands import RunCommand
from agent.device.files import is_there, line_of, whole_number
from agent.device.sensed import Sensed, clock, counter, temperature

SLOWING_REASONS = {
    0x04: "software power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
}
"""The reasons that slow a GPU below what it was asked for; idling and chosen clocks are not among them."""

STATE = ("index", "temperature.gpu", "clocks.sm", "clocks.max.sm", "power.limit")
COUNTED = {
    "clocks_event_reasons_counters.sw_power_cap": "us under software power cap",
    "clocks_event_reasons_counters.sw_thermal_slowdown": "us under software thermal slowdown",
    "clocks_event_reasons_counters.hw_thermal_slowdown": "us under hardware thermal slowdown",
    "clocks_event_reasons_counters.hw_power_brake_slowdown": "us under hardware power brake",
}
"""Microseconds since the driver was loaded, which newer drivers count."""

# A driver that does not know one of the fields answers none of them.
NEW_FIELDS = (*STATE, "clocks_event_reasons.active", *COUNTED)
OLD_FIELDS = (*STATE, "clocks_throttle_reasons.active")


def query(fields: tuple[str, ...]) -> tuple[str, ...]:
    """The command that asks for ``fields``."""
    return ("nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")


def sense_gpus(root: Path, run: RunCommand) -> Sensed:
    """Temperature, clock, power limit and what slows them, of each GPU; the driver is asked where there is one."""
    if not is_there(root / "proc/driver/nvidia") and not is_there(root / "dev/dxg"):
        return Sensed(gaps=("gpu: no NVIDIA driver is loaded",))
    for fields in (NEW_FIELDS, OLD_FIELDS):
        answer = run(query(fields))
        if answer.text is not None:
            return _read(fields, answer.text)
    return Sensed(gaps=(f"gpu: {answer.complaint}",))


def _read(fields: tuple[str, ...], printed: str) -> Sensed:
    rows = [[cell.strip() for cell in line.split(",")] for line in printed.splitlines()]
    gpus = [_gpu(dict(zip(fields, row, strict=True))) for row in rows if len(row) == len(fields)]
    gpus = [gpu for gpu in gpus if gpu.temperatures or gpu.clocks or gpu.power]
    if not gpus:
        return Sensed(gaps=(f"gpu: nvidia-smi printed {line_of(printed)[:80]!r}",))
    return Sensed(
        temperatures=tuple(one for gpu in gpus for one in gpu.temperatures),
        clocks=tuple(one for gpu in gpus for one in gpu.clocks),
        power=tuple(one for gpu in gpus for one in gpu.power),
        throttled=tuple(one for gpu in gpus for one in gpu.throttled),
        counters=tuple(one for gpu in gpus for one in gpu.counters),
    )


def _gpu(row: dict[str, str]) -> Sensed:
    name = f"gpu {row['index']}"
    limit = _number(row["power.limit"])
    reasons = _reasons(row.get("clocks_event_reasons.active") or row.get("clocks_throttle_reasons.active") or "")
    counts = (counter(f"{name} {what}", whole_number(row.get(field))) for field, what in COUNTED.items())
    return Sensed(
        temperatures=temperature(name, _number(row["temperature.gpu"])),
        clocks=clock(f"{name} sm", _hz(row["clocks.sm"]), lowest_hz=None, highest_hz=_hz(row["clocks.max.sm"])),
        power=() if limit is None else (f"{name} limit {limit:g} W",),
        throttled=tuple(f"{name}: {reason}" for reason in reasons),
        counters=tuple(one for found in counts for one in found),
    )


def _reasons(mask: str) -> list[str]:
    try:
        bits = int(mask[:30], 16)
    except ValueError:
        return []
    return [reason for bit, reason in SLOWING_REASONS.items() if bits & bit]


def _number(cell: str) -> float | None:
    """The number in a cell, None for what nvidia-smi writes where there is none, such as [N/A]."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if 0 <= number <= 1e6 else None


def _hz(cell: str) -> int | None:
    mhz = _number(cell)
    return None if mhz is None else round(mhz * 1e6)
