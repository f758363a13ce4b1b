"""Single prunes to choose between: the recommended one, uniform pruning in its place, and the paper's choice.

A schedule is the number of tokens that leave each block. What it will cost is predicted from the curve of the whole
model: every block costs the same share of it, by the tokens that enter the block. Nothing here is proved: for that the
pruned model has to be timed on the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from agent.errors import StepfarmError
from agent.wire.conditions import Doubt
from orchestrator.analysis.accuracy import AccuracyCurve
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.comparison import ratios_of
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.intervals import WIDTH_95
from orchestrator.analysis.passes import Floats, Integers

ALPHA = 0.5
"""What latency weighs in the paper's utility; the rest is accuracy's."""

DEPTH_SHARE = 4
"""A single prune happens in the block that is a quarter of the depth down, block 3 of 12, as in the paper's code."""


class Origin(str, Enum):
    """Where a schedule comes from."""

    RECOMMENDED = "recommended"
    UNIFORM = "uniform"
    PAPER = "paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """A latency, and what it saves against the full model in per cent, both with an interval."""

    latency_ns: float
    low_ns: float
    high_ns: float
    saves_percent: float
    saves_low_percent: float
    saves_high_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One schedule, and what is known of it.

    ``tokens`` is what a single prune keeps, None for uniform pruning. ``leaving`` are the tokens that leave each block,
    ``mean_tokens`` the mean of those that enter one. ``measured`` is the model cut to ``tokens`` before its first
    block, the most that the prune can save; ``predicted`` is the schedule itself, None where the curve does not reach.
    ``verified`` is whether the device was timed with it. ``as_good`` are other counts that the paper's utility cannot
    tell from its choice.
    """

    origin: Origin
    tokens: int | None
    leaving: tuple[int, ...]
    mean_tokens: float
    measured: Saving | None
    predicted: Saving | None
    reason: str
    as_good: tuple[int, ...] = ()
    verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulesFound:
    """The options of one curve, why one is missing, and what there is to doubt of the curve that they rest on.

    ``accuracy`` says what the paper's utility weighed: a stated accuracy curve or the token density.
    """

    full_tokens: int
    blocks: int
    pruned_in_block: int
    alpha: float
    accuracy: str
    options: tuple[Option, ...]
    missing: tuple[str, ...]
    doubts: tuple[Doubt, ...]

    def option(self, origin: Origin) -> Option | None:
        """The option from ``origin``, None where there is none."""
        return next((option for option in self.options if option.origin is origin), None)


STATED = "stated accuracy curve"
DENSITY = "token density n / N (no accuracy curve was stated)"


def schedules_of(
    analysis: Analysis, *, full_tokens: int, blocks: int, alpha: float = ALPHA, accuracy: AccuracyCurve | None = None
) -> SchedulesFound:
    """The recommended single prune, uniform pruning at the same mean tokens, and the paper's choice.

    Args:
        analysis: of a curve.
        full_tokens: tokens of the untouched model.
        blocks: transformer blocks of the model.
        alpha: what latency weighs in the paper's utility, 0 to 1.
        accuracy: the stated accuracy curve; None for the token density.

    Raises:
        StepfarmError: ``alpha`` is not from 0 to 1.
    """
    if not 0 <= alpha <= 1:
        raise StepfarmError(f"Alpha is {alpha:g}.", "It lies between 0 (accuracy alone) and 1 (latency alone).")
    costs = _Costs.of(analysis.curve, full_tokens)
    found: tuple[Option | str, ...]
    if costs is None:
        found = (f"The full model, {full_tokens} tokens, was not measured, so there is nothing to save against.",)
    else:
        recommended = _recommended(analysis, costs, blocks)
        found = (recommended, _uniform(recommended, costs, blocks), _paper(costs, blocks, alpha, accuracy))
    return SchedulesFound(
        full_tokens=full_tokens,
        blocks=blocks,
        pruned_in_block=blocks // DEPTH_SHARE,
        alpha=alpha,
        accuracy=DENSITY if accuracy is None else STATED,
        options=tuple(one for one in found if isinstance(one, Option)),
        missing=tuple(one for one in found if isinstance(one, str)),
        doubts=analysis.curve.doubts,
    )


def entering(leaving: tuple[int, ...], full_tokens: int) -> tuple[int, ...]:
    """The tokens that enter each block, of those that leave each."""
    return (full_tokens, *leaving[:-1])


def single_prune(tokens: int, full_tokens: int, blocks: int) -> tuple[int, ...]:
    """The tokens that leave each block where all but ``tokens`` go in the block a quarter of the depth down."""
    before = blocks // DEPTH_SHARE
    return (full_tokens,) * before + (tokens,) * (blocks - before)


def uniform_pruning(entering_in_all: int, full_tokens: int, blocks: int) -> tuple[int, ...] | None:
    """The tokens that leave each block where equally many go in every one, to the nearest token.

    Args:
        entering_in_all: the sum over blocks of the tokens that enter, which the schedule is to have.
        full_tokens: tokens of the untouched model.
        blocks: how many blocks there are.

    Returns:
        None where no token would be left for the last block.
    """
    if blocks == 1:
        return None
    removed_a_block = 2 * (blocks * full_tokens - entering_in_all) / (blocks * (blocks - 1))
    left = np.rint(full_tokens - removed_a_block * np.arange(1, blocks + 1)).astype(np.int64)
    if left[-2] < 1:
        return None
    return tuple(np.maximum(left, 1).tolist())


def utility(latency_ns: Floats, accuracy: Floats, alpha: float) -> Floats:
    """The paper's U(n) = a (1 - L(n) / max L) + (1 - a) A(n) / max A (Eliopoulos et al. 2025, arXiv 2407.05941)."""
    useful: Floats = alpha * (1 - latency_ns / latency_ns.max()) + (1 - alpha) * accuracy / accuracy.max()
    return useful


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Costs:
    """The curve as what blocks cost: columns over its counts, and the latency of the full model."""

    full_tokens: int
    tokens: Integers
    latency: _Column
    ratio: _Column
    error_ns: Floats

    @classmethod
    def of(cls, curve: Curve, full_tokens: int) -> _Costs | None:
        ratios = ratios_of(curve, full_tokens)
        if ratios is None:
            return None
        points = curve.points
        return cls(
            full_tokens=full_tokens,
            tokens=np.array([point.tokens for point in points], np.int64),
            latency=_Column(
                np.array([point.latency_ns for point in points]),
                np.array([point.low_ns for point in points]),
                np.array([point.high_ns for point in points]),
            ),
            ratio=_Column(ratios.ratio, ratios.low, ratios.high),
            error_ns=np.array([point.standard_error_ns for point in points]),
        )

    def saving(self, entering_tokens: tuple[int, ...]) -> Saving | None:
        """What a model costs whose blocks are entered by these tokens, each block an equal share of the whole.

        Between two measured counts the latency is on the line between them and the interval covers those of both. The
        intervals of blocks add up as they are: what is off at a count is off in every block that has it.

        Returns:
            None where a count is smaller than every measured one.
        """
        wanted = np.array(entering_tokens, np.int64)
        if wanted.min() < self.tokens[0] or wanted.max() > self.tokens[-1]:
            return None
        latency_ns, low_ns, high_ns = self.latency.mean_at(wanted, self.tokens)
        ratio, ratio_low, ratio_high = self.ratio.mean_at(wanted, self.tokens)
        return Saving(
            latency_ns=latency_ns,
            low_ns=low_ns,
            high_ns=high_ns,
            saves_percent=100 * (1 - ratio),
            saves_low_percent=100 * (1 - ratio_high),
            saves_high_percent=100 * (1 - ratio_low),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """Values with intervals, one a count."""

    value: Floats
    low: Floats
    high: Floats

    def mean_at(self, wanted: Integers, counts: Integers) -> tuple[float, float, float]:
        """Mean, mean lower and mean upper end over the counts ``wanted``, none of them beyond ``counts``."""
        right = np.searchsorted(counts, wanted)
        left = np.where(counts[right] == wanted, right, right - 1)
        value = np.interp(wanted, counts, self.value)
        low = np.minimum(self.low[left], self.low[right])
        high = np.maximum(self.high[left], self.high[right])
        return float(value.mean()), float(low.mean()), float(high.mean())


def _recommended(analysis: Analysis, costs: _Costs, blocks: int) -> Option | str:
    choices = analysis.recommendation.choices
    if not choices:
        return analysis.recommendation.note
    best = choices[0]
    return _single(Origin.RECOMMENDED, best.tokens, costs, blocks, reason=best.reason, verified=best.verified)


def _single(
    origin: Origin,
    tokens: int,
    costs: _Costs,
    blocks: int,
    *,
    reason: str,
    as_good: tuple[int, ...] = (),
    verified: bool = False,
) -> Option:
    leaving = single_prune(tokens, costs.full_tokens, blocks)
    into = entering(leaving, costs.full_tokens)
    return Option(
        origin=origin,
        tokens=tokens,
        leaving=leaving,
        mean_tokens=sum(into) / blocks,
        measured=costs.saving((tokens,)),
        predicted=costs.saving(into),
        reason=reason,
        as_good=as_good,
        verified=verified,
    )


def _uniform(recommended: Option | str, costs: _Costs, blocks: int) -> Option | str:
    if isinstance(recommended, str):
        return "Uniform pruning stands beside a recommendation, and there is none."
    in_all = sum(entering(recommended.leaving, costs.full_tokens))
    leaving = uniform_pruning(in_all, costs.full_tokens, blocks)
    if leaving is None:
        return "Uniform pruning cannot remove as many tokens as the recommended prune: none would be left at the end."
    into = entering(leaving, costs.full_tokens)
    removed = (costs.full_tokens - leaving[-1]) / blocks
    return Option(
        origin=Origin.UNIFORM,
        tokens=None,
        leaving=leaving,
        mean_tokens=sum(into) / blocks,
        measured=None,
        predicted=costs.saving(into),
        reason=f"about {removed:.1f} tokens leave every block; as many tokens in all blocks together as recommended",
    )


def _paper(costs: _Costs, blocks: int, alpha: float, accuracy: AccuracyCurve | None) -> Option | str:
    known = costs.tokens / costs.full_tokens if accuracy is None else accuracy.at(costs.tokens)
    among = np.flatnonzero(np.isfinite(known) & (costs.tokens <= costs.full_tokens))[::-1]
    if len(among) == 0 or not np.max(known[among]) > 0:
        return "The stated accuracy curve covers no measured token count, so the paper's utility has nothing to choose."
    useful = utility(costs.latency.value[among], known[among], alpha)
    best = int(np.argmax(useful))
    # The latencies' errors alone: an accuracy counts as exact.
    error = alpha * np.hypot(costs.error_ns[among], costs.error_ns[among[best]]) / costs.latency.value[among].max()
    as_good = np.flatnonzero(useful[best] - useful <= WIDTH_95 * error)
    return _single(
        Origin.PAPER,
        int(costs.tokens[among[best]]),
        costs,
        blocks,
        reason=f"the largest utility, {useful[best]:.3f}",
        as_good=tuple(sorted(int(costs.tokens[among[index]]) for index in as_good if index != best)),
    )
