"""When a pass, a point and a curve are doubted. Rules of values alone; each verdict is kept with its evidence.

A pass is doubted by the device that measured it, and where it ran at a speed of its own. A point is doubted for the
passes and readings that it rests on, and a curve by its own rules: one doubted pass of seven doubts neither.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.wire.conditions import Doubt, DoubtReason
from orchestrator.analysis.passes import Booleans, Floats, Integers, PassReadings, accepted_of

ENOUGH_READINGS = 5
"""Accepted readings that a point needs to stand without a doubt."""

FEWEST_READINGS = 2
"""Accepted readings without which nothing tells the error of a point, however few were asked for."""

MOST_REJECTED = 0.4
"""The share of rejected readings beyond which a point, and a curve, is contended."""

STEADY_WITHIN = 0.05
"""How far from 1 the factor of a pass may lie before it counts as unsteady."""

DISTURBED = 0.10
"""How much longer than in other passes a disturbed reading takes. Single ones are what medians are for."""

BURST = 8
BURST_DISTURBED = 5
"""So many disturbed readings among so many in a row are a burst: something else had the device for that long."""

MOST_DOUBTED_VISITS = 1 / 3
"""The share of visits (a pass at a count) beyond which passes that were doubted for a reason doubt the curve for it.

A median stands two bad values of seven, not three.
"""

MOST_DOUBTED_POINTS = 0.1
"""The share of points beyond which those that are doubted for a reason doubt the curve for it."""

STATISTICAL = frozenset({DoubtReason.UNSTEADY, DoubtReason.BASELINE_MOVED})
"""Doubts about scatter and speed: intervals over whole passes in shuffled order carry the one, factors the other.

The other reasons say that the device was not the device asked for, which no repeating mends.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointDoubt:
    """A reason to distrust the points at ``tokens``, ascending, which share its evidence."""

    reason: DoubtReason
    evidence: str
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tallies:
    """What there is at each count, arrays of one length.

    ``readings`` were accepted and ``rejected`` were not; ``tried`` passes came there, and ``visited`` (passes, counts)
    is where a pass has an accepted reading.
    """

    counts: Integers
    readings: Integers
    rejected: Integers
    tried: Integers
    visited: Booleans


def doubts_of_speed(factor: float) -> tuple[Doubt, ...]:
    """*Unsteady*, where a pass with this ``factor`` ran more than `STEADY_WITHIN` off the usual speed."""
    if abs(factor - 1) <= STEADY_WITHIN:
        return ()
    direction = "slower" if factor > 1 else "faster"
    off = f"{100 * abs(factor - 1):.1f} % {direction} than usual at all its counts"
    evidence = f"it was {off}; up to {100 * STEADY_WITHIN:.0f} % is usual"
    return (Doubt(reason=DoubtReason.UNSTEADY, evidence=evidence),)


def doubts_of_bursts(one: PassReadings, factor: float, counts: Integers, latency_ns: Floats) -> tuple[Doubt, ...]:
    """*Unsteady*, where something else had the device for a part of the pass.

    That marks the pass and no point: in shuffled order a burst meets each count in one pass or two, which the median
    over passes leaves out.

    Args:
        one: the pass.
        factor: how much slower than usual it was.
        counts: the counts of the curve, ascending.
        latency_ns: the latency of the curve at each.
    """
    evidence = _burst(one, factor, counts, latency_ns)
    return () if evidence is None else (Doubt(reason=DoubtReason.UNSTEADY, evidence=evidence),)


def _burst(one: PassReadings, factor: float, counts: Integers, latency_ns: Floats) -> str | None:
    kept = accepted_of(one)
    if not len(counts) or kept.sum() < BURST:
        return None
    in_order = np.argsort(one.start_ns[kept], kind="stable")
    expected_ns = factor * latency_ns[np.searchsorted(counts, one.tokens[kept])]
    disturbed = (one.latency_ns[kept] > (1 + DISTURBED) * expected_ns)[in_order]
    in_a_row = np.convolve(disturbed, np.ones(BURST, np.int64), "valid")
    if in_a_row.max() < BURST_DISTURBED:
        return None
    return (
        f"{in_a_row.max()} of {BURST} readings in a row, from number {int(in_a_row.argmax()) + 1} on, took over "
        f"{100 * DISTURBED:.0f} % longer than in other passes, as did {disturbed.sum()} of all {len(disturbed)}"
    )


def rest_on_doubted(reasons: Sequence[Sequence[DoubtReason]], visited: Booleans) -> Booleans:
    """Which points have most of their passes doubted, (counts,); ``reasons`` are those of each pass."""
    doubted = np.array([bool(of_pass) for of_pass in reasons], np.bool_)
    resting: Booleans = 2 * visited[doubted].sum(axis=0) > visited.sum(axis=0)
    return resting


def doubts_of_points(reasons: Sequence[Sequence[DoubtReason]], tallies: Tallies) -> tuple[PointDoubt, ...]:
    """Every reason to distrust a point, those of equal evidence together.

    - most of the passes with readings there were doubted: for each of their reasons;
    - more than `MOST_REJECTED` of the readings there were rejected: contended;
    - fewer were accepted than are enough (`enough_of`): too-few.
    """
    found: dict[tuple[DoubtReason, str], list[int]] = defaultdict(list)
    for reason, evidence, tokens in (
        *_resting(reasons, tallies),
        *_rejected_there(tallies),
        *_few_there(tallies),
    ):
        found[reason, evidence].append(tokens)
    return tuple(
        PointDoubt(reason=reason, evidence=evidence, tokens=tuple(tokens))
        for (reason, evidence), tokens in found.items()
    )


_Found = Iterator[tuple[DoubtReason, str, int]]


def _resting(reasons: Sequence[Sequence[DoubtReason]], tallies: Tallies) -> _Found:
    resting = rest_on_doubted(reasons, tallies.visited)
    visits = tallies.visited.sum(axis=0)
    for reason in dict.fromkeys(reason for of_pass in reasons for reason in of_pass):
        doubted = tallies.visited[[reason in of_pass for of_pass in reasons]].sum(axis=0)
        for at in np.flatnonzero(resting & (doubted > 0)).tolist():
            yield reason, f"{doubted[at]} of its {visits[at]} passes were doubted for it", int(tallies.counts[at])


def _rejected_there(tallies: Tallies) -> _Found:
    total = tallies.readings + tallies.rejected
    for at in np.flatnonzero(tallies.rejected > MOST_REJECTED * total).tolist():
        evidence = f"{tallies.rejected[at]} of its {total[at]} readings were rejected"
        yield DoubtReason.CONTENDED, evidence, int(tallies.counts[at])


def _few_there(tallies: Tallies) -> _Found:
    enough = np.clip(tallies.tried, FEWEST_READINGS, ENOUGH_READINGS)
    for at in np.flatnonzero(tallies.readings < enough).tolist():
        evidence = f"{tallies.readings[at]} of at least {enough[at]} readings were accepted"
        yield DoubtReason.TOO_FEW, evidence, int(tallies.counts[at])


def enough_of(tried: int) -> int:
    """How many accepted readings a count needs to which ``tried`` passes came.

    A search visits most counts a few times and on purpose; their errors lean on the scatter around them. What is
    missing there is what was asked for and rejected.
    """
    return min(ENOUGH_READINGS, max(tried, FEWEST_READINGS))


def doubts_of_curve(
    passes: Sequence[PassReadings],
    pass_doubts: Sequence[Sequence[Doubt]],
    tallies: Tallies,
    point_doubts: Sequence[PointDoubt],
    accepted: Mapping[int, int],
) -> tuple[Doubt, ...]:
    """Every reason to distrust the curve that ``passes``, each with all its doubts, make.

    - *contended*: more than `MOST_REJECTED` of all readings were rejected;
    - *too-few*: nothing was accepted, or more than `MOST_DOUBTED_POINTS` of the counts visited have fewer than
      are enough (`enough_of`); ``accepted`` says how many each has;
    - a reason for which passes were doubted: more than `MOST_DOUBTED_POINTS` of the points are doubted for it; or,
      where no repeating mends it, more than `MOST_DOUBTED_VISITS` of the visits were in such passes.
    """
    return (
        *_contended(tallies, passes),
        *_too_few(accepted, Counter(tokens for one in passes for tokens in set(one.tokens.tolist())), tallies),
        *_by_passes(pass_doubts, tallies, point_doubts),
    )


def _contended(tallies: Tallies, passes: Sequence[PassReadings]) -> Iterable[Doubt]:
    total = sum(len(one.tokens) for one in passes)
    rejected = total - int(tallies.readings.sum())
    if total and rejected > MOST_REJECTED * total:
        yield Doubt(
            reason=DoubtReason.CONTENDED,
            evidence=f"{rejected} of {total} readings ({100 * rejected / total:.0f} %) were rejected, because other "
            f"work held the processor; up to {100 * MOST_REJECTED:.0f} % is usual",
        )


def _too_few(accepted: Mapping[int, int], tried: Mapping[int, int], tallies: Tallies) -> Iterable[Doubt]:
    few = sorted(tokens for tokens, readings in accepted.items() if readings < enough_of(tried[tokens]))
    if not accepted:
        yield Doubt(reason=DoubtReason.TOO_FEW, evidence="there are no readings at all")
    elif not len(tallies.counts):
        yield Doubt(reason=DoubtReason.TOO_FEW, evidence="not one reading was accepted")
    elif len(few) > MOST_DOUBTED_POINTS * len(accepted):
        yield Doubt(
            reason=DoubtReason.TOO_FEW,
            evidence=f"{len(few)} of {len(accepted)} token counts have too few accepted readings (fewer than "
            f"{ENOUGH_READINGS}, and fewer than were asked for), "
            f"the poorest {min(accepted.values())}: {in_words(few)}",
        )


def _by_passes(
    pass_doubts: Sequence[Sequence[Doubt]], tallies: Tallies, point_doubts: Sequence[PointDoubt]
) -> Iterable[Doubt]:
    visits = tallies.visited.sum(axis=1)
    for reason in dict.fromkeys(doubt.reason for of_pass in pass_doubts for doubt in of_pass):
        evidence = [next((one.evidence for one in of_pass if one.reason is reason), None) for of_pass in pass_doubts]
        doubted = np.array([said is not None for said in evidence], np.bool_)
        points = {tokens for one in point_doubts if one.reason is reason for tokens in one.tokens}
        many_visits = visits[doubted].sum() > MOST_DOUBTED_VISITS * visits.sum()
        many_points = len(points) > MOST_DOUBTED_POINTS * len(tallies.counts)
        if many_points or (many_visits and reason not in STATISTICAL):
            first = next(said for said in evidence if said is not None)
            told = f"in {doubted.sum()} of {len(evidence)} passes: {first}"
            yield Doubt(reason=reason, evidence=told[:4_000])


def in_words(counts: Sequence[int], most: int = 12) -> str:
    """Ascending ``counts`` for a reader: runs as "5-9", and how many more there are past ``most`` runs."""
    runs: list[list[int]] = []
    for tokens in counts:
        if runs and tokens == runs[-1][-1] + 1:
            runs[-1][1:] = [tokens]
        else:
            runs.append([tokens])
    shown = ", ".join("-".join(map(str, run)) for run in runs[:most])
    left = len(runs) - most
    return f"{shown} and {left} more runs" if left > 0 else shown
