"""Where a curve may have a step, asked loosely: the places worth measuring again before anything is said of them."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.analysis.breaks import Break
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.cutting import PENALTY, SHORTEST_PIECE
from orchestrator.analysis.pieces import pieces_of

LOOSE_PENALTY = 1.4
"""What a piece costs in ln(points) here, half of the usual: most of what it adds is noise, and most steps are in it."""

APART = 4
"""Points by which two suspects are apart at least: nearer ones are measured with the same counts."""

FEWEST_AROUND = 8
MOST_AROUND = 24
"""Counts that are measured again around a suspect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A place where latency may jump: after ``after_tokens``, or somewhere in ``low_tokens`` to ``high_tokens``.

    ``z`` says how clearly, as it does of a step. A suspect is no step and is never shown as one.
    """

    after_tokens: int
    low_tokens: int
    high_tokens: int
    z: float


def suspects_of(curve: Curve, *, most: int) -> tuple[Suspect, ...]:
    """Up to ``most`` places where ``curve`` may have a step, the clearest first.

    The breaks of the usual cut come with those of a loose one, which find what the usual one is too strict to see.
    """
    if len(curve.points) < 2 * SHORTEST_PIECE:
        return ()
    usual, loose = (pieces_of(curve, penalty=penalty).breaks for penalty in (PENALTY, LOOSE_PENALTY))
    chosen: list[Break] = []
    for one in (*_clearest(usual), *_clearest(loose)):
        if all(abs(one.first - other.first) >= APART for other in chosen):
            chosen.append(one)
    return tuple(_suspect(curve, one) for one in _clearest(chosen)[:most])


def counts_around(suspect: Suspect, measured: Sequence[int]) -> tuple[int, ...]:
    """The counts of ``measured``, ascending, that settle ``suspect``: its interval with 2 or 3 on each side.

    At least 8 where there are as many, at most 24 around the likeliest place: an interval wider than that is a guess.
    """
    place = bisect.bisect_right(measured, suspect.after_tokens)  # counts before the jump
    first = min(place - FEWEST_AROUND // 2, bisect.bisect_left(measured, suspect.low_tokens) - 2)
    last = max(place + FEWEST_AROUND // 2, bisect.bisect_right(measured, suspect.high_tokens) + 3)
    first, last = max(first, place - MOST_AROUND // 2, 0), min(last, place + MOST_AROUND // 2)
    return tuple(measured[first:last])


def _clearest(breaks: Iterable[Break]) -> list[Break]:
    return sorted(breaks, key=lambda one: -abs(one.z))


def _suspect(curve: Curve, one: Break) -> Suspect:
    return Suspect(
        after_tokens=curve.points[one.first - 1].tokens,
        low_tokens=curve.points[one.first_low - 1].tokens,
        high_tokens=curve.points[one.first_high].tokens - 1,
        z=one.z,
    )
