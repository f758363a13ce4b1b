"""What the chart of a curve is drawn from: one table a layer, in tokens and milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.wording import NS_PER_MS, confidence, interval, milliseconds, percent
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.comparison import position_of
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.steps import Step
from orchestrator.analysis.sweet_spots import SweetSpotKind
from orchestrator.views import ReadingsView

DRAWN_WITHIN = 0.25
"""Readings further than this off the median at their count are counted, not drawn: they would flatten the rest."""

MOST_DRAWN = 20_000
"""More readings than this are thinned out evenly, so that the page stays quick."""

LABELLED = 12
"""Of many steps, the largest are labelled; pointing at a step says its size in any case."""

MEDIAN = "median, 95 % interval"
READING = "reading"
REJECTED = "rejected reading"
STEP_UP = "step up"
STEP_DOWN = "step down"
SWEET_SPOT = "sweet spot"


@dataclass(frozen=True, slots=True)
class DrawnReadings:
    """The readings to draw, how many lie outside the picture, and each how many-th is drawn."""

    frame: pd.DataFrame
    outside: int
    every: int


def drawn_readings(curve: Curve, readings: ReadingsView, *, accepted: bool, rejected: bool) -> DrawnReadings:
    """The readings of its points as they were measured, before any factor: columns tokens, ms, series, what."""
    empty = pd.DataFrame({"tokens": [], "ms": [], "series": [], "what": []})
    frames = [
        pd.DataFrame(
            {
                "tokens": one.tokens,
                "ms": np.array(one.latency_ns, np.float64) / NS_PER_MS,
                "why": one.rejected,
                "what": f"round {one.round}, pass {one.number}",
            }
        )
        for one in readings.passes
        if one.makes_points
    ]
    if not frames:
        return DrawnReadings(empty, 0, 1)
    frame = pd.concat(frames, ignore_index=True)
    is_rejected = frame["why"] != ""
    frame["series"] = np.where(is_rejected, REJECTED, READING)
    frame["what"] = frame["what"] + np.where(is_rejected, ", " + frame["why"], "")
    frame = frame[(is_rejected & rejected) | (~is_rejected & accepted)]
    usual = frame["tokens"].map({point.tokens: point.latency_ns / NS_PER_MS for point in curve.points})
    inside = (frame["ms"] / usual - 1).abs() <= DRAWN_WITHIN
    every = max(1, -(-int(inside.sum()) // MOST_DRAWN))
    return DrawnReadings(frame[inside].iloc[::every].drop(columns="why"), int((~inside).sum()), every)


def points_frame(curve: Curve) -> pd.DataFrame:
    """One row a point: tokens, ms, low, high, and words for the tooltip."""
    return pd.DataFrame(
        {
            "tokens": point.tokens,
            "ms": point.latency_ns / NS_PER_MS,
            "low": point.low_ns / NS_PER_MS,
            "high": point.high_ns / NS_PER_MS,
            "series": MEDIAN,
            "latency": milliseconds(point.latency_ns),
            "interval": interval(point.low_ns, point.high_ns),
            "readings": f"{point.readings} accepted, {point.rejected} rejected",
            "doubts": "doubted by the device" if point.doubted else "none",
        }
        for point in curve.points
    )


def steps_frame(steps: tuple[Step, ...]) -> pd.DataFrame:
    """One row a step, halfway between its counts; ``label`` is empty but for the largest, ``row`` staggers labels."""
    largest = sorted(steps, key=lambda step: -abs(step.change_ns))[:LABELLED]
    labelled = [step for step in steps if step in largest]
    crowded = len(labelled) > LABELLED // 2
    return pd.DataFrame(
        {
            "tokens": (step.after_tokens + step.next_tokens) / 2,
            "series": STEP_UP if step.change_ns > 0 else STEP_DOWN,
            "size": percent(step.change_percent, signed=True),
            "label": percent(step.change_percent, signed=True) if step in labelled else "",
            "row": labelled.index(step) % 2 if step in labelled and crowded else 0,
            "between": f"{step.after_tokens} and {step.next_tokens} tokens",
            "position": f"after {position_of(step)}",
            "confidence": confidence(step),
            "state": "confirmed" if step.confirmed else "candidate",
        }
        for step in steps
    )


def sweet_spots_frame(analysis: Analysis) -> pd.DataFrame:
    """One row a sweet spot; ``label`` is its count where it is recommended, else empty.

    ``marked`` are those to point out on the curve: the recommended ones, and all that are no mere level of a slope.
    """
    recommended = {choice.tokens for choice in analysis.recommendation.choices}
    return pd.DataFrame(
        {
            "tokens": spot.tokens,
            "ms": spot.latency_ns / NS_PER_MS,
            "series": SWEET_SPOT,
            "label": str(spot.tokens) if spot.tokens in recommended else "",
            "marked": spot.tokens in recommended or spot.kind is not SweetSpotKind.SLOPE,
            "latency": milliseconds(spot.latency_ns),
            "interval": interval(spot.low_ns, spot.high_ns),
            "saves": percent(spot.saves_percent),
            "recommended": "yes, unverified" if spot.tokens in recommended else "no",
        }
        for spot in analysis.sweet_spots
    )


def between(frame: pd.DataFrame, shown: tuple[int, int]) -> pd.DataFrame:
    """The rows of ``frame`` whose token count lies in ``shown``, both ends included."""
    if frame.empty:
        return frame
    inside: pd.DataFrame = frame[frame["tokens"].between(*shown)]
    return inside
