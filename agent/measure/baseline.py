"""Whether the device is still as fast as it was, told by the sentinel from pass to pass. Rules of values alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from agent.wire.conditions import Doubt, DoubtReason
from agent.wire.readings import Reading

STEADY_WITHIN = 0.05
"""How far from the baseline the sentinel of a pass may lie, over the baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the sentinel says of a pass: the doubts that follow, and whether it should be measured again."""

    doubts: tuple[Doubt, ...] = ()
    measure_again: bool = False


STEADY = Verdict()


class Baseline:
    """How long the sentinel takes on this device, as far as the passes so far agree.

    A pass that is off is marked, and measured again once. Where the next pass is back, that was a disturbance. Where it
    is off by as much again, the device has changed for good (heat, a power mode): that is the new baseline, with a
    doubt, and not a reason to measure for ever. Where it is off otherwise, the device is unsteady, and what it gives is
    taken with that doubt.
    """

    def __init__(self) -> None:
        self._level_ns: float | None = None
        self._off_ns: float | None = None

    @property
    def level_ns(self) -> float | None:
        """What the sentinel takes, None before the first accepted reading of it."""
        return self._level_ns

    def judge(self, readings: Sequence[Reading], sentinel: int) -> Verdict:
        """What to make of the pass with these ``readings``, the next one measured."""
        level_ns = level_of(readings, sentinel)
        if level_ns is None:
            return STEADY
        if self._level_ns is None:
            self._level_ns = level_ns
        if _near(level_ns, self._level_ns):
            self._off_ns = None
            return STEADY
        was_ns, before_ns, self._off_ns = self._level_ns, self._off_ns, level_ns
        if before_ns is None:
            return Verdict(doubts=(_disturbed(level_ns, was_ns),), measure_again=True)
        if not _near(level_ns, before_ns):
            return Verdict(doubts=(_disturbed(level_ns, was_ns),))
        self._level_ns, self._off_ns = level_ns, None
        return Verdict(doubts=(_moved(level_ns, was_ns),))


def level_of(readings: Sequence[Reading], sentinel: int) -> float | None:
    """The median of the accepted readings of ``sentinel`` in ns; None where there is none."""
    of_sentinel = [one.latency_ns for one in readings if one.tokens == sentinel and one.rejected is None]
    return statistics.median(of_sentinel) if of_sentinel else None


def _near(level_ns: float, other_ns: float) -> bool:
    return abs(level_ns / other_ns - 1) <= STEADY_WITHIN


def _disturbed(level_ns: float, baseline_ns: float) -> Doubt:
    return Doubt(
        reason=DoubtReason.UNSTEADY,
        evidence=f"the sentinel took {_against(level_ns, baseline_ns)}",
    )


def _moved(level_ns: float, baseline_ns: float) -> Doubt:
    return Doubt(
        reason=DoubtReason.BASELINE_MOVED,
        evidence=f"the sentinel took {_against(level_ns, baseline_ns)} twice running: the new baseline",
    )


def _against(level_ns: float, baseline_ns: float) -> str:
    return f"{level_ns / 1e6:.3f} ms, {level_ns / baseline_ns - 1:+.1%} off its baseline of {baseline_ns / 1e6:.3f} ms"
