"""How found steps are held against planted ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WITHIN = 1
"""Tokens by which a step that is found may miss."""


@dataclass(frozen=True)
class Score:
    """Steps found and planted, only found, only planted; scores of several curves add up."""

    hits: int = 0
    false: int = 0
    missed: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.hits + other.hits, self.false + other.false, self.missed + other.missed)

    @property
    def f1(self) -> float:
        """2 hits / (2 hits + false + missed)."""
        return 2 * self.hits / max(2 * self.hits + self.false + self.missed, 1)

    @property
    def recall(self) -> float:
        """The share of the planted steps that was found."""
        return self.hits / max(self.hits + self.missed, 1)


def score(found: Sequence[int], planted: Sequence[int]) -> Score:
    """Each planted step is hit by one found step at most, within `WITHIN` tokens."""
    left = sorted(planted)
    hits = 0
    for place in sorted(found):
        near = [step for step in left if abs(step - place) <= WITHIN]
        if near:
            left.remove(near[0])
            hits += 1
    return Score(hits, len(found) - hits, len(planted) - hits)
