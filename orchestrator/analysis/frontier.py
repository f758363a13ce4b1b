"""The best schedules of a curve: the dynamic program on counts worth choosing and latencies at their worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.errors import StepfarmError
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.accuracy import AccuracyCurve
from orchestrator.analysis.passes import Floats, Integers
from orchestrator.analysis.prediction import BlocksMeasured, upper_costs
from orchestrator.analysis.programming import Path, cheapest, front, most_counts, worthiest
from orchestrator.analysis.sweet_spots import SweetSpot, SweetSpotKind

ACCURACY_GRAIN = 1_000
"""Steps of accuracy that are told apart, from none to that of the untouched model: rounded down, so that a floor holds.
"""

MOST_POINTS = 60
"""Schedules of the front that are kept to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the best schedule shall keep to: at most one of these.

    ``latency_ns`` is a budget of a forward pass, ``mean_tokens`` of the tokens that leave a block on average,
    ``accuracy`` the least that is left of the untouched model's, 0 to 1.

    Raises:
        StepfarmError: more than one is wished for, or what cannot be.
    """

    latency_ns: float | None = None
    mean_tokens: float | None = None
    accuracy: float | None = None

    def __post_init__(self) -> None:
        wished = [value for value in (self.latency_ns, self.mean_tokens, self.accuracy) if value is not None]
        if len(wished) > 1:
            raise StepfarmError(
                "A latency, a token budget and an accuracy floor are asked for at once.", "Choose one of the three."
            )
        if any(not value > 0 for value in wished):
            raise StepfarmError("A budget or floor is not above zero.", "Give one above zero.")
        if self.accuracy is not None and self.accuracy > 1:
            raise StepfarmError(
                f"An accuracy floor of {self.accuracy:g} asks for more than the untouched model has.",
                "It is a share of that model's accuracy, such as 0.98.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """A schedule that no other beats both in latency at its worst and in what is kept.

    ``kept`` is the share of tokens or of accuracy, 0 to 1.
    """

    leaving: tuple[int, ...]
    worst_ns: float
    kept: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frontier:
    """Every such schedule over ``counts``, descending, all of them timed."""

    counts: Integers
    paths: tuple[Path, ...]
    whole: float

    def at(self, path: Path) -> FrontPoint:
        """A path of the front as a schedule."""
        leaving = tuple(int(self.counts[place]) for place in path.places)
        return FrontPoint(leaving=leaving, worst_ns=path.cost, kept=path.worth / self.whole)

    def best(self, *, worst_ns: float | None = None, kept: float | None = None) -> FrontPoint | None:
        """The schedule that keeps the most within a latency, or is fastest among those that keep so much, or None."""
        if worst_ns is not None:
            path = worthiest(self.paths, cost=worst_ns)
        else:
            path = cheapest(self.paths, worth=(kept or 0.0) * self.whole)
        return None if path is None else self.at(path)

    def shown(self) -> tuple[FrontPoint, ...]:
        """Some of them, evenly along the front, the ends among them."""
        places = np.unique(np.linspace(0, len(self.paths) - 1, min(MOST_POINTS, len(self.paths))).round().astype(int))
        return tuple(self.at(self.paths[place]) for place in places)


def frontier_of(
    measured: BlocksMeasured,
    spots: Sequence[SweetSpot],
    *,
    method: Method,
    full_tokens: int,
    prefix_tokens: int,
    accuracy: AccuracyCurve | None,
) -> Frontier | None:
    """The front of schedules over the sweet spots of a curve; None where the blocks were not timed at all tokens.

    What is kept is the mean, over the blocks, of the tokens that leave one, or of the accuracy stated at so many.
    """
    blocks = len(measured.shares)
    choices = choices_of(
        spots,
        timed=set(measured.tokens.tolist()),
        most=most_counts(blocks, levels_of(full_tokens, accuracy)),
        method=method,
        full_tokens=full_tokens,
        prefix_tokens=prefix_tokens,
        accuracy=accuracy,
    )
    if choices is None:
        return None
    costs, last = choices.costs(measured)
    return Frontier(
        counts=choices.counts,
        paths=front(costs, last, choices.worth(blocks), 0),
        whole=choices.whole * blocks,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choices:
    """The counts that a search chooses from, descending, with what a block that each leaves keeps of ``whole``."""

    method: Method
    counts: Integers
    kept: Floats
    whole: float
    forbidden: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    def costs(self, measured: BlocksMeasured) -> tuple[Floats, Floats]:
        """`upper_costs` of a device, infinite too where the method cannot go."""
        costs, last = upper_costs(measured, self.method, self.counts)
        costs[:, self.forbidden] = np.inf
        return costs, last

    def worth(self, blocks: int) -> Floats:
        """What is kept, for each block and count, (blocks, counts)."""
        return np.tile(self.kept, (blocks, 1))


def levels_of(full_tokens: int, accuracy: AccuracyCurve | None) -> int:
    """How many different worths a block can have."""
    return full_tokens if accuracy is None else ACCURACY_GRAIN


def choices_of(
    spots: Sequence[SweetSpot],
    *,
    timed: set[int],
    most: int,
    method: Method,
    full_tokens: int,
    prefix_tokens: int,
    accuracy: AccuracyCurve | None,
) -> Choices | None:
    """What to choose from: at most so many of the sweet spots, where blocks were timed and accuracy is known.

    None where the untouched model is not among them.
    """
    counts = _worth_choosing(timed, spots, full_tokens, most)
    if counts is None:
        return None
    kept, whole = _worth(counts, full_tokens, accuracy)
    known = np.isfinite(kept)
    counts, kept = counts[known], kept[known]
    if len(counts) == 0 or counts[0] != full_tokens:
        return None
    forbidden = _forbidden(method, counts, prefix_tokens)
    return Choices(method=method, counts=counts, kept=kept, whole=whole, forbidden=forbidden)


def _worth_choosing(timed: set[int], spots: Sequence[SweetSpot], full_tokens: int, most: int) -> Integers | None:
    """The sweet spots at which blocks were timed, descending; edges and dips before levels on slopes."""
    if full_tokens not in timed:
        return None
    able = [spot for spot in spots if spot.tokens in timed and spot.tokens < full_tokens]
    sharp = sorted({spot.tokens for spot in able if spot.kind is not SweetSpotKind.SLOPE})
    gentle = sorted({spot.tokens for spot in able if spot.kind is SweetSpotKind.SLOPE} - set(sharp))
    chosen = _spread(sharp, most - 1)
    chosen += _spread(gentle, most - 1 - len(chosen))
    return np.array(sorted({full_tokens, *chosen}, reverse=True), np.int64)


def _spread(tokens: Sequence[int], most: int) -> list[int]:
    """At most so many of ``tokens``, evenly over them."""
    if most <= 0 or not tokens:
        return []
    places = np.unique(np.linspace(0, len(tokens) - 1, min(most, len(tokens))).round().astype(int))
    return [tokens[place] for place in places]


def _worth(counts: Integers, full_tokens: int, accuracy: AccuracyCurve | None) -> tuple[Floats, float]:
    """What a block that is left by each count keeps, in whole numbers, and what the untouched one does."""
    if accuracy is None:
        return counts.astype(np.float64), float(full_tokens)
    known = accuracy.at(counts)
    untouched = float(accuracy.at(np.array([full_tokens]))[0])
    return np.floor(ACCURACY_GRAIN * known / untouched), float(ACCURACY_GRAIN)


def _forbidden(method: Method, counts: Integers, prefix_tokens: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which steps from one count to another the method cannot do, (counts, counts)."""
    made_for = Schedule(method=method, tokens=int(counts[0]), prefix_tokens=prefix_tokens, leaving=(int(counts[0]),))
    fewest = np.array([made_for.fewest_leaving(int(entering)) for entering in counts])
    fewer: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = counts[None, :] < counts[:, None]
    return fewer & (counts[None, :] < fewest[:, None])
