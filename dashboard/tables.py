"""The results of an analysis and the conditions of its passes, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from agent.wire.conditions import Conditions, DoubtReason
from agent.wire.jobs import Order, Subject
from dashboard.wording import MINUS, NS_PER_MS, confidence, interval, milliseconds, moment, percent
from orchestrator.analysis.comparison import position_of
from orchestrator.analysis.confirmation import Confirmation
from orchestrator.analysis.curve import Curve, PassFactor
from orchestrator.analysis.recommendation import Choice
from orchestrator.analysis.steps import Step
from orchestrator.analysis.sweet_spots import SweetSpot, SweetSpotKind
from orchestrator.views import PassView

KINDS = {
    SweetSpotKind.FULL: "all tokens",
    SweetSpotKind.BELOW_RISE: "below a rise",
    SweetSpotKind.PAST_DROP: "above a drop",
    SweetSpotKind.DIP: "dip",
    SweetSpotKind.SLOPE: "on a slope",
}


def steps_table(steps: Sequence[Step]) -> pd.DataFrame:
    """One row a step, by ascending tokens."""
    return pd.DataFrame(
        {
            "After": step.after_tokens,
            "Lies after": str(position_of(step)),
            "Adds": _signed_ms(step.change_ns),
            "Of latency": percent(step.change_percent, signed=True),
            "95 % interval": f"{_signed_ms(step.interval_low_ns)} … {_signed_ms(step.interval_high_ns)}",
            "Confidence": confidence(step),
            "In pairs": _in_pairs(step.paired),
        }
        for step in steps
    )


def _in_pairs(paired: Confirmation | None) -> str:
    if paired is None:
        return "not timed"
    if paired.low_ns is None or paired.high_ns is None:
        return f"{paired.pairs} pairs"
    return f"{_signed_ms(paired.low_ns)} … {_signed_ms(paired.high_ns)}, {paired.pairs} pairs"


def sweet_spots_table(spots: Sequence[SweetSpot], full_tokens: int) -> pd.DataFrame:
    """One row a sweet spot, most tokens first."""
    return pd.DataFrame(
        {
            "Tokens": spot.tokens,
            "Removed": full_tokens - spot.tokens,
            "Latency": milliseconds(spot.latency_ns),
            "95 % interval": interval(spot.low_ns, spot.high_ns),
            "Saves": percent(spot.saves_percent),
            "Why": KINDS[spot.kind],
        }
        for spot in reversed(spots)
    )


def choices_table(choices: Sequence[Choice]) -> pd.DataFrame:
    """One row a choice, best first."""
    return pd.DataFrame(
        {
            "Keep": choice.tokens,
            "Remove": choice.removed,
            "Latency": milliseconds(choice.latency_ns),
            "Saves at most": percent(choice.saves_percent),
            "95 % interval": f"{percent(choice.saves_low_percent)} to {percent(choice.saves_high_percent)}",
            "Why": choice.reason,
            "State": "verified" if choice.verified else "unverified",
        }
        for choice in choices
    )


def passes_table(curve: Curve, passes: Sequence[PassView]) -> pd.DataFrame:
    """One row a pass, in the order measured: what it was divided by, and how the device felt before and after."""
    factors = {(factor.fence, factor.round, factor.number): factor for factor in curve.factors}
    return pd.DataFrame(_pass_row(one, factors) for one in passes)


def _pass_row(one: PassView, factors: Mapping[tuple[int, int, int], PassFactor]) -> dict[str, Any]:
    factor = factors.get((one.fence, one.round, one.number))
    return {
        "Round": one.round,
        "Pass": one.number if one.complete else f"{one.number} (broken off)",
        "Timed": "whole model" if one.subject is Subject.MODEL else "blocks in place",
        "Started": moment(one.started_ms),
        "Order": "in pairs" if one.order is Order.ALTERNATING else one.order.value,
        "Speed factor": f"{factor.factor:.3f}" if factor else "",
        "Readings": len(one.tokens),
        "Rejected": sum(why != "" for why in one.rejected),
        "Warmest": _before_after(_warmest(one.before), _warmest(one.after), "°C"),
        "Clocks": _before_after(_mean_mhz(one.before), _mean_mhz(one.after), "MHz"),
        "Load": _before_after(one.before.load, one.after.load, ""),
        "Throttled": ", ".join(dict.fromkeys((*one.before.throttled, *one.after.throttled))) or "no",
        "Doubts": ", ".join(reason.value for reason in _reasons(one, factor)) or "none",
    }


def _reasons(one: PassView, factor: PassFactor | None) -> tuple[DoubtReason, ...]:
    """Why a pass is doubted: what the device said of it, and what the analysis did."""
    told = (doubt.reason for doubt in one.doubts)
    return tuple(dict.fromkeys((*told, *(factor.doubts if factor else ()))))


def _warmest(conditions: Conditions) -> float | None:
    return max((sensor.celsius for sensor in conditions.temperatures), default=None)


def _mean_mhz(conditions: Conditions) -> float | None:
    # Memory and GPU have clocks of their own; a simulated device has one that says so.
    rates = [clock.mhz for clock in conditions.clocks if clock.domain.startswith(("cpu", "simulated"))]
    return sum(rates) / len(rates) if rates else None


def _before_after(before: float | None, after: float | None, unit: str) -> str:
    if before is None and after is None:
        return "not known"
    digits = 0 if unit == "MHz" else 1
    texts = ["?" if value is None else f"{value:.{digits}f}" for value in (before, after)]
    return f"{' → '.join(texts)} {unit}".strip()


def gaps_of(passes: Sequence[PassView], known: Sequence[str] = ()) -> tuple[str, ...]:
    """What could not be found out about the device, each once: ``known`` gaps and those of the conditions."""
    of_passes = (gap for one in passes for conditions in (one.before, one.after) for gap in conditions.gaps)
    return tuple(dict.fromkeys((*known, *of_passes)))


def _signed_ms(change_ns: float) -> str:
    return f"{change_ns / NS_PER_MS:+.3f} ms".replace("-", MINUS)
