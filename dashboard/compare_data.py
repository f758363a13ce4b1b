"""What the Compare page draws: one table a layer, thinned out so that fifty curves stay quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.compare_selection import Grouping, Measure
from dashboard.wording import NS_PER_MS, confidence, no_steps, percent
from orchestrator.analysis.comparison import position_of, ratios_of
from orchestrator.analysis.curve import Point
from orchestrator.analysis.passes import Integers
from orchestrator.comparing import ComparedCurve, Comparison
from orchestrator.views import CurveSummary, CurveView

MOST_DRAWN = 6_000
"""Points of all curves together: more are thinned out, so that the picture stays quick to draw and to point at."""

FEWEST_DRAWN = 60
"""Points of one curve that thinning leaves at least."""

SEVERAL = 10
"""More curves than this are told apart by their group, not each by a colour of its own."""

MEASURED = "measured"
SIMULATED = "simulated"
CANDIDATE = "candidate"
CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Named:
    """A curve with what the page calls it and the group that it stands in."""

    name: str
    group: str
    view: CurveView


def ordered(views: Sequence[CurveView], grouping: Grouping) -> list[CurveView]:
    """``views`` with those of a group together, within it by device, batch size, data type, runtime, model and age."""

    def key(view: CurveView) -> tuple[object, ...]:
        summary = view.summary
        by = {
            Grouping.HARDWARE: (summary.simulated, summary.device),
            Grouping.BATCH: (summary.workload.batch_size,),
            Grouping.TYPE: (summary.workload.data_type.value,),
            Grouping.RUNTIME: (summary.workload.runtime.value,),
        }
        return (by[grouping], *by.values(), summary.model, summary.created_ms, summary.id)

    return sorted(views, key=key)


def named(comparison: Comparison, views: Sequence[CurveView], grouping: Grouping) -> list[Named]:
    """The curves of ``comparison``, which is of ``views``, with their names and groups."""
    return [
        Named(name_of(one), _group_of(one.summary, grouping), view)
        for one, view in zip(comparison.curves, views, strict=True)
    ]


def name_of(curve: ComparedCurve) -> str:
    """What a page calls ``curve``: a doubt belongs to the name, so that nothing is shown without it."""
    marks = [word for word, holds in (("doubted", curve.doubts), ("still measured", curve.growing)) if holds]
    return " · ".join((curve.name, *marks))


def _group_of(summary: CurveSummary, grouping: Grouping) -> str:
    if grouping is Grouping.BATCH:
        return f"batch {summary.workload.batch_size}"
    if grouping is Grouping.TYPE:
        return summary.workload.data_type.value
    if grouping is Grouping.RUNTIME:
        return summary.workload.runtime.value
    return f"{summary.device} ({SIMULATED})" if summary.simulated else summary.device


def lines_frame(curves: Sequence[Named], measure: Measure) -> pd.DataFrame:
    """One row a drawn point, with the columns `ALWAYS` and, where all curves have them, `RELATIVE`.

    ``kept`` is in per cent. A curve without a ratio is left out where that is drawn; without any curve it is empty.
    """
    budget = max(FEWEST_DRAWN, MOST_DRAWN // max(1, len(curves)))
    lines = [line for line in (_line(one, budget) for one in curves) if measure is Measure.LATENCY or "ratio" in line]
    relative = all("ratio" in line for line in lines)
    kept = [column for column in (*ALWAYS, *(RELATIVE if relative else ())) if lines]
    return pd.DataFrame({column: np.concatenate([line[column] for line in lines]) for column in kept})


ALWAYS = ("curve", "group", "kind", "doubts", "tokens", "kept", "ms", "ms_low", "ms_high")
RELATIVE = ("ratio", "ratio_low", "ratio_high")


def _line(one: Named, budget: int) -> dict[str, NDArray[Any]]:
    view = one.view
    full = view.summary.facts.tokens
    drawn = kept_points(view, budget)
    points = [view.analysis.curve.points[index] for index in drawn.tolist()]
    kind = SIMULATED if view.summary.simulated else MEASURED
    line: dict[str, NDArray[Any]] = {
        "curve": np.full(len(points), one.name),
        "group": np.full(len(points), one.group),
        "kind": np.full(len(points), kind),
        "doubts": np.array([_doubts_at(point, view) for point in points], str),
        "tokens": view.tokens[drawn],
        "kept": 100 * view.tokens[drawn] / full,
        "ms": view.latency_ns[drawn] / NS_PER_MS,
        "ms_low": view.low_ns[drawn] / NS_PER_MS,
        "ms_high": view.high_ns[drawn] / NS_PER_MS,
    }
    ratios = ratios_of(view.analysis.curve, full)
    if ratios is not None:
        line |= {"ratio": ratios.ratio[drawn], "ratio_low": ratios.low[drawn], "ratio_high": ratios.high[drawn]}
    return line


def _doubts_at(point: Point, view: CurveView) -> str:
    if point.doubted:
        return "this point"
    return "the curve" if view.doubts else "none"


def kept_points(view: CurveView, most: int) -> Integers:
    """The indices of about ``most`` points that show the curve's shape: no step and no tooth is thinned away.

    Kept are the ends, the points on both sides of each step, and the fastest and slowest of each of as many equal
    stretches as there is room for.
    """
    points = len(view.analysis.curve.points)
    if points <= most:
        return np.arange(points)
    edges = [count for step in view.steps for count in (step.after_tokens, step.next_tokens)]
    kept = {0, points - 1, *np.flatnonzero(np.isin(view.tokens, edges)).tolist()}
    stretches = max(1, (most - len(kept)) // 2)
    for stretch in np.array_split(np.arange(points), stretches):
        latency = view.latency_ns[stretch]
        kept |= {int(stretch[latency.argmin()]), int(stretch[latency.argmax()])}
    return np.array(sorted(kept), np.int64)


def ranges_frame(curves: Sequence[Named]) -> pd.DataFrame:
    """One row a curve: where it was measured, and why it shows no step if it does not."""
    return pd.DataFrame(
        {
            "curve": one.name,
            "first": int(one.view.tokens[0]),
            "last": int(one.view.tokens[-1]),
            "none": "" if one.view.steps else no_steps(one.view.analysis.steps.outcome),
        }
        for one in curves
        if len(one.view.tokens)
    )


def steps_frame(curves: Sequence[Named]) -> pd.DataFrame:
    """One row a step of any curve: its middle and the range it lies in, size, direction and state."""
    rows = []
    for one in curves:
        for step in one.view.steps:
            position = position_of(step)
            rows.append(
                {
                    "curve": one.name,
                    "tokens": (step.after_tokens + step.next_tokens) / 2,
                    "low": position.low_tokens,
                    "high": position.high_tokens + 1,
                    "after": str(position),
                    "change": step.change_percent,
                    "size": percent(step.change_percent, signed=True),
                    "direction": "up" if step.change_ns > 0 else "down",
                    "state": CONFIRMED if step.confirmed else CANDIDATE,
                    "confidence": confidence(step),
                }
            )
    return pd.DataFrame(rows)
