"""What a device says of schedules that it was timed with: beside the plain model and uniform pruning, pass by pass.

Each pass visits all of them in shuffled order with the plain model first and last, so that a pass is a pair of any two,
whatever the device drifts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from agent.wire.conditions import DoubtReason
from agent.wire.jobs import Order, Round, Subject
from agent.wire.schedule_files import Latency, Ratio
from agent.wire.schedules import Schedule
from orchestrator.analysis.confirmation import LOOKS, pairs_until_next_look, pseudo_median
from orchestrator.analysis.intervals import spread_of
from orchestrator.analysis.passes import Floats, PassReadings, column_medians, factors_of, medians_of

WRONG = 0.05
"""How often at most any interval of a verification misses, over all its schedules and looks."""

MOST_ROUNDS = 6
"""Three looks, and as many rounds more where readings were rejected. A device that is busy by then stays so."""

PLAIN = 1
"""The number of the plain model among what is timed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A schedule to be proved, and what it must beat beside the plain model; None where that cannot be made."""

    schedule: Schedule
    uniform: Schedule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was measured of one entry; nothing before the first look.

    ``passes`` held it, the plain model and uniform pruning, and count at the latest look.
    """

    passes: int
    measured: Latency | None = None
    plain: Latency | None = None
    uniform: Latency | None = None
    against_plain: Ratio | None = None
    against_uniform: Ratio | None = None

    @property
    def proved(self) -> bool:
        """Whether it is surely faster than the plain model, and than uniform pruning where there is such."""
        if self.against_plain is None or not self.against_plain.faster:
            return False
        return self.uniform is None or (self.against_uniform is not None and self.against_uniform.faster)

    @property
    def disproved(self) -> bool:
        """Whether it is surely no faster than one of the two."""
        return any(one is not None and one.low >= 1 for one in (self.against_plain, self.against_uniform))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The findings of a verification, one an entry, and why the device doubts the passes they rest on."""

    findings: tuple[Finding, ...]
    doubts: tuple[DoubtReason, ...]


def timed_schedules(entries: Sequence[Entry]) -> tuple[Schedule, ...]:
    """All that is timed, each once: the plain model as a schedule that prunes nothing, then the entries' schedules."""
    first = entries[0].schedule
    plain = Schedule(
        method=first.method,
        tokens=first.tokens,
        prefix_tokens=first.prefix_tokens,
        leaving=(first.tokens,) * len(first.leaving),
    )
    wanted = [one for entry in entries for one in (entry.schedule, entry.uniform) if one is not None]
    return tuple(dict.fromkeys((plain, *wanted)))


def verify(entries: Sequence[Entry], passes: Iterable[PassReadings]) -> Verified:
    """What ``passes`` say of ``entries``, as they stood at the latest look.

    Intervals hold at every look, for all entries together, with at most 5 % of such verifications being wrong anywhere
    (Bonferroni). That a schedule beats two others needs no more: both must be beaten.
    """
    ordered = sorted(passes, key=lambda one: (one.round, one.fence, one.number))
    timed = timed_schedules(entries)
    numbers = np.arange(1, len(timed) + 1)
    medians = medians_of(ordered, numbers)
    z = NormalDist().inv_cdf(1 - WRONG / (2 * len(LOOKS) * len(entries)))
    levels = _levels(medians)
    return Verified(
        findings=tuple(_finding(entry, timed, medians, levels, z) for entry in entries),
        doubts=tuple(sorted({doubt.reason for one in ordered for doubt in one.doubts})),
    )


def _levels(medians: Floats) -> tuple[Latency | None, ...]:
    """The latency of each schedule over all passes, each pass divided by its factor."""
    per_pass = medians / factors_of(medians)[:, None]
    there = np.isfinite(per_pass).any(axis=0)
    found: list[Latency | None] = [None] * medians.shape[1]
    if not there.any():
        return tuple(found)
    latency_ns = column_medians(per_pass[:, there])
    spread = spread_of(per_pass[:, there], latency_ns)
    rows = zip(np.flatnonzero(there).tolist(), latency_ns, spread.low_ns, spread.high_ns, strict=True)
    for place, middle, low, high in rows:
        found[place] = Latency(latency_ns=float(middle), low_ns=float(low), high_ns=float(high))
    return tuple(found)


def _finding(
    entry: Entry, timed: Sequence[Schedule], medians: Floats, levels: Sequence[Latency | None], z: float
) -> Finding:
    own = timed.index(entry.schedule)
    uniform = None if entry.uniform is None else timed.index(entry.uniform)
    needed = [PLAIN - 1, own, *([] if uniform is None else [uniform])]
    whole = medians[np.isfinite(medians[:, needed]).all(axis=1)]
    passes = len(whole)
    looked_at = max((look for look in LOOKS if look <= passes), default=0)
    if looked_at == 0:
        return Finding(passes=passes)
    seen = whole[:looked_at]
    return Finding(
        passes=passes,
        measured=levels[own],
        plain=levels[PLAIN - 1],
        uniform=None if uniform is None else levels[uniform],
        against_plain=_ratio(seen[:, own], seen[:, PLAIN - 1], z),
        against_uniform=None if uniform is None else _ratio(seen[:, own], seen[:, uniform], z),
    )


def _ratio(first: Floats, second: Floats, z: float) -> Ratio:
    middle, low, high = pseudo_median(np.log(first / second), z)
    return Ratio(ratio=math.exp(middle), low=math.exp(low), high=math.exp(high))


def next_round(
    entries: Sequence[Entry], rounds: Sequence[Round], passes: Sequence[PassReadings], *, seed: int
) -> Round | None:
    """The round that follows ``rounds``, all done; None once each entry is proved or not, or has had its last look."""
    findings = verify(entries, passes).findings
    undecided = [one for one in findings if not (one.proved or one.disproved)]
    needed = max((pairs_until_next_look(one.passes) for one in undecided), default=0)
    if needed == 0 or len(rounds) >= MOST_ROUNDS:
        return None
    timed = timed_schedules(entries)
    number = len(rounds)
    return Round(
        number=number,
        subject=Subject.SCHEDULES,
        order=Order.SHUFFLED,
        tokens=tuple(range(2, len(timed) + 1)),
        sentinel=PLAIN,
        min_passes=needed,
        max_passes=needed,
        seed=(seed + number) % 2**32,
        schedules=timed,
    )
