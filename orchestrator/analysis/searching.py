"""Where to measure next so that few readings find every step: a coarse grid, then the places that are not sure yet.

Nothing here asks for a count that the plan does not have, and nothing without end: a place is given up once its counts
were asked for often enough.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.breaks import Break
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.cutting import PENALTY, SHORTEST_PIECE
from orchestrator.analysis.pieces import pieces_of

USUAL_PASSES = 7
"""The passes of a plan for which the efforts below are meant; others scale them."""

GRID_READINGS = 400
"""Readings over the grid, about: a long grid has more points on each plateau, and needs fewer visits to each."""

LONG_CURVE = 400
"""Counts beyond which a curve is long: with as many steps, few of its plateaus are narrow."""

FEWEST_VISITS, MOST_FIRST_VISITS = 2, 4
"""Visits to each count of the grid, at least and at most."""

LOOK_VISITS = 2
"""Passes over the counts around a place, one look after the other."""

LAST_VISITS = 10
"""A place whose counts were all asked for as often stays as it is: sure or not."""

GIVEN_UP = ((4, 1.5), (8, 2.5))
"""After so many visits to all of its counts, a place that is less clear than this is taken for a bend."""

BESIDE = 3
"""Counts that are measured on each side of a jump."""

SURE_Z = 4.0
"""A jump as clear as this needs no more readings to be believed."""

DISTURBED_Z = 1.0
"""A narrow place less clear than this is more likely one disturbed count than a step: its neighbours are measured once
more, and none is added, before it is taken for either."""

STURDY_VISITS = 3
"""Visits from which the median stands one disturbed reading, so that nobody need ask."""

NEXT_TO = 2
"""Measured counts on each side of such a place that are measured once more."""

LOOSE_PENALTY = 2.2
"""What a piece costs in ln(points) where places are looked for: less than usual, or small steps would not be seen."""

LATE = 6
LATE_Z = 2.0
"""After so many rounds a place must be as clear as this to be looked at: noise goes on making others."""

MOST_PLACES = 40
"""Places looked at in one round, the clearest first."""

MOST_AROUND = 10
"""Counts around a place at most, the likeliest in their middle: an interval wider than that is a guess."""

INSIDE = 6
"""A bracket with more unmeasured counts than this is divided; one with fewer is filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How many visits a count gets: ``first`` on the grid, ``look`` in each further look, ``last`` at most.

    ``given_up`` is `GIVEN_UP` for this effort.
    """

    first: int
    look: int
    last: int
    given_up: tuple[tuple[int, float], ...]

    @classmethod
    def of(cls, passes: int, grid: int) -> Effort:
        """What a plan of so many ``passes`` spends on a search over a ``grid`` of so many counts."""
        share = passes / USUAL_PASSES
        first = min(max(GRID_READINGS / grid, FEWEST_VISITS), MOST_FIRST_VISITS)
        return cls(
            first=max(1, round(share * first)),
            look=max(1, round(share * LOOK_VISITS)),
            last=max(1, round(share * LAST_VISITS)),
            given_up=tuple((max(1, round(share * visits)), z) for visits, z in GIVEN_UP),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where latency may jump: the last count before lies in ``low`` to ``high``, indices into the plan's counts.

    ``here`` is the likeliest. ``z`` says how clearly it is a jump, as it does of a step.
    """

    low: int
    here: int
    high: int
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Counts to visit ``passes`` times, ascending, for the sake of one place."""

    tokens: tuple[int, ...]
    passes: int


def spacing_of(narrowest: int, stride: int, counts: int) -> int:
    """How many of the plan's ``counts``, ``stride`` tokens apart, lie from one count of the grid to the next.

    A plateau must hold two counts of the grid at least, wherever it begins: the distance is less than half of the
    narrowest. On a short curve, where many plateaus may be as narrow, it is a third at most: most then hold three, as a
    piece must.
    """
    half = math.ceil(narrowest / 2) - 1
    third = max(1, narrowest // 3)
    return max(1, (half if counts > LONG_CURVE else min(half, third)) // stride)


def grid_of(counts: Sequence[int], spacing: int) -> tuple[int, ...]:
    """Every ``spacing``-th of ``counts`` from the largest down, and the smallest."""
    return tuple(sorted({*counts[::-1][::spacing], counts[0]}))


def looks_of(curve: Curve, counts: Sequence[int], visits: Mapping[int, int], effort: Effort, rounds: int) -> list[Look]:
    """What to visit again for each place of ``curve`` that is not sure, the clearest first; empty when all is said.

    Args:
        curve: of the readings so far.
        counts: those of the plan, ascending.
        visits: how often each was asked for so far.
        effort: how often it may be.
        rounds: how many rounds were asked so far.
    """
    places = (place for place in places_of(curve, counts) if rounds < LATE or abs(place.z) >= LATE_Z)
    wanted = (_wanted(place, counts, visits, effort) for place in places)
    return [Look(tokens=tokens, passes=effort.look) for tokens in wanted if tokens]


def places_of(curve: Curve, counts: Sequence[int]) -> list[Place]:
    """The breaks of the usual cut, and those of a loose one apart from them, the clearest first."""
    if len(curve.points) < 2 * SHORTEST_PIECE:
        return []
    chosen: list[Break] = []
    for penalty in (PENALTY, LOOSE_PENALTY):
        for one in sorted(pieces_of(curve, penalty=penalty).breaks, key=lambda one: -abs(one.z)):
            if all(abs(one.first - other.first) >= SHORTEST_PIECE for other in chosen):
                chosen.append(one)
    chosen.sort(key=lambda one: -abs(one.z))
    return [_place(curve, counts, one) for one in chosen[:MOST_PLACES]]


def _place(curve: Curve, counts: Sequence[int], one: Break) -> Place:
    return Place(
        low=bisect.bisect_left(counts, curve.points[one.first_low - 1].tokens),
        here=bisect.bisect_left(counts, curve.points[one.first - 1].tokens),
        high=bisect.bisect_left(counts, curve.points[one.first_high].tokens) - 1,
        z=one.z,
    )


def _wanted(place: Place, counts: Sequence[int], visits: Mapping[int, int], effort: Effort) -> tuple[int, ...]:
    """The counts that settle ``place``; none where it is settled or given up."""
    missing = [tokens for tokens in counts[place.low : place.high + 2] if tokens not in visits]
    if len(missing) > INSIDE:
        return tuple(missing[:: -(-len(missing) // INSIDE)])
    disturbed = effort.first < STURDY_VISITS and abs(place.z) < DISTURBED_Z
    around = _next_to(place, counts, visits) if disturbed else _around(place, counts)
    seen = min(visits.get(tokens, 0) for tokens in around)
    settled = abs(place.z) >= SURE_Z and place.low == place.high and seen > 0
    given_up = seen >= effort.last or any(seen >= often and abs(place.z) < z for often, z in effort.given_up)
    return () if settled or given_up else tuple(around)


def _around(place: Place, counts: Sequence[int]) -> Sequence[int]:
    first = max(place.low + 1 - BESIDE, place.here + 1 - MOST_AROUND // 2, 0)
    return counts[first : min(place.high + 1 + BESIDE, place.here + 1 + MOST_AROUND // 2)]


def _next_to(place: Place, counts: Sequence[int], visits: Mapping[int, int]) -> Sequence[int]:
    before = [tokens for tokens in counts[: place.here + 1] if tokens in visits]
    after = [tokens for tokens in counts[place.here + 1 :] if tokens in visits]
    return [*before[-NEXT_TO:], *after[:NEXT_TO]]
