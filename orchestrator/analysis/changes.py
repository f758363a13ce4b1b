"""What changed between dates of the same measurement: steps and levels, believed where two curves agree.

The interval of one curve knows nothing of what differs from day to day: another kernel, a warmer room, a fuller disk.
So a change that one curve alone shows is told as seen once, however narrow its interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from orchestrator.analysis.comparison import StepAcross, steps_across
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.intervals import WIDTH_95
from orchestrator.analysis.steps import Step, StepsFound, change_at
from orchestrator.analysis.sweet_spots import WORTH_PERCENT

AGREE = 2
"""A change is believed where so many curves agree on it."""

FEWEST_COMMON = 6
"""Token counts that two curves must share for their levels to be compared."""

OUTER = 0.1
"""The share of the counts at either end that may differ from the level of the others."""

MAD_TO_SD = 1.4826
MEDIAN_ERROR = math.sqrt(math.pi / 2)
"""The standard error of a median over that of a mean, for normal errors."""


class Trait(str, Enum):
    """What changed."""

    STEP = "step"
    LEVEL = "level"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What one curve has of a trait, in per cent with its 95 % interval.

    Of a step, the jump as a share of the latency before it, and its interval in ns too; of the level, how much slower
    than the first curve it is.
    """

    percent: float
    low_percent: float
    high_percent: float
    low_ns: float | None = None
    high_ns: float | None = None

    def agrees_with(self, other: State) -> bool:
        """Whether the two may be the same: their intervals meet, or what lies between them is worth nothing.

        Those of steps meet in per cent or in ns: another level changes the one, another step below changes the other.
        """
        if abs(self.percent - other.percent) < WORTH_PERCENT:
            return True
        if self.low_percent <= other.high_percent and other.low_percent <= self.high_percent:
            return True
        if self.low_ns is None or self.high_ns is None or other.low_ns is None or other.high_ns is None:
            return False
        return self.low_ns <= other.high_ns and other.low_ns <= self.high_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A change of state: ``before`` is the index of the first curve that has the old one, ``after`` of the new one.

    ``seen_in`` are the indices of the curves that the new one rests on.

    ``back`` is whether the next curve that can say has the old state again.
    """

    before: int
    after: int
    seen_in: tuple[int, ...]
    back: bool

    @property
    def believed(self) -> bool:
        """Whether two curves agree on it; else it was seen once."""
        return len(self.seen_in) >= AGREE


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A shift of one trait: of the step after ``low_tokens`` to ``high_tokens``, or of the level, without a place."""

    trait: Trait
    low_tokens: int | None
    high_tokens: int | None
    old: State
    new: State
    shift: Shift


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTime:
    """What changed over curves of the same thing, and how many ``steady`` steps at least two of them have alike."""

    changes: tuple[Change, ...]
    steady: int


def over_time(curves: Sequence[Curve], found: Sequence[StepsFound]) -> OverTime:
    """What changed over ``curves`` of one device, model and workload, the oldest first.

    A state that holds is compared with by the first curve that has it, so that a slow drift is seen too. A curve that
    cannot say, because it is too noisy there, was not measured there, or is doubted by its device, says nothing: that
    a step was not found is no sign that it is gone, unless the jump measured at its place excludes it.
    """
    changes: list[Change] = []
    steady = 0
    levels = [_level(curves[0], curve) for curve in curves]
    changes += [_change(Trait.LEVEL, None, levels, shift) for shift in shifts(levels)]
    for step in steps_across(curves, found):
        states = [_step(curve, index, step) for index, curve in enumerate(curves)]
        moved = shifts(states)
        changes += [_change(Trait.STEP, step, states, shift) for shift in moved]
        steady += not moved and len(step.members) > 1
    return OverTime(changes=tuple(changes), steady=steady)


def _change(trait: Trait, step: StepAcross | None, states: Sequence[State | None], shift: Shift) -> Change:
    old, new = states[shift.before], states[shift.after]
    if old is None or new is None:
        raise ValueError("a shift lies between two curves that can say")
    return Change(
        trait=trait,
        low_tokens=None if step is None else step.low_tokens,
        high_tokens=None if step is None else step.high_tokens,
        old=old,
        new=new,
        shift=shift,
    )


def shifts(states: Sequence[State | None]) -> tuple[Shift, ...]:
    """Where ``states``, by date, change; None is a curve that cannot say.

    The first state holds until two curves in a row, of those that can say, agree on another. What one alone has was
    seen once.
    """
    known = [(index, state) for index, state in enumerate(states) if state is not None]
    if not known:
        return ()
    found: list[Shift] = []
    held = known[0]
    pending: tuple[int, State] | None = None
    for index, state in known[1:]:
        if state.agrees_with(held[1]):
            if pending is not None:
                found.append(_once(held, pending, back=True))
            pending = None
        elif pending is not None and state.agrees_with(pending[1]):
            found.append(Shift(before=held[0], after=pending[0], seen_in=(pending[0], index), back=False))
            held, pending = pending, None
        else:
            if pending is not None:
                found.append(_once(held, pending, back=False))
            pending = (index, state)
    if pending is not None:
        found.append(_once(held, pending, back=False))
    return tuple(found)


def _once(held: tuple[int, State], pending: tuple[int, State], *, back: bool) -> Shift:
    return Shift(before=held[0], after=pending[0], seen_in=(pending[0],), back=back)


def _step(curve: Curve, index: int, across: StepAcross) -> State | None:
    own = next((member.step for member in across.members if member.index == index), None)
    step = own if own is not None else _jump_at(curve, across)
    point = None if step is None else curve.point_at(step.after_tokens)
    if step is None or point is None or step.doubted or curve.distrusted:
        return None
    percent = 100 / point.latency_ns
    return State(
        percent=step.change_ns * percent,
        low_percent=step.interval_low_ns * percent,
        high_percent=step.interval_high_ns * percent,
        low_ns=step.interval_low_ns,
        high_ns=step.interval_high_ns,
    )


def _jump_at(curve: Curve, across: StepAcross) -> Step | None:
    """What latency does in ``curve`` where others have a step; of a coarser curve, over the gap that it lies in."""
    clearest = max((member.step for member in across.members), key=lambda step: abs(step.z))
    below = [point.tokens for point in curve.points if point.tokens <= clearest.after_tokens]
    return change_at(curve, below[-1]) if below else None


def _level(first: Curve, curve: Curve) -> State | None:
    """How much slower ``curve`` is than ``first``, in per cent, over the counts that both have.

    The interval holds all but the `OUTER` tenths of the counts, so that a step, which moves the counts on one side of
    it alone, is no change of the level. It is widened by the scatter of the factors, which divide a pass as a whole and
    so are in no point's interval.
    """
    if first.distrusted or curve.distrusted:
        return None
    here = {point.tokens: point for point in curve.points}
    both = [(point.latency_ns, here[point.tokens].latency_ns) for point in first.points if point.tokens in here]
    if len(both) < FEWEST_COMMON:
        return None
    low, middle, high = np.quantile(np.log([new / old for old, new in both]), (OUTER, 0.5, 1 - OUTER)).tolist()
    wide = math.hypot(_speed_reach(first), _speed_reach(curve))
    return State(
        percent=100 * math.expm1(middle),
        low_percent=100 * math.expm1(low - wide),
        high_percent=100 * math.expm1(high + wide),
    )


def _speed_reach(curve: Curve) -> float:
    """Half the 95 % interval of the speed of all passes together, as a difference of logarithms."""
    factors = np.log([factor.factor for factor in curve.factors if factor.readings and factor.factor > 0])
    if len(factors) == 0:
        return 0.0
    scatter = MAD_TO_SD * float(np.median(np.abs(factors - np.median(factors))))
    return WIDTH_95 * MEDIAN_ERROR * scatter / math.sqrt(len(factors))
