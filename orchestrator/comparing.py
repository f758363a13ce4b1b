"""A comparison of stored curves: what `stepfarm compare` prints and the dashboard's Compare page draws."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

from agent.errors import StepfarmError
from orchestrator.analysis.comparison import (
    NOTHING,
    Aligned,
    Axis,
    Band,
    Position,
    Ratios,
    align,
    crossings_of,
    ratios_of,
    steps_across,
)
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.steps import StepsOutcome
from orchestrator.choosing import common_of, device_of, names_of, work_of
from orchestrator.over_time import Timeline, timelines
from orchestrator.views import CurveSummary, CurveView

MOST_AT_ONCE = 50
"""More curves than this in one picture tell nobody anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedCurve:
    """One of the curves compared. ``doubts`` are reasons alone; ``relative`` is whether its full model was measured."""

    name: str
    summary: CurveSummary
    growing: bool
    relative: bool
    steps: StepsOutcome
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What one curve measured at ``tokens``; its ratio to the full model where that is known, with interval.

    ``doubted`` is whether the device doubted most of what the point rests on.
    """

    tokens: int
    latency_ns: float
    low_ns: float
    high_ns: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    doubted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All curves at one place of the axis, in their order; None where one has no point."""

    position: float
    values: tuple[Value | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCrossing:
    """``below`` is faster up to ``after_tokens``, ``above`` from ``next_tokens``; both are numbers of curves."""

    below: int
    above: int
    after_tokens: int
    next_tokens: int
    doubted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHere:
    """A step as one curve has it; ``curve`` is its number."""

    curve: int
    change_ns: float
    change_percent: float
    confidence: float
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Along:
    """Who has a step, by one thing that the curves differ in: ``having`` and ``lacking`` are values of it.

    A value lacks the step where no curve with it has the step and at least one could have shown it.
    """

    thing: str
    having: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def words(self) -> str:
        """Shared, or only here: "float32 and bfloat16", "only batch 4, not batch 1"."""
        only = "only " if len(self.having) == 1 else ""
        without = f", not {_and(self.lacking)}" if self.lacking else ""
        return f"{only}{_and(self.having)}{without}"


def _and(values: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(values[:-1]), values[-1])))


THINGS: tuple[tuple[str, Callable[[CurveSummary], str]], ...] = (
    ("device", device_of),
    ("batch size", lambda summary: f"batch {summary.workload.batch_size}"),
    ("data type", lambda summary: summary.workload.data_type.value),
    ("runtime", lambda summary: summary.workload.runtime.value),
)
"""What steps are told along: a name for a reader, and its value of a curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepThere:
    """A step across curves, after one of the counts from ``low_tokens`` to ``high_tokens``.

    ``looked`` is how many of the curves could have shown it; it is ``shared`` where more than one did. ``along`` says
    the same by device, batch size, data type and runtime, as far as the curves differ in them.
    """

    low_tokens: int
    high_tokens: int
    up: bool
    shared: bool
    looked: int
    here: tuple[StepHere, ...]
    along: tuple[Along, ...]

    @property
    def place(self) -> str:
        """Where it lies, in words: "64", or "64-67"."""
        return str(Position(low_tokens=self.low_tokens, high_tokens=self.high_tokens))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Curves side by side, and what they have in ``common``.

    Crossings are those of curves of one model, batch size and image size; ``timelines`` those of curves of the same
    device, model and workload at several dates.
    """

    axis: Axis
    common: str
    curves: tuple[ComparedCurve, ...]
    rows: tuple[Row, ...]
    crossings: tuple[NamedCrossing, ...]
    steps: tuple[StepThere, ...]
    timelines: tuple[Timeline, ...]


def refuse_too_many(curves: int) -> None:
    """Refuse to compare so many curves at once.

    Raises:
        StepfarmError: they are more than `MOST_AT_ONCE`.
    """
    if curves > MOST_AT_ONCE:
        raise StepfarmError(
            f"{curves} curves are too many to compare at once.",
            f"Name {MOST_AT_ONCE} at most: by number, or by model, device and batch size.",
        )


def compare(views: Sequence[CurveView], axis: Axis = Axis.TOKENS) -> Comparison:
    """The comparison of ``views``, in their order.

    Raises:
        StepfarmError: they are more than `MOST_AT_ONCE`.
    """
    refuse_too_many(len(views))
    curves = [view.analysis.curve for view in views]
    full = [view.summary.facts.tokens for view in views]
    ratios = [ratios_of(curve, tokens) for curve, tokens in zip(curves, full, strict=True)]
    summaries = [view.summary for view in views]
    names = names_of(summaries)
    return Comparison(
        axis=axis,
        common=common_of(summaries),
        curves=tuple(_compared(*one) for one in zip(names, views, ratios, strict=True)),
        rows=_rows(align(curves, full, axis), [_values(*one) for one in zip(curves, ratios, strict=True)]),
        crossings=_crossings(views),
        steps=_steps(views),
        timelines=timelines(views),
    )


def _compared(name: str, view: CurveView, ratios: Ratios | None) -> ComparedCurve:
    return ComparedCurve(
        name=name,
        summary=view.summary,
        growing=not view.sealed,
        relative=ratios is not None,
        steps=view.analysis.steps.outcome,
        doubts=tuple(dict.fromkeys(doubt.reason.value for doubt in view.analysis.curve.doubts)),
    )


def _values(curve: Curve, ratios: Ratios | None) -> list[Value]:
    nothing = [None] * len(curve.points)
    columns = (nothing,) * 3 if ratios is None else (ratios.ratio.tolist(), ratios.low.tolist(), ratios.high.tolist())
    return [
        Value(
            tokens=point.tokens,
            latency_ns=point.latency_ns,
            low_ns=point.low_ns,
            high_ns=point.high_ns,
            ratio=ratio,
            ratio_low=low,
            ratio_high=high,
            doubted=point.doubted,
        )
        for point, ratio, low, high in zip(curve.points, *columns, strict=True)
    ]


def _rows(aligned: Aligned, values: Sequence[Sequence[Value]]) -> tuple[Row, ...]:
    return tuple(
        Row(
            position=position,
            values=tuple(None if index == NOTHING else own[index] for own, index in zip(values, indices, strict=True)),
        )
        for position, indices in zip(aligned.positions.tolist(), aligned.rows.T.tolist(), strict=True)
    )


def _crossings(views: Sequence[CurveView]) -> tuple[NamedCrossing, ...]:
    bands = [(view, Band.of(view.analysis.curve)) for view in views]
    return tuple(
        NamedCrossing(
            below=(first if crossing.first_below else second).summary.id,
            above=(second if crossing.first_below else first).summary.id,
            after_tokens=crossing.after_tokens,
            next_tokens=crossing.next_tokens,
            doubted=bool(first.analysis.curve.doubts or second.analysis.curve.doubts),
        )
        for (first, band), (second, other) in combinations(bands, 2)
        if work_of(first.summary) == work_of(second.summary)
        for crossing in crossings_of(band, other)
    )


def _steps(views: Sequence[CurveView]) -> tuple[StepThere, ...]:
    summaries = [view.summary for view in views]
    across = steps_across([view.analysis.curve for view in views], [view.analysis.steps for view in views])
    return tuple(
        StepThere(
            low_tokens=one.low_tokens,
            high_tokens=one.high_tokens,
            up=one.up,
            shared=one.shared,
            looked=one.looked,
            here=tuple(
                StepHere(
                    curve=views[member.index].summary.id,
                    change_ns=member.step.change_ns,
                    change_percent=member.step.change_percent,
                    confidence=member.step.confidence,
                    confirmed=member.step.confirmed,
                )
                for member in one.members
            ),
            along=_along(summaries, {member.index for member in one.members}, one.looked_in),
        )
        for one in across
    )


def _along(summaries: Sequence[CurveSummary], having: Collection[int], looked_in: Sequence[int]) -> tuple[Along, ...]:
    found = []
    for thing, value_of in THINGS:
        values = list(dict.fromkeys(map(value_of, summaries)))
        if len(values) > 1:
            here = {value_of(summaries[index]) for index in having}
            looked = {value_of(summaries[index]) for index in looked_in}
            found.append(
                Along(
                    thing=thing,
                    having=tuple(value for value in values if value in here),
                    lacking=tuple(value for value in values if value in looked - here),
                )
            )
    return tuple(found)
