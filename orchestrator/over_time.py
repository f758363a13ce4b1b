"""Curves of the same device, model and workload at several dates: what changed, and whether two of them agree on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.analysis.changes import Change, State, Trait, over_time
from orchestrator.analysis.comparison import Position
from orchestrator.choosing import common_of, device_of, repeated
from orchestrator.views import CurveSummary, CurveView

NOTHING_THERE_PERCENT = 1.0
"""A jump whose interval covers zero and whose size is less than this is told as no jump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSeen:
    """A change of a step, which has a ``place``, or of the level.

    ``before`` is the number of the first curve of the old state, ``seen_in`` are those of the curves that show the new
    one; it is ``believed`` where they are two, else seen once. ``doubted``: one of these curves is.
    """

    trait: Trait
    place: str
    old: State
    new: State
    before: int
    seen_in: tuple[int, ...]
    back: bool
    believed: bool
    doubted: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The numbers of the curves of one thing, the oldest first, what changed over them, and how many steps did not."""

    of: str
    curves: tuple[int, ...]
    changes: tuple[ChangeSeen, ...]
    steady_steps: int

    @property
    def words(self) -> str:
        """What to make of it where nothing changed."""
        alike = "1 step is" if self.steady_steps == 1 else f"{self.steady_steps} steps are"
        if self.changes:
            return f"{alike} the same at every date that could show it." if self.steady_steps else ""
        return f"Nothing changed that these curves could show; {alike} the same at every date that could show it."


def timelines(views: Sequence[CurveView]) -> tuple[Timeline, ...]:
    """What changed over those of ``views`` that measure the same thing at several dates."""
    by_number = {view.summary.id: view for view in views}
    groups = repeated(view.summary for view in views)
    return tuple(_timeline([by_number[one.id] for one in group], group) for group in groups)


def _timeline(views: Sequence[CurveView], summaries: Sequence[CurveSummary]) -> Timeline:
    seen = over_time([view.analysis.curve for view in views], [view.analysis.steps for view in views])
    return Timeline(
        of=f"{device_of(summaries[0])} · {common_of(summaries)}",
        curves=tuple(one.id for one in summaries),
        changes=tuple(_told(change, views) for change in seen.changes),
        steady_steps=seen.steady,
    )


def _told(change: Change, views: Sequence[CurveView]) -> ChangeSeen:
    shift = change.shift
    before = views[shift.before].summary.id
    seen_in = tuple(views[index].summary.id for index in shift.seen_in)
    place = ""
    if change.low_tokens is not None and change.high_tokens is not None:
        place = str(Position(low_tokens=change.low_tokens, high_tokens=change.high_tokens))
    what = _step_words(change, place, before, seen_in) if place else _level_words(change, before, seen_in)
    return ChangeSeen(
        trait=change.trait,
        place=place,
        old=change.old,
        new=change.new,
        before=before,
        seen_in=seen_in,
        back=shift.back,
        believed=shift.believed,
        doubted=any(views[index].doubts for index in (shift.before, *shift.seen_in)),
        words=f"{what}: {_verdict(change)}.",
    )


def _step_words(change: Change, place: str, before: int, seen_in: Sequence[int]) -> str:
    return f"After {place}, {_jump(change.old)} in #{before}, {_jump(change.new)} in {_numbers(seen_in)}"


def _jump(state: State) -> str:
    interval = f"(95 %: {state.low_percent:+.1f} to {state.high_percent:+.1f})"
    if state.low_percent <= 0 <= state.high_percent and abs(state.percent) < NOTHING_THERE_PERCENT:
        return f"no jump {interval}"
    return f"{state.percent:+.1f} % {interval}"


def _level_words(change: Change, before: int, seen_in: Sequence[int]) -> str:
    # Both states are relative to the first curve; what a person asks is how the new one is to the old one.
    old, new = 1 + change.old.percent / 100, 1 + change.new.percent / 100
    percent = 100 * (new / old - 1)
    way = "slower" if percent > 0 else "faster"
    return f"As a whole {abs(percent):.1f} % {way} in {_numbers(seen_in)} than in #{before}"


def _numbers(curves: Sequence[int]) -> str:
    return " and ".join(f"#{number}" for number in curves)


def _verdict(change: Change) -> str:
    if change.shift.believed:
        return "two curves agree"
    if change.shift.back:
        return "seen once, and gone in the next"
    return "seen once; measure again before believing it"
