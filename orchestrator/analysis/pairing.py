"""Which steps are timed in pairs, and what the pairs say of them: a step is confirmed by nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.analysis.confirmation import LOOKS, Confirmation, confirm, holds_pairs, pairs_until_next_look
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.steps import Direction, Slope, Step, StepsFound

MOST_PAIR_ROUNDS = 6
"""Rounds of pairs: three looks, and as many more where pairs were rejected. A device that is busy by then stays so."""

MOST_PAIRS = 1_000
"""Pairs of one pass: more would take long between two looks at the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsWanted:
    """Steps to be timed in ``passes`` passes, a pair each: ``tokens`` are their counts, two and two."""

    tokens: tuple[int, ...]
    passes: int


def with_pairs(found: StepsFound, passes: Sequence[PassReadings]) -> StepsFound:
    """``found`` with what the pairs among ``passes`` say of each step: confirmed where they say the same."""
    paired = [one for one in passes if holds_pairs(one)]
    if not paired:
        return found
    return replace(found, steps=tuple(_judged(step, found.slopes, paired) for step in found.steps))


def pairs_wanted(found: StepsFound) -> PairsWanted | None:
    """The pairs to time next for the steps of ``found``, which knows those timed so far; None where none is open.

    The steps with the fewest pairs come first, and one round brings all of them to a common look.
    """
    open_ones = [step for step in found.steps if step.paired is None or (not step.confirmed and step.paired.open)]
    if not open_ones:
        return None
    fewest = min(_pairs_of(step) for step in open_ones)
    chosen: list[Step] = []
    taken: set[int] = set()
    for step in open_ones:
        counts = {step.after_tokens, step.next_tokens}
        if pairs_until_next_look(_pairs_of(step)) == 0 or counts & taken or len(chosen) == MOST_PAIRS:
            continue
        # Those further ahead wait until the others have caught up.
        if _pairs_of(step) < _look_after(fewest):
            chosen.append(step)
            taken |= counts
    tokens = tuple(tokens for step in chosen for tokens in (step.after_tokens, step.next_tokens))
    passes = max(pairs_until_next_look(_pairs_of(step)) for step in chosen)
    return PairsWanted(tokens=tokens, passes=passes)


def _look_after(pairs: int) -> int:
    return next(look for look in LOOKS if look > pairs)


def _pairs_of(step: Step) -> int:
    return 0 if step.paired is None else step.paired.pairs


def _judged(step: Step, slopes: Sequence[Slope], paired: Sequence[PassReadings]) -> Step:
    said = confirm(paired, step.after_tokens, step.next_tokens, usual_between(step, slopes))
    if said.pairs == 0:
        return step
    return replace(step, paired=said, confirmed=_agrees(said, step.direction))


def _agrees(said: Confirmation, direction: Direction) -> bool:
    return said.rises if direction is Direction.UP else said.falls


def usual_between(step: Step, slopes: Sequence[Slope]) -> tuple[float, float]:
    """What lies between the counts of ``step`` without any jump, in ns, at least and at most.

    On a slope every token costs a little, and enough pairs would confirm each of them. So a jump must exceed what the
    slopes on either side surely bring, besides nothing.
    """
    apart = step.next_tokens - step.after_tokens
    beside = [
        slope for slope in slopes if step.after_tokens == slope.to_tokens or step.next_tokens == slope.from_tokens
    ]
    sure = [apart * _sure(slope) for slope in beside]
    return min([0.0, *sure]), max([0.0, *sure])


def _sure(slope: Slope) -> float:
    """The end of the interval of ``slope`` that is nearer to nothing; nothing where it holds that."""
    if slope.low_ns > 0:
        return slope.low_ns
    return min(slope.high_ns, 0.0)
