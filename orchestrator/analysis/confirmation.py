"""Confirming a step: two neighbouring counts timed in pairs, one right after the other, until it is sure or given up.

A candidate is found on a curve, among hundreds of counts, with noise and drift between them. A pair has neither: both
of its readings come within a few latencies of each other, in an order that turns round from pass to pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from agent.wire.jobs import Order, Subject
from orchestrator.analysis.doubting import STATISTICAL
from orchestrator.analysis.passes import Floats, PassReadings, accepted_of

LOOKS = (10, 20, 30)
"""After so many pairs the interval is looked at; after the last a candidate stays one."""

LOOK_Z = 2.289
"""Half the width of an interval that is looked at three times and yet wrong in 5 % of cases at most (Pocock 1977)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What pairs of readings say of the change from ``after_tokens`` to ``next_tokens``.

    ``change_ns`` is the pseudo-median of the differences, ``low_ns`` to ``high_ns`` an interval that may be looked at
    three times and still covers the truth in at least 95 % of cases. None of them is there before the first look.
    ``usual_low_ns`` to ``usual_high_ns`` is what lies between the two counts without any step: nothing, and what the
    slopes beside it surely bring.
    """

    after_tokens: int
    next_tokens: int
    pairs: int
    change_ns: float | None = None
    low_ns: float | None = None
    high_ns: float | None = None
    usual_low_ns: float = 0.0
    usual_high_ns: float = 0.0

    @property
    def rises(self) -> bool:
        """Whether one more token is surely dearer, and by more than the slope makes it."""
        return self.low_ns is not None and self.low_ns > self.usual_high_ns

    @property
    def falls(self) -> bool:
        """Whether one more token is surely cheaper, and by more than the slope makes it."""
        return self.high_ns is not None and self.high_ns < self.usual_low_ns

    @property
    def open(self) -> bool:
        """Whether more pairs may still decide it."""
        return not self.rises and not self.falls and self.pairs < LOOKS[-1]


def pairs_until_next_look(pairs: int) -> int:
    """How many pairs to time before the next look, after ``pairs`` of them; 0 when there is no further look."""
    return next((look - pairs for look in LOOKS if look > pairs), 0)


def holds_pairs(one: PassReadings) -> bool:
    """Whether the pass counts in pairs: timed for it, of the whole model, on a device that was as it usually is.

    Two counts that a shuffle put side by side by chance are no pair: which comes first does not turn round.
    """
    as_usual = all(doubt.reason in STATISTICAL for doubt in one.doubts)
    return one.order is Order.ALTERNATING and one.subject is Subject.MODEL and as_usual


def confirm(
    passes: Iterable[PassReadings], after_tokens: int, next_tokens: int, usual_ns: tuple[float, float] = (0.0, 0.0)
) -> Confirmation:
    """What the pairs of ``after_tokens`` and ``next_tokens`` in ``passes`` say, as they stood at the latest look.

    Pairs beyond a look and short of the next are left aside until it comes: looking more often would find by chance
    what is not there.

    Args:
        passes: of a job, in any sequence; those that hold no pairs say nothing.
        usual_ns: what lies between the two counts without any step, at least and at most.
    """
    ordered = sorted(filter(holds_pairs, passes), key=lambda one: (one.round, one.fence, one.number))
    differences = np.concatenate([np.empty(0), *(differences_of(one, after_tokens, next_tokens) for one in ordered)])
    looked_at = max((look for look in LOOKS if look <= len(differences)), default=0)
    found = Confirmation(
        after_tokens=after_tokens,
        next_tokens=next_tokens,
        pairs=len(differences),
        usual_low_ns=usual_ns[0],
        usual_high_ns=usual_ns[1],
    )
    if looked_at == 0:
        return found
    change_ns, low_ns, high_ns = pseudo_median(differences[:looked_at], LOOK_Z)
    return replace(found, change_ns=change_ns, low_ns=low_ns, high_ns=high_ns)


def differences_of(one: PassReadings, after_tokens: int, next_tokens: int) -> Floats:
    """Latency at ``next_tokens`` less that at ``after_tokens`` in ns, of each pair of the pass, in the order timed.

    A pair are two accepted readings with none at another count between them. A reading belongs to one pair at most;
    where one was rejected and taken again, the accepted one counts.
    """
    kept = accepted_of(one)
    tokens, latency_ns = one.tokens[kept], one.latency_ns[kept].astype(np.float64)
    found = []
    place = 0
    while place + 1 < len(tokens):
        if {int(tokens[place]), int(tokens[place + 1])} == {after_tokens, next_tokens}:
            sign = 1 if tokens[place] == after_tokens else -1
            found.append(sign * (latency_ns[place + 1] - latency_ns[place]))
            place += 1
        place += 1
    return np.array(found, np.float64)


def pseudo_median(values: Floats, z: float) -> tuple[float, float, float]:
    """The median of all means of two of ``values``, (n,), and the ends of its interval of ``z`` standard errors.

    Hodges and Lehmann's estimator with the interval that turns Wilcoxon's signed-rank test round: nothing is assumed of
    the noise but that it is symmetric, and a few wild values do not move it.
    """
    count = len(values)
    above = np.triu_indices(count)
    means = np.sort((values[above[0]] + values[above[1]]) / 2)
    expected = count * (count + 1) / 4
    spread = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    outside = max(0, math.floor(expected - z * spread))
    return float(np.median(means)), float(means[outside]), float(means[len(means) - 1 - outside])
