"""Steps: token counts after which latency jumps, up or down. What the breaks of a curve come to for a person."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from orchestrator.analysis.agreement import as_passes_agree
from orchestrator.analysis.breaks import Break
from orchestrator.analysis.confirmation import Confirmation
from orchestrator.analysis.curve import Curve, in_words
from orchestrator.analysis.cutting import SHORTEST_PIECE
from orchestrator.analysis.intervals import WIDTH_95
from orchestrator.analysis.passes import Floats
from orchestrator.analysis.pieces import Pieces, pieces_of, pieces_with_break

LEAST_Z = 3.5
"""A break between two pieces is a step where it is at least this clearly a jump; else it is a bend.

Of curves without any step about one in 100 then gets a candidate.
"""

MOST_CONFIDENCE = 0.999
"""No more than the few thousand curves that confidence is calibrated on can tell."""

DOUBTED_CONFIDENCE = 0.5
"""The most confidence in a step that rests on doubted points alone."""

UNCLEAR_Z = 2.5
"""A break between this and `LEAST_Z` is no step, and too clear to be passed over in silence."""

VISIBLE_ERRORS = 5
"""A jump of this many standard errors of a point is found nearly always, one of 3 on 197 tokens three times in five."""

MOST_UNSURE = 12
"""Places named as not sure in words."""

LARGEST_UNSEEN = 0.1
"""A curve on which a jump of 10 % could hide is too noisy to say that there is no step."""


class Direction(str, Enum):
    """Which way latency jumps as tokens grow."""

    UP = "up"
    """One more token is dearer."""
    DOWN = "down"
    """One more token is cheaper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A jump in latency between ``after_tokens`` and ``next_tokens``, the next larger count measured.

    ``change_ns`` is what the jump adds going from one to the other, slopes taken out: positive where one more token is
    dearer, negative where it is cheaper; with its 95 % interval. ``change_percent`` is relative to the latency at
    ``after_tokens``. The last count before the jump lies in ``after_low_tokens`` to ``after_high_tokens`` with a
    probability of 95 %. ``z`` says how clearly it is a jump and no bend, and ``confidence`` what that is worth: the
    share of curves without any step on which nothing as clear is found (see `confidence_of`). ``doubted`` says that all
    points that it rests on are doubted; then the confidence is one half at most.

    A step is a candidate until ``confirmed`` by paired timing of the two counts, whose result is ``paired``, None where
    they were not timed in pairs.
    """

    after_tokens: int
    next_tokens: int
    change_ns: float
    change_percent: float
    interval_low_ns: float
    interval_high_ns: float
    z: float
    confirmed: bool = False
    after_low_tokens: int | None = None
    after_high_tokens: int | None = None
    confidence: float = 0.0
    doubted: bool = False
    paired: Confirmation | None = None

    @property
    def direction(self) -> Direction:
        """Which way latency jumps as tokens grow."""
        return Direction.UP if self.change_ns > 0 else Direction.DOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """What one token more costs between two breaks, with its 95 % interval; in the middle where the curve is convex."""

    from_tokens: int
    to_tokens: int
    ns_per_token: float
    low_ns: float
    high_ns: float


class StepsOutcome(str, Enum):
    """What the search for steps came to."""

    FOUND = "found"
    NONE = "none"
    TOO_NOISY = "too-noisy"
    TOO_FEW = "too-few"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsFound:
    """The steps by ascending tokens, or why there are none, in words for a person; and the slopes between breaks.

    ``unsure`` are ranges of counts, first and last, in which a step may begin that is not clear enough to be one, or
    whose place is not known to the count. ``budget_used_up`` says that its budget kept the job from measuring more.
    Both stand in the words, too.
    """

    outcome: StepsOutcome
    steps: tuple[Step, ...]
    explanation: str
    slopes: tuple[Slope, ...] = ()
    unsure: tuple[tuple[int, int], ...] = ()
    budget_used_up: bool = False


def with_budget_used_up(found: StepsFound) -> StepsFound:
    """``found`` of a job whose budget kept it from measuring more, which the words then say."""
    words = f"{found.explanation}; the budget was used up before all was measured that was worth it"
    return dataclasses.replace(found, budget_used_up=True, explanation=words)


def confidence_of(z: float) -> float:
    """The share of curves without any step on which nothing as clear as ``z`` is found, 0 to 1.

    ``1 - exp(-0.34 z^2)``, fitted to the step-free curves of ``benchmarks/steps.py`` with the seeds 10 to 49, 97 to
    1,370 tokens; 0.999 at most.
    """
    return min(float(-np.expm1(-0.34 * z * z)), MOST_CONFIDENCE)


def find_steps(curve: Curve, pieces: Pieces | None = None, per_pass_ns: Floats | None = None) -> StepsFound:
    """The steps of ``curve``.

    Args:
        curve: one point a count, by ascending tokens.
        pieces: its pieces, where the caller has them already.
        per_pass_ns: (passes, points), what each pass has at its points; without it nobody asks whether the passes
            agree.
    """
    if len(curve.points) < 2 * SHORTEST_PIECE:
        return StepsFound(outcome=StepsOutcome.TOO_FEW, steps=(), explanation=_too_few(curve))
    pieces = pieces or pieces_of(curve)
    seen = [one for one in pieces.breaks if abs(one.z) >= LEAST_Z]
    agreed = seen if per_pass_ns is None else [as_passes_agree(one, per_pass_ns - pieces.fitted_ns) for one in seen]
    steps = tuple(step_at(curve, one) for one in agreed if abs(one.z) >= LEAST_Z)
    disputed = [curve.points[one.first - 1].tokens for one in agreed if abs(one.z) < LEAST_Z]
    slopes = _slopes(curve, pieces)
    if curve.distrusted:
        words = _all_doubted(curve, len(seen))
        return StepsFound(outcome=StepsOutcome.TOO_NOISY, steps=(), explanation=words, slopes=slopes)
    outcome, words = _ending(curve, steps, disputed)
    unsure = _unsure(curve, pieces, steps)
    words += _unsure_of(unsure)
    return StepsFound(outcome=outcome, steps=steps, explanation=words, slopes=slopes, unsure=unsure)


def _unsure(curve: Curve, pieces: Pieces, steps: Sequence[Step]) -> tuple[tuple[int, int], ...]:
    """Where a step may begin: breaks that are nearly steps, and steps that may lie after more than one count."""
    nearly = [step_at(curve, one) for one in pieces.breaks if UNCLEAR_Z <= abs(one.z) < LEAST_Z]
    ranges = ((step.after_low_tokens, step.after_high_tokens) for step in (*nearly, *steps))
    known = [(low, high) for low, high in ranges if low is not None and high is not None]
    wide = known[: len(nearly)] + [(low, high) for low, high in known[len(nearly) :] if low != high]
    return tuple(sorted(set(wide)))


def _ending(curve: Curve, steps: tuple[Step, ...], disputed: Sequence[int]) -> tuple[StepsOutcome, str]:
    """What a search came to that found ``steps``, and jumps after the counts ``disputed`` that passes do not share."""
    unseen = VISIBLE_ERRORS * float(np.median([point.standard_error_ns / point.latency_ns for point in curve.points]))
    size = f"a jump of less than about {100 * unseen:.1f} % at a single place could have been missed"
    if steps:
        number = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
        return StepsOutcome.FOUND, f"{number} found; {size}{_doubted_of(steps)}{_disputed_of(disputed)}"
    if disputed:
        return StepsOutcome.TOO_NOISY, f"cannot be told: {size}{_disputed_of(disputed)}"
    if unseen > LARGEST_UNSEEN:
        return (
            StepsOutcome.TOO_NOISY,
            f"too noisy to tell: {size}; measure more passes, or with less else running on the device",
        )
    return StepsOutcome.NONE, f"no step found: {size}"


def change_at(curve: Curve, after_tokens: int, pieces: Pieces | None = None) -> Step | None:
    """What latency does between ``after_tokens`` and the next larger count measured, whether or not that is a step.

    For a place that is known beforehand, such as a step of another device: its size and interval are not biased by a
    search for large ones. ``pieces`` are those of ``curve`` where the caller has them. None where ``after_tokens`` was
    not measured or has fewer than three counts on a side.
    """
    index = next((index for index, point in enumerate(curve.points) if point.tokens == after_tokens), None)
    if index is None or not SHORTEST_PIECE <= index + 1 <= len(curve.points) - SHORTEST_PIECE:
        return None
    cut = pieces_with_break(curve, pieces or pieces_of(curve), index + 1)
    found = next(one for one in cut.breaks if one.first == index + 1)
    here = dataclasses.replace(found, first_low=found.first, first_high=found.first, jump_error_ns=found.told_error_ns)
    return step_at(curve, here)


def step_at(curve: Curve, found: Break) -> Step:
    """The break ``found`` of ``curve`` as a step."""
    before, after = curve.points[found.first - 1], curve.points[found.first]
    reach_ns = WIDTH_95 * found.jump_error_ns
    doubted = all(point.doubted for point in curve.points[found.start : found.end])
    confidence = confidence_of(found.z)
    return Step(
        after_tokens=before.tokens,
        next_tokens=after.tokens,
        change_ns=found.jump_ns,
        change_percent=100 * found.jump_ns / before.latency_ns,
        interval_low_ns=found.jump_ns - reach_ns,
        interval_high_ns=found.jump_ns + reach_ns,
        z=found.z,
        after_low_tokens=curve.points[found.first_low - 1].tokens,
        after_high_tokens=curve.points[found.first_high].tokens - 1,
        confidence=min(confidence, DOUBTED_CONFIDENCE) if doubted else confidence,
        doubted=doubted,
    )


def _slopes(curve: Curve, pieces: Pieces) -> tuple[Slope, ...]:
    edges = itertools.pairwise(pieces.bounds)
    rows = zip(edges, pieces.slopes_ns.tolist(), (WIDTH_95 * pieces.slope_errors_ns).tolist(), strict=True)
    return tuple(
        Slope(
            from_tokens=curve.points[start].tokens,
            to_tokens=curve.points[end - 1].tokens,
            ns_per_token=slope_ns,
            low_ns=slope_ns - reach_ns,
            high_ns=slope_ns + reach_ns,
        )
        for (start, end), slope_ns, reach_ns in rows
    )


def _too_few(curve: Curve) -> str:
    counts = len(curve.points)
    measured = "1 token count was measured" if counts == 1 else f"{counts} token counts were measured"
    return f"{measured}; a step needs {SHORTEST_PIECE} on each side of it"


def _all_doubted(curve: Curve, places: int) -> str:
    reasons = ", ".join(reason.value for reason in curve.distrusted)
    seen = f"; latency seems to jump at {places} places" if places > 1 else ""
    return f"cannot be told: the device doubted every pass ({reasons}){seen}; mend that and measure again"


def _unsure_of(unsure: Sequence[tuple[int, int]]) -> str:
    if not unsure:
        return ""
    shown = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in unsure[:MOST_UNSURE])
    more = f" and {len(unsure) - MOST_UNSURE} more" if len(unsure) > MOST_UNSURE else ""
    return f"; not sure whether, or just where, latency jumps after {shown}{more}"


def _disputed_of(disputed: Sequence[int]) -> str:
    if not disputed:
        return ""
    return (
        f"; latency seems to jump after {in_words(disputed)}, but the passes do not agree on that: measure more of "
        "them, or find out what changed between them"
    )


def _doubted_of(steps: tuple[Step, ...]) -> str:
    doubted = sum(step.doubted for step in steps)
    if not doubted:
        return ""
    which = "all of them rest" if doubted == len(steps) else f"{doubted} of them rest{'s' if doubted == 1 else ''}"
    return f"; {which} on doubted points alone, so measure again before relying on {'it' if doubted == 1 else 'them'}"
