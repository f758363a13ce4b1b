"""What the Compare page lists: the curves, where they cross, what steps they share, and the numbers to download."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pandas as pd

from dashboard.compare_data import CANDIDATE, CONFIRMED, Named
from dashboard.compare_selection import Measure
from dashboard.wording import NS_PER_MS, interval, milliseconds, no_steps, percent, standing
from orchestrator.analysis.comparison import Axis, position_of, ratios_of
from orchestrator.analysis.steps import Step
from orchestrator.comparing import Comparison, StepThere
from orchestrator.views import CurveView


def curves_table(curves: Sequence[Named]) -> pd.DataFrame:
    """One row a curve: the figures that a comparison begins with."""
    return pd.DataFrame(_curve_row(one) for one in curves)


def _curve_row(one: Named) -> dict[str, object]:
    view = one.view
    full = view.analysis.curve.point_at(view.summary.facts.tokens)
    best = next(iter(view.analysis.recommendation.choices), None)
    up = sum(step.change_ns > 0 for step in view.steps)
    found = no_steps(view.analysis.steps.outcome)
    if view.steps:
        found = f"{standing(view.steps)}; {up} up, {len(view.steps) - up} down"
    doubts = dict.fromkeys(doubt.reason.value for doubt in view.doubts)
    return {
        "Curve": one.name,
        "Full model": "not measured" if full is None else milliseconds(full.latency_ns),
        "95 % interval": "" if full is None else interval(full.low_ns, full.high_ns),
        "Best sweet spot": "—" if best is None else f"{best.tokens} tokens, saves {percent(best.saves_percent)}",
        "Steps": found,
        "Doubts": ", ".join(doubts) or "none",
    }


def crossings_table(comparison: Comparison, curves: Sequence[Named]) -> pd.DataFrame:
    """One row a crossing."""
    names = {one.view.summary.id: one.name for one in curves}
    return pd.DataFrame(
        {
            "With few tokens faster": names[one.below],
            "up to": one.after_tokens,
            "With more tokens faster": names[one.above],
            "from": one.next_tokens,
            "Doubts": "doubted" if one.doubted else "none",
        }
        for one in comparison.crossings
    )


def steps_table(comparison: Comparison, curves: Sequence[Named]) -> pd.DataFrame:
    """One row a step across curves."""
    names = {one.view.summary.id: one.name for one in curves}
    return pd.DataFrame(
        {
            "After": one.place,
            "Latency": "rises" if one.up else "falls",
            "Shared": f"by {len(one.here)} of {one.looked}" if one.shared else f"only here, of {one.looked}",
            **{along.thing.capitalize(): along.words for along in one.along},
            "State": _states(one),
            "Curves": ", ".join(
                f"{names[here.curve]}: {percent(here.change_percent, signed=True)}" for here in one.here
            ),
        }
        for one in comparison.steps
    )


def _states(step: StepThere) -> str:
    """Confirmed or candidate; where curves differ in that, how many of them confirmed it."""
    confirmed = sum(here.confirmed for here in step.here)
    if 0 < confirmed < len(step.here):
        return f"{CONFIRMED} on {confirmed} of {len(step.here)}, else {CANDIDATE}"
    return CONFIRMED if confirmed else CANDIDATE


def silent_table(curves: Sequence[Named]) -> pd.DataFrame:
    """One row a curve that shows no step: whether there is none, or nobody can tell, and why."""
    return pd.DataFrame(
        {
            "Curve": one.name,
            "Result": no_steps(one.view.analysis.steps.outcome),
            "In words": one.view.analysis.steps.explanation,
        }
        for one in curves
        if not one.view.steps
    )


def map_table(curves: Sequence[Named]) -> pd.DataFrame:
    """The map of steps in words, one row a curve: where it was measured and where it jumps."""
    return pd.DataFrame(
        {
            "Curve": one.name,
            "Measured": f"{one.view.tokens[0]} to {one.view.tokens[-1]} tokens",
            "Confirmed": _jumps([step for step in one.view.steps if step.confirmed]),
            "Candidates": _jumps([step for step in one.view.steps if not step.confirmed]),
        }
        for one in curves
        if len(one.view.tokens)
    )


def _jumps(steps: Sequence[Step]) -> str:
    return (
        "; ".join(f"{percent(step.change_percent, signed=True)} after {position_of(step)}" for step in steps) or "none"
    )


def numbers_table(comparison: Comparison, curves: Sequence[Named], measure: Measure) -> pd.DataFrame:
    """One row a place of the axis from the full model down, one column a curve: ms, or the ratio; empty is no point."""
    by_share = comparison.axis is Axis.SHARE
    title = "Tokens kept, %" if by_share else "Tokens"
    rows = comparison.rows[::-1]
    table = {title: [round(100 * row.position, 1) if by_share else int(row.position) for row in rows]}
    columns: dict[str, list[float | None]] = {one.name: [] for one in curves}
    for row in rows:
        for column, value in zip(columns.values(), row.values, strict=True):
            if value is None:
                column.append(None)
            elif measure is Measure.LATENCY:
                column.append(round(value.latency_ns / NS_PER_MS, 4))
            else:
                column.append(None if value.ratio is None else round(value.ratio, 4))
    return pd.DataFrame({**table, **columns})


def numbers_csv(views: Sequence[CurveView]) -> str:
    """All points of all curves as CSV, one row a point, with what each is of and what there is to doubt."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for view in views:
        about = _about(view)
        ratios = ratios_of(view.analysis.curve, view.summary.facts.tokens)
        for index, point in enumerate(view.analysis.curve.points):
            relative = ("", "", "") if ratios is None else (ratios.ratio[index], ratios.low[index], ratios.high[index])
            measured = (point.tokens, point.latency_ns, point.low_ns, point.high_ns)
            writer.writerow((*about, *measured, *relative, point.readings, point.rejected, point.doubted))
    return text.getvalue()


CSV_COLUMNS = (
    "curve",
    "device",
    "kind",
    "simulated",
    "imported",
    "model",
    "batch_size",
    "image_size",
    "data_type",
    "runtime",
    "processor",
    "threads",
    "full_tokens",
    "doubts",
    "tokens",
    "latency_ns",
    "low_ns",
    "high_ns",
    "ratio",
    "ratio_low",
    "ratio_high",
    "readings",
    "rejected",
    "doubted",
)


def _about(view: CurveView) -> tuple[object, ...]:
    summary, workload, facts = view.summary, view.summary.workload, view.summary.facts
    return (
        summary.id,
        summary.device,
        summary.device_kind.value,
        summary.simulated,
        summary.imported,
        summary.model,
        workload.batch_size,
        facts.image_size,
        workload.data_type.value,
        workload.runtime.value,
        workload.processor.value,
        facts.threads,
        facts.tokens,
        " ".join(dict.fromkeys(doubt.reason.value for doubt in view.doubts)),
    )
