"""What one source tells of the conditions, and how a raw number becomes a value that the wire takes."""

from __future__ import annotations

from dataclasses import dataclass

from agent.device.files import line_of
from agent.wire.conditions import ClockRate, Counter, Temperature

FASTEST_HZ = 100_000 * 10**6
MOST_EVENTS = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensed:
    """A part of the conditions. ``gaps`` names what this source should have told and did not, and why."""

    temperatures: tuple[Temperature, ...] = ()
    clocks: tuple[ClockRate, ...] = ()
    power: tuple[str, ...] = ()
    throttled: tuple[str, ...] = ()
    counters: tuple[Counter, ...] = ()
    gaps: tuple[str, ...] = ()


def temperature(sensor: str, celsius: float | None) -> tuple[Temperature, ...]:
    """The temperature, or nothing: sensors that are switched off report absurd values such as -274000 millidegrees."""
    if celsius is None or not -100 <= celsius <= 300:
        return ()
    return (Temperature(sensor=line_of(sensor), celsius=celsius),)


def clock(domain: str, hz: int | None, *, lowest_hz: int | None, highest_hz: int | None) -> tuple[ClockRate, ...]:
    """The rate of a clock domain with the limits that it may move between, or nothing where the rate is absurd."""
    mhz = _mhz(hz)
    if mhz is None:
        return ()
    return (ClockRate(domain=line_of(domain), mhz=mhz, min_mhz=_mhz(lowest_hz), max_mhz=_mhz(highest_hz)),)


def _mhz(hz: int | None) -> float | None:
    return hz / 1e6 if hz is not None and 0 <= hz <= FASTEST_HZ else None


def counter(name: str, count: int | None) -> tuple[Counter, ...]:
    """The counter, or nothing where it cannot be one."""
    if count is None or not 0 <= count <= MOST_EVENTS:
        return ()
    return (Counter(name=line_of(name), count=count),)
