"""The single-prune recommendation: a few sweet spots, spread over what is sensible to remove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.analysis.curve import Curve, Point
from orchestrator.analysis.steps import StepsFound
from orchestrator.analysis.sweet_spots import SweetSpot, SweetSpotKind

MOST_CHOICES = 6
"""One choice from each of as many equal ranges of tokens removed: a menu from mild to strong."""

MOST_REMOVED = 0.75
"""A model cut to less than a quarter of its tokens is rarely of use, so no more is recommended."""

CUT_FIRST = (
    "What a choice saves was measured with the tokens cut before the first block, so it is the most that pruning in a "
    "later block can save. Accuracy is not considered yet. Nothing here is verified: time the pruned model on the "
    "device."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A token count worth pruning to, once. What it saves is against the untouched model, with a 95 % interval."""

    tokens: int
    removed: int
    latency_ns: float
    saves_percent: float
    saves_low_percent: float
    saves_high_percent: float
    reason: str
    verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The choices, best saving for each token removed first, and what a person must know about them."""

    choices: tuple[Choice, ...]
    note: str


def recommend(curve: Curve, spots: Sequence[SweetSpot], found: StepsFound) -> Recommendation:
    """The sweet spots worth choosing, at most one from each range of tokens removed.

    The edge of a step or a dip goes first: that of them which saves most for each token removed. On a slope no count is
    better than the next, so it is the one nearest the middle of its range. What a spot surely saves, the lower end of
    its interval, is what counts, so that luck in one reading wins little.
    """
    full = curve.full
    if full is None:
        return Recommendation(choices=(), note="Nothing was measured, so there is nothing to recommend.")
    width = MOST_REMOVED * full.tokens / MOST_CHOICES
    best: dict[int, tuple[tuple[bool, float], Choice]] = {}
    for spot in spots:
        removed = full.tokens - spot.tokens
        if not 0 < removed <= MOST_REMOVED * full.tokens:
            continue
        choice = _choice(full, spot, found)
        part, within = divmod(removed - 0.5, width)
        sharp = spot.kind is not SweetSpotKind.SLOPE
        rank = (sharp, _worth(choice) if sharp else -abs(within - width / 2))
        if choice.saves_low_percent > 0 and (int(part) not in best or rank > best[int(part)][0]):
            best[int(part)] = rank, choice
    choices = tuple(sorted((choice for _, choice in best.values()), key=_worth, reverse=True))
    return Recommendation(choices=choices, note=_note(curve, choices))


def _worth(choice: Choice) -> float:
    """What a choice surely saves for each token removed, in per cent."""
    return choice.saves_low_percent / choice.removed


def _choice(full: Point, spot: SweetSpot, found: StepsFound) -> Choice:
    return Choice(
        tokens=spot.tokens,
        removed=full.tokens - spot.tokens,
        latency_ns=spot.latency_ns,
        saves_percent=spot.saves_percent,
        saves_low_percent=spot.saves_low_percent,
        saves_high_percent=spot.saves_high_percent,
        reason=_reason(spot, found),
    )


def _reason(spot: SweetSpot, found: StepsFound) -> str:
    for step in found.steps:
        size = f"{abs(step.change_percent):.1f} %"
        if spot.kind is SweetSpotKind.BELOW_RISE and step.after_tokens == spot.tokens:
            return f"just below the rise of {size} after {step.after_tokens}"
        if spot.kind is SweetSpotKind.PAST_DROP and step.next_tokens == spot.tokens:
            return f"just above the drop of {size} after {step.after_tokens}: fewer tokens cost more"
    if spot.kind is SweetSpotKind.DIP:
        return "faster than the counts on either side of it"
    return "on a slope: no larger count is as fast"


def _note(curve: Curve, choices: Sequence[Choice]) -> str:
    if not choices:
        return "No smaller token count is clearly faster than the untouched model, so nothing is worth removing here."
    if not curve.doubts:
        return CUT_FIRST
    reasons = ", ".join(dict.fromkeys(doubt.reason.value for doubt in curve.doubts))
    return f"{CUT_FIRST} The curve it rests on is doubted: {reasons}."
