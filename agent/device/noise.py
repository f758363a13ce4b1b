"""How much noise a machine makes right now: the same work timed again and again, for a second."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from agent.clock import Clock
from agent.device.checks import Check, ok, warning
from agent.measure.gauge import Gauge
from agent.measure.quality import MOST_REJECTED, MOST_WAITING, rejection
from agent.measure.turn import Turn

CALLS = 200
CALL_NS = 5_000_000
"""About how long a call takes: as long as a small model at few tokens."""

MOST_SPREAD = 0.03
"""Relative standard deviation of the same work beyond which small steps drown: of seven passes, 1 % is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What happened to ``calls`` calls of the same work.

    ``spread`` is their standard deviation over their mean, ``switches`` how often the kernel took the processor away,
    ``wall_over_cpu`` what they took over the processor time they used, ``rejected`` how many would be rejected.
    """

    calls: int
    spread: float
    switches: int
    wall_over_cpu: float
    rejected: int


def noise_of(calls: list[tuple[int, int, int]]) -> Noise:
    """The noise in at least two calls, each (wall ns, processor ns, involuntary switches)."""
    walls = [wall_ns for wall_ns, _, _ in calls]
    return Noise(
        calls=len(calls),
        spread=statistics.stdev(walls) / statistics.fmean(walls),
        switches=sum(switches for _, _, switches in calls),
        wall_over_cpu=sum(walls) / max(1, sum(cpu_ns for _, cpu_ns, _ in calls)),
        rejected=sum(rejection(*call, 1) is not None for call in calls),
    )


def noise_now(clock: Clock, gauge: Gauge, turn: Turn, *, calls: int = CALLS) -> Noise | None:
    """The noise of this machine, from pure Python alone; None while something measures, which this would disturb."""
    if not turn.take():
        return None
    try:
        spins = _spins_of(gauge)
        return noise_of([_call(clock, gauge, spins) for _ in range(calls)])
    finally:
        turn.give()


def check_noise(noise: Noise | None) -> Check:
    """Whether measurements would be good now."""
    if noise is None:
        return warning(
            "noise", "not looked at: a measurement is under way on this machine", "Ask again when it is over."
        )
    share = noise.rejected / noise.calls
    found = (
        f"the same work took {noise.spread:.1%} more or less (standard deviation of {noise.calls} calls); the "
        f"processor was taken away {noise.switches} times; {noise.wall_over_cpu:.2f} s passed for each second of "
        "processor time; "
        f"{share:.0%} of such readings would be rejected"
    )
    if share > MOST_REJECTED or noise.wall_over_cpu > MOST_WAITING:
        return warning("noise", found, "Something else wants the processor: stop it, or measure with fewer threads.")
    if noise.spread > MOST_SPREAD:
        return warning(
            "noise",
            found,
            "Clocks or other tenants of the machine move its speed: see governor, turbo and throttling here; on a "
            "shared machine expect wide intervals, and ask for more passes.",
        )
    return ok("noise", found)


def _spin(times: int) -> None:
    for _ in range(times):
        pass


def _spins_of(gauge: Gauge) -> int:
    """How many turns of the loop take about `CALL_NS` of processor time, which others do not lengthen."""
    times = 1_000
    while True:
        began_ns = gauge.read().cpu_ns
        _spin(times)
        took_ns = gauge.read().cpu_ns - began_ns
        if took_ns >= CALL_NS or times >= 10**9:
            return times
        times *= 2


def _call(clock: Clock, gauge: Gauge, spins: int) -> tuple[int, int, int]:
    before = gauge.read()
    began_ns = clock.monotonic_ns()
    _spin(spins)
    wall_ns = clock.monotonic_ns() - began_ns
    after = gauge.read()
    return wall_ns, after.cpu_ns - before.cpu_ns, after.involuntary_switches - before.involuntary_switches
