"""What the Schedules page draws and lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dashboard.compare_data import kept_points
from dashboard.wording import NS_PER_MS, interval, milliseconds, percent
from orchestrator.analysis.accuracy import AccuracyCurve
from orchestrator.analysis.curve import in_words
from orchestrator.analysis.schedules import Option, Origin, Saving, SchedulesFound
from orchestrator.measured_accuracy import accuracy_of
from orchestrator.proofs import latest, verdict
from orchestrator.views import AccuracyView, CurveView, ScheduleAccuracy, VerificationView

ORIGINS = {
    Origin.BEST: "best",
    Origin.RECOMMENDED: "recommended",
    Origin.PAPER: "the paper's choice",
    Origin.UNIFORM: "uniform",
}
MEASURED = "measured, cut before the first block"
PREDICTED = "predicted, pruned in the blocks"
MOST_DRAWN = 400
"""Points of one small picture."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A curve with what the page calls it, its schedules, and what its device said of them."""

    name: str
    view: CurveView
    found: SchedulesFound
    verifications: tuple[VerificationView, ...] = ()


def schedules_table(chosen: Sequence[Chosen], accuracies: Sequence[AccuracyView] = ()) -> pd.DataFrame:
    """One row an option of a curve, with its top-1 where one of ``accuracies``, newest first, tried just that one."""
    table = pd.DataFrame(_row(one, option) for one in chosen for option in one.found.options)
    known = [accuracy_of(option.schedule, accuracies) for one in chosen for option in one.found.options]
    if any(known):
        table.insert(3, "Top-1, measured", [top_1(one) for one in known])
    return table


def top_1(found: ScheduleAccuracy | None) -> str:
    """The share of images that are told rightly, with its interval."""
    if found is None or found.top_1 is None:
        return "—"
    share = found.top_1
    return f"{percent(100 * share.value)} ({100 * share.low:.1f} to {100 * share.high:.1f})"


def _row(one: Chosen, option: Option) -> dict[str, object]:
    entry = latest(option.schedule, one.verifications)
    state = verdict(None if entry is None else entry.proof) if option.schedule.prunes else "the untouched model"
    return {
        "Curve": one.name,
        "Schedule": ORIGINS[option.origin],
        "Keeps": _keeps(option, one.found.full_tokens),
        "State": f"{state} · doubted" if one.found.doubts else state,
        "Measured, cut first": _latency(option.measured),
        "Saves at most": saving_words(option.measured),
        "Predicted, pruned": _latency(option.predicted),
        "Saves, predicted": saving_words(option.predicted),
        "Why": why(option),
    }


def _keeps(option: Option, full_tokens: int) -> str:
    if option.tokens is None:
        return f"{option.density * full_tokens:.0f} on average"
    return f"all {option.tokens}" if option.tokens == full_tokens else str(option.tokens)


def _latency(saving: Saving | None) -> str:
    if saving is None:
        return "—"
    return f"{milliseconds(saving.latency_ns)} ({interval(saving.low_ns, saving.high_ns)})"


def saving_words(saving: Saving | None) -> str:
    """What is saved in per cent, with its interval."""
    if saving is None:
        return "—"
    return (
        f"{percent(saving.saves_percent)} ({percent(saving.saves_low_percent)} to {percent(saving.saves_high_percent)})"
    )


def why(option: Option) -> str:
    """Why the option is what it is, and which counts would be as good."""
    return f"{option.reason}; as good within the noise: {in_words(option.as_good)}" if option.as_good else option.reason


def curve_frame(view: CurveView) -> pd.DataFrame:
    """One row a drawn point of the curve: tokens, ms, low, high."""
    frame = pd.DataFrame(
        {
            "tokens": view.tokens,
            "ms": view.latency_ns / NS_PER_MS,
            "low": view.low_ns / NS_PER_MS,
            "high": view.high_ns / NS_PER_MS,
        }
    )
    return frame.iloc[kept_points(view, MOST_DRAWN)]


def marks_frame(found: SchedulesFound) -> pd.DataFrame:
    """One row a mark: what was measured at the tokens kept, and predicted at the mean of those that leave a block."""
    rows = []
    for option in found.options:
        for what, tokens, saving in (
            (MEASURED, option.tokens, option.measured),
            (PREDICTED, option.density * found.full_tokens, option.predicted),
        ):
            if saving is None or tokens is None:
                continue
            rows.append(
                {
                    "schedule": ORIGINS[option.origin],
                    "what": what,
                    "tokens": tokens,
                    "ms": saving.latency_ns / NS_PER_MS,
                    "low": saving.low_ns / NS_PER_MS,
                    "high": saving.high_ns / NS_PER_MS,
                    "latency": _latency(saving),
                    "saves": saving_words(saving),
                }
            )
    return pd.DataFrame(rows)


def front_frame(found: SchedulesFound) -> pd.DataFrame:
    """One row a schedule of the front: what it keeps in per cent, and its latency at its worst in ms."""
    return pd.DataFrame({"kept": 100 * point.kept, "ms": point.worst_ns / NS_PER_MS} for point in found.front)


def kept_frame(found: SchedulesFound, accuracy: AccuracyCurve | None) -> pd.DataFrame:
    """One row an option that is predicted: what it keeps in per cent, of tokens or stated accuracy, and its ms."""
    return pd.DataFrame(
        {
            "schedule": ORIGINS[option.origin],
            "kept": 100 * option.kept(accuracy),
            "ms": option.predicted.latency_ns / NS_PER_MS,
            "latency": _latency(option.predicted),
        }
        for option in found.options
        if option.predicted is not None
    )
