"""The best schedules of all: an exact dynamic program over the blocks of a model.

A path says with how many tokens each block is left. It costs time and is worth something, tokens or accuracy, and no
path is best at both: what is found is the front, every path that no other beats at one without losing at the other.
Any budget or floor then is a place on the front.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.passes import Floats, Integers

WORK = 3e7
"""Sums that a search may take: some seconds."""

FEWEST_COUNTS, MOST_COUNTS = 6, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One way through the blocks: the place of the count that leaves each, in the counts that were searched."""

    places: tuple[int, ...]
    cost: float
    worth: float


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """The paths to one count after one block that no other beats, by rising cost and worth, and where they come from.

    Arrays of one length: ``count`` is the place of the count before, ``label`` the path's place among that count's.
    """

    cost: Floats
    worth: Floats
    count: Integers
    label: Integers

    def kept(self) -> _Labels:
        """Those that no other beats."""
        order = np.lexsort((-self.worth, self.cost))
        worth = self.worth[order]
        best_before = np.concatenate(([-np.inf], np.maximum.accumulate(worth)[:-1]))
        order = order[worth > best_before]
        return _Labels(self.cost[order], self.worth[order], self.count[order], self.label[order])


_NONE = _Labels(np.empty(0), np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))


def most_counts(blocks: int, levels: int) -> int:
    """How many counts can be searched in some seconds, where a block's worth has so many different ``levels``."""
    fitting = int((2 * WORK / (blocks * blocks * levels)) ** 0.5)
    return max(FEWEST_COUNTS, min(MOST_COUNTS, fitting))


def front(costs: Floats, last: Floats, worth: Floats, start: int) -> tuple[Path, ...]:
    """Every path through the blocks that no other beats, by rising cost and worth.

    Args:
        costs: of block i that is entered by count a and left by count b, (blocks, counts, counts); infinite where that
            cannot be.
        last: what is added where the last block is left by count b, (counts,).
        worth: of leaving block i with count b, (blocks, counts); added up.
        start: the place of the count that enters the first block.
    """
    blocks, counts = worth.shape
    here = [_NONE] * counts
    here[start] = _Labels(np.zeros(1), np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.int64))
    behind: list[list[_Labels]] = []
    for block in range(blocks):
        behind.append(here)
        here = [_arriving(here, costs[block, :, count], worth[block, count]) for count in range(counts)]
    ended = [_Labels(one.cost + added, one.worth, one.count, one.label) for one, added in zip(here, last, strict=True)]
    return _walked_back([*behind[1:], here], _joined(ended).kept())


def _arriving(before: list[_Labels], costs: Floats, worth: float) -> _Labels:
    """The labels at a count, of those at every count before it."""
    can = [count for count, labels in enumerate(before) if len(labels.cost) and np.isfinite(costs[count])]
    if not can:
        return _NONE
    moved = [_Labels(before[a].cost + costs[a], before[a].worth + worth, before[a].count, before[a].label) for a in can]
    return _joined(moved, can).kept()


def _joined(each: list[_Labels], places: list[int] | None = None) -> _Labels:
    """All labels in one, which come from ``places``, one a list of labels."""
    named = range(len(each)) if places is None else places
    return _Labels(
        np.concatenate([one.cost for one in each]),
        np.concatenate([one.worth for one in each]),
        np.concatenate([np.full(len(one.cost), place) for place, one in zip(named, each, strict=True)]),
        np.concatenate([np.arange(len(one.cost)) for one in each]),
    )


def _walked_back(after: list[list[_Labels]], best: _Labels) -> tuple[Path, ...]:
    paths = []
    for cost, worth, count, label in zip(best.cost, best.worth, best.count, best.label, strict=True):
        places = []
        for labels in reversed(after):
            places.append(int(count))
            count, label = labels[count].count[label], labels[count].label[label]  # noqa: PLW2901  # one step back
        paths.append(Path(places=tuple(reversed(places)), cost=float(cost), worth=float(worth)))
    return tuple(paths)


def cheapest(paths: tuple[Path, ...], *, worth: float) -> Path | None:
    """The path of the front that is worth at least so much for the least cost; None where none is."""
    return next((path for path in paths if path.worth >= worth - 1e-9), None)


def worthiest(paths: tuple[Path, ...], *, cost: float) -> Path | None:
    """The path of the front that costs at most so much and is worth the most; None where none is as cheap."""
    within = [path for path in paths if path.cost <= cost]
    return within[-1] if within else None
