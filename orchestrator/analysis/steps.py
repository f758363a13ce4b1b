"""Steps: token counts after which latency jumps, up or down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from orchestrator.analysis.curve import Curve
from orchestrator.analysis.intervals import WIDTH_95
from orchestrator.analysis.pieces import SHORTEST_PIECE, Pieces, pieces_of

LEAST_Z = 2.5
"""A break between two pieces is a step where its jump is at least this many standard errors; else it is a bend.

Loose on purpose: of noisy curves without any step, about one in ten gets a false candidate and one in four where the
curve bends unlike a square. At 3 it is half as many, and one in fifteen of the jumps of 3 standard errors is lost.
"""

VISIBLE_ERRORS = 5
"""A jump of this many standard errors of a point is found nearly always, one of 3 about every second time."""

LARGEST_UNSEEN = 0.1
"""A curve on which a jump of 10 % could hide is too noisy to say that there is no step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A jump in latency between ``after_tokens`` and ``next_tokens``, the next larger count measured.

    ``change_ns`` is what the jump adds going from one to the other, slopes taken out: positive where one more token is
    dearer, negative where it is cheaper. ``change_percent`` is relative to the latency at ``after_tokens``. The 95 %
    interval takes the place of the jump as known. A step is a candidate until ``confirmed`` by paired timing.
    """

    after_tokens: int
    next_tokens: int
    change_ns: float
    change_percent: float
    interval_low_ns: float
    interval_high_ns: float
    z: float
    confirmed: bool = False


class StepsOutcome(str, Enum):
    """What the search for steps came to."""

    FOUND = "found"
    NONE = "none"
    TOO_NOISY = "too-noisy"
    TOO_FEW = "too-few"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsFound:
    """The steps by ascending tokens, or why there are none, in words for a person."""

    outcome: StepsOutcome
    steps: tuple[Step, ...]
    explanation: str


def find_steps(curve: Curve, pieces: Pieces | None = None) -> StepsFound:
    """The steps of ``curve``. ``pieces`` are its pieces where the caller has them already."""
    if len(curve.points) < 2 * SHORTEST_PIECE:
        counts = len(curve.points)
        return StepsFound(
            outcome=StepsOutcome.TOO_FEW,
            steps=(),
            explanation=f"{counts} token counts were measured; a step needs {SHORTEST_PIECE} on each side of it",
        )
    steps = _steps(curve, pieces or pieces_of(curve))
    unseen = VISIBLE_ERRORS * float(np.median([point.standard_error_ns / point.latency_ns for point in curve.points]))
    size = f"a jump of less than about {100 * unseen:.1f} % at a single place could have been missed"
    if steps:
        number = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
        return StepsFound(outcome=StepsOutcome.FOUND, steps=steps, explanation=f"{number} found; {size}")
    if unseen > LARGEST_UNSEEN:
        return StepsFound(
            outcome=StepsOutcome.TOO_NOISY,
            steps=(),
            explanation=f"too noisy to tell: {size}; measure more passes, or with less else running on the device",
        )
    return StepsFound(outcome=StepsOutcome.NONE, steps=(), explanation=f"no step found: {size}")


def _steps(curve: Curve, pieces: Pieces) -> tuple[Step, ...]:
    found = []
    breaks = zip(pieces.bounds[1:-1], pieces.jumps_ns.tolist(), pieces.jump_errors_ns.tolist(), strict=True)
    for first, jump_ns, error_ns in breaks:
        z = jump_ns / error_ns
        if abs(z) < LEAST_Z:
            continue
        found.append(
            Step(
                after_tokens=curve.points[first - 1].tokens,
                next_tokens=curve.points[first].tokens,
                change_ns=jump_ns,
                change_percent=100 * jump_ns / curve.points[first - 1].latency_ns,
                interval_low_ns=jump_ns - WIDTH_95 * error_ns,
                interval_high_ns=jump_ns + WIDTH_95 * error_ns,
                z=z,
            )
        )
    return tuple(found)
