"""Schedules to choose between: the best of all, the recommended single prune, uniform pruning, the paper's choice.

What a schedule will cost is predicted from the blocks, timed in place on the device; where they were not, nothing is
predicted and it is said how to get there. Nothing here is proved: for that the device times the pruned model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from agent.errors import StepfarmError
from agent.wire.codec import WireError
from agent.wire.conditions import Doubt
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.accuracy import AccuracyCurve, refuse_floor_without
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.comparison import ratios_of
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.frontier import Frontier, FrontPoint, Wish, frontier_of
from orchestrator.analysis.intervals import WIDTH_95
from orchestrator.analysis.prediction import BlocksMeasured, OutOfReach, predict
from orchestrator.analysis.shapes import DEPTH_SHARE, single_prune, uniform_pruning
from orchestrator.analysis.utility import ALPHA, papers_choice

DENSITY = "token density n / N (no accuracy curve was stated)"

UNPREDICTED = (
    "Nothing can be predicted for this curve: the blocks of the model were not timed in place. Time them: "
    "stepfarm sweep create MODEL --device NAME --blocks"
)


class Origin(str, Enum):
    """Where a schedule comes from."""

    BEST = "best"
    RECOMMENDED = "recommended"
    PAPER = "paper"
    UNIFORM = "uniform"


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

    ``tokens`` is what a single prune keeps, None for other schedules; ``density`` the mean over blocks of the tokens
    that leave one, over all tokens. ``measured`` is the model cut to ``tokens`` before its first block, the most that
    the prune can save; ``predicted`` is the schedule itself, None where the blocks do not tell. ``as_good`` are other
    counts that the paper's utility cannot tell from its choice.
    """

    origin: Origin
    schedule: Schedule
    tokens: int | None
    density: float
    measured: Saving | None
    predicted: Saving | None
    reason: str
    as_good: tuple[int, ...] = ()

    @property
    def leaving(self) -> tuple[int, ...]:
        """The tokens that leave each block."""
        return self.schedule.leaving

    def kept(self, accuracy: AccuracyCurve | None) -> float:
        """What is kept over the blocks on average, 0 to 1: of ``accuracy``, or of the tokens where there is none."""
        if accuracy is None:
            return self.density
        of_each = accuracy.at(np.array([*self.leaving, self.schedule.tokens]))
        return float(of_each[:-1].mean() / of_each[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulesFound:
    """The options of one curve, why one is missing, and what there is to doubt of the curve that they rest on.

    ``accuracy`` says what was weighed against latency: a stated or measured accuracy curve, or the token density.
    ``front`` are schedules that none beats, by rising latency; empty where nothing can be predicted.
    """

    full_tokens: int
    blocks: int
    pruned_in_block: int
    method: Method
    alpha: float
    accuracy: str
    options: tuple[Option, ...]
    front: tuple[FrontPoint, ...]
    missing: tuple[str, ...]
    doubts: tuple[Doubt, ...]

    def option(self, origin: Origin) -> Option | None:
        """The option from ``origin``, None where there is none."""
        return next((option for option in self.options if option.origin is origin), None)


def schedules_of(
    analysis: Analysis,
    *,
    full_tokens: int,
    prefix_tokens: int,
    blocks: int,
    method: Method = Method.ONE_MORE,
    alpha: float = ALPHA,
    accuracy: AccuracyCurve | None = None,
    wish: Wish | None = None,
) -> SchedulesFound:
    """The best schedule within ``wish``, the recommended single prune, the paper's choice, and uniform pruning.

    Args:
        analysis: of a curve.
        full_tokens: tokens of the untouched model.
        prefix_tokens: class and register tokens among them.
        blocks: transformer blocks of the model.
        method: how blocks choose the tokens that go.
        alpha: what latency weighs in the paper's utility, 0 to 1.
        accuracy: the stated accuracy curve; None for the token density.
        wish: a budget or floor; without one, as many tokens as the recommended prune, or the paper's, leaves.

    Raises:
        StepfarmError: ``alpha`` is not from 0 to 1, or an accuracy floor is wished for and no accuracy was stated.
    """
    if not 0 <= alpha <= 1:
        raise StepfarmError(f"Alpha is {alpha:g}.", "It lies between 0 (accuracy alone) and 1 (latency alone).")
    if wish is not None and wish.accuracy is not None:
        refuse_floor_without(accuracy)
    maker = _Maker(analysis, full_tokens, prefix_tokens, blocks, method)
    found: list[Option | str] = []
    frontier = None
    if maker.full is None:
        found.append(f"The full model, {full_tokens} tokens, was not measured, so there is nothing to save against.")
    else:
        recommended, paper = maker.recommended(), maker.paper(alpha, accuracy)
        if analysis.blocks is None:
            found.append(UNPREDICTED)
        else:
            frontier = maker.frontier(analysis.blocks, accuracy)
            found.append(maker.best(frontier, wish or _as_many_as(recommended, paper)))
        beside = next(
            (one for one in (*found, recommended, paper) if isinstance(one, Option) and one.density < 1), None
        )
        found += [recommended, paper, maker.uniform(beside)]
    return SchedulesFound(
        full_tokens=full_tokens,
        blocks=blocks,
        pruned_in_block=blocks // DEPTH_SHARE,
        method=method,
        alpha=alpha,
        accuracy=DENSITY if accuracy is None else accuracy.source,
        options=tuple(one for one in found if isinstance(one, Option)),
        front=() if frontier is None else frontier.shown(),
        missing=tuple(one for one in found if isinstance(one, str)),
        doubts=analysis.curve.doubts,
    )


def _as_many_as(*options: Option | str) -> Wish | None:
    """The token budget of the first option that removes any."""
    chosen = _first_that_prunes(options)
    return None if chosen is None else Wish(mean_tokens=chosen.density * chosen.schedule.tokens)


def _first_that_prunes(options: Sequence[Option | str]) -> Option | None:
    return next((one for one in options if isinstance(one, Option) and one.schedule.prunes), None)


def uniform_beside(schedule: Schedule) -> Schedule | None:
    """Uniform pruning by the same method that leaves as many tokens in all; None where that cannot be done."""
    blocks = len(schedule.leaving)
    leaving = uniform_pruning(sum(schedule.leaving), schedule.tokens, blocks)
    return None if leaving is None else _scheduled(schedule.method, schedule.tokens, schedule.prefix_tokens, leaving)


def _scheduled(method: Method, tokens: int, prefix_tokens: int, leaving: tuple[int, ...]) -> Schedule | None:
    try:
        return Schedule(method=method, tokens=tokens, prefix_tokens=prefix_tokens, leaving=leaving)
    except WireError:
        return None


def saving_predicted(blocks: BlocksMeasured | None, curve: Curve, schedule: Schedule) -> Saving | None:
    """What ``schedule`` is predicted to take and to save, against the untouched model on ``curve``, as it was measured.

    None where blocks were not timed, or not at these counts, or the untouched model was not measured.
    """
    full = curve.point_at(schedule.tokens)
    if blocks is None or full is None:
        return None
    try:
        said = predict(blocks, schedule)
    except OutOfReach:
        return None
    ratio = said.latency_ns / full.latency_ns
    reach = WIDTH_95 * ratio * math.hypot(said.error, full.standard_error_ns / full.latency_ns)
    return Saving(
        latency_ns=said.latency_ns,
        low_ns=said.low_ns,
        high_ns=said.high_ns,
        saves_percent=100 * (1 - ratio),
        saves_low_percent=100 * (1 - ratio - reach),
        saves_high_percent=100 * (1 - ratio + reach),
    )


class _Maker:
    """Makes the options of one curve, or words for what is missing."""

    def __init__(self, analysis: Analysis, full_tokens: int, prefix_tokens: int, blocks: int, method: Method) -> None:
        self._analysis = analysis
        self._full_tokens = full_tokens
        self._prefix_tokens = prefix_tokens
        self._blocks = blocks
        self._method = method
        self._ratios = ratios_of(analysis.curve, full_tokens)
        self.full = None if self._ratios is None else analysis.curve.point_at(full_tokens)

    def recommended(self) -> Option | str:
        """The recommended single prune."""
        choices = self._analysis.recommendation.choices
        if not choices:
            return self._analysis.recommendation.note
        return self._single(Origin.RECOMMENDED, choices[0].tokens, choices[0].reason)

    def paper(self, alpha: float, accuracy: AccuracyCurve | None) -> Option | str:
        """The paper's choice, deployed as chosen: so many tokens, the fused one among them, leave the block."""
        chosen = papers_choice(
            self._analysis.curve,
            full_tokens=self._full_tokens,
            fewest=self._fewest,
            alpha=alpha,
            accuracy=accuracy,
        )
        if chosen is None:
            return "The stated accuracy curve covers no measured token count, so the paper's utility has no choice."
        reason = f"the largest utility, {chosen.utility:.3f}"
        return self._single(Origin.PAPER, chosen.tokens, reason, as_good=chosen.as_good)

    def frontier(self, measured: BlocksMeasured, accuracy: AccuracyCurve | None) -> Frontier | None:
        """The front of all schedules over the sweet spots."""
        return frontier_of(
            measured,
            self._analysis.sweet_spots,
            method=self._method,
            full_tokens=self._full_tokens,
            prefix_tokens=self._prefix_tokens,
            accuracy=accuracy,
        )

    def best(self, frontier: Frontier | None, wish: Wish | None) -> Option | str:
        """The best schedule of the front within ``wish``."""
        if frontier is None:
            return f"The blocks were not timed at all {self._full_tokens} tokens, so no best schedule can be found."
        if wish is None:
            return "No token is worth removing, so there is no best schedule; ask for a budget to have one."
        kept = wish.accuracy if wish.mean_tokens is None else wish.mean_tokens / self._full_tokens
        point = frontier.best(worst_ns=wish.latency_ns, kept=kept)
        if point is None:
            fastest = frontier.best(kept=0)
            assert fastest is not None
            return (
                f"No schedule surely keeps to that: the fastest takes up to {fastest.worst_ns / 1e6:.3f} ms, and the "
                "untouched model keeps the most."
            )
        if wish.latency_ns is not None:
            reason = f"keeps the most of all that surely take at most {wish.latency_ns / 1e6:.3f} ms"
        elif wish.mean_tokens is not None:
            reason = f"the fastest at its worst of all that leave a block {wish.mean_tokens:.1f} tokens on average"
        else:
            reason = f"the fastest at its worst of all that are to keep {100 * (wish.accuracy or 0):.1f} % of accuracy"
        return self._option(Origin.BEST, point.leaving, reason)

    def uniform(self, beside: Option | None) -> Option | str:
        """Uniform pruning with as many tokens in all as ``beside``."""
        if beside is None:
            return "Uniform pruning stands beside another schedule, and none removes a token."
        leaving = uniform_pruning(sum(beside.leaving), self._full_tokens, self._blocks)
        if leaving is None:
            return "Uniform pruning cannot remove as many tokens: none would be left at the end."
        removed = (self._full_tokens - leaving[-1]) / self._blocks
        return self._option(
            Origin.UNIFORM,
            leaving,
            f"about {removed:.1f} tokens go in every block; as many are left in all as by {beside.origin.value}",
        )

    @property
    def _fewest(self) -> int:
        """The fewest tokens that a single prune can leave."""
        whole = _scheduled(self._method, self._full_tokens, self._prefix_tokens, (self._full_tokens,))
        return self._full_tokens if whole is None else whole.fewest_leaving(self._full_tokens)

    def _single(self, origin: Origin, tokens: int, reason: str, *, as_good: tuple[int, ...] = ()) -> Option | str:
        leaving = single_prune(tokens, self._full_tokens, self._blocks)
        return self._option(origin, leaving, reason, tokens=tokens, as_good=as_good)

    def _option(
        self,
        origin: Origin,
        leaving: tuple[int, ...],
        reason: str,
        *,
        tokens: int | None = None,
        as_good: tuple[int, ...] = (),
    ) -> Option | str:
        schedule = _scheduled(self._method, self._full_tokens, self._prefix_tokens, leaving)
        if schedule is None:
            return f"The method {self._method.value} cannot leave as few tokens as {origin.value} asks: {min(leaving)}."
        return Option(
            origin=origin,
            schedule=schedule,
            tokens=tokens,
            density=sum(leaving) / (self._blocks * self._full_tokens),
            measured=None if tokens is None else self._cut_first(tokens),
            predicted=saving_predicted(self._analysis.blocks, self._analysis.curve, schedule),
            reason=reason,
            as_good=as_good,
        )

    def _cut_first(self, tokens: int) -> Saving | None:
        """What was measured at ``tokens`` cut before the first block; None where that was not."""
        counts = np.array([point.tokens for point in self._analysis.curve.points], np.int64)
        place = int(np.searchsorted(counts, tokens))
        if self._ratios is None or place == len(counts) or counts[place] != tokens:
            return None
        point = self._analysis.curve.points[place]
        return Saving(
            latency_ns=point.latency_ns,
            low_ns=point.low_ns,
            high_ns=point.high_ns,
            saves_percent=100 * (1 - float(self._ratios.ratio[place])),
            saves_low_percent=100 * (1 - float(self._ratios.high[place])),
            saves_high_percent=100 * (1 - float(self._ratios.low[place])),
        )
