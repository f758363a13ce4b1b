"""Advice for a token count that a person has in mind: keep more for free, or drop more and save."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.intervals import WIDTH_95
from orchestrator.analysis.levels import Levels, levels_of
from orchestrator.analysis.pieces import Pieces, pieces_of
from orchestrator.analysis.steps import StepsOutcome
from orchestrator.analysis.sweet_spots import WORTH_PERCENT, SweetSpotKind

FREE_PERCENT = WORTH_PERCENT
"""Tokens that surely cost less than this are free: a smaller saving would be no sweet spot either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Another count than the one in mind, and what it changes of that one's latency, with the 95 % interval.

    ``tokens`` is ``more`` than the count in mind, less than nothing where it is fewer. A negative change saves.
    """

    tokens: int
    more: int
    change_percent: float
    low_percent: float
    high_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a curve advises for ``tokens`` in mind.

    ``measured_tokens`` is the count that stands for it, the next larger one measured, with its latency and 95 %
    interval; None where there is none. ``keep`` is the largest count that surely costs less than 1 % more, ``faster``
    the fastest larger count where one is surely faster, ``drop`` the next smaller sweet spot that surely saves 1 %: the
    edge of a step or a dip where there is one, else a level on a slope. Each is None where the curve offers no such
    count. ``words`` say it all to a person.
    """

    tokens: int
    measured_tokens: int | None
    latency_ns: float | None
    low_ns: float | None
    high_ns: float | None
    keep: Offer | None
    faster: Offer | None
    drop: Offer | None
    words: str


def advice_for(analysis: Analysis, tokens: int, pieces: Pieces | None = None) -> Advice:
    """The advice of ``analysis`` for ``tokens`` in mind. ``pieces`` are its curve's where the caller has them."""
    points = analysis.curve.points
    index = next((index for index, point in enumerate(points) if point.tokens >= tokens), None)
    if index is None or tokens < 1:
        return _nothing(tokens, _why_nothing(tokens, points[-1].tokens if points else None))
    # Where jumps could hide, two counts of one piece differ by more than its slope, for all that anybody knows.
    told = analysis.steps.outcome in {StepsOutcome.FOUND, StepsOutcome.NONE}
    levels = levels_of(analysis.curve, pieces or pieces_of(analysis.curve), straight=told)
    keep, faster, drop = _keep(levels, index), _faster(levels, index), _drop(levels, index, analysis)
    doubts = dict.fromkeys(doubt.reason.value for doubt in analysis.curve.doubts)
    sentences = [
        *_stands_for(tokens, points[index].tokens),
        *_in_words(points[index].tokens, keep, faster, drop),
        *([] if told else ["Jumps could hide in this curve: measure more to be sure of more."]),
        *([f"The curve it rests on is doubted: {', '.join(doubts)}."] if doubts else []),
    ]
    reach_ns = WIDTH_95 * float(levels.error_ns[index])
    latency_ns = float(levels.latency_ns[index])
    return Advice(
        tokens=tokens,
        measured_tokens=points[index].tokens,
        latency_ns=latency_ns,
        low_ns=max(latency_ns - reach_ns, 0.0),
        high_ns=latency_ns + reach_ns,
        keep=keep,
        faster=faster,
        drop=drop,
        words=" ".join(sentences),
    )


def _keep(levels: Levels, index: int) -> Offer | None:
    larger = range(len(levels.tokens) - 1, index, -1)
    return _first(levels, index, larger, lambda offer: offer.high_percent < FREE_PERCENT)


def _faster(levels: Levels, index: int) -> Offer | None:
    larger = sorted(range(index + 1, len(levels.tokens)), key=lambda other: float(levels.latency_ns[other]))
    return _first(levels, index, larger[:1], lambda offer: offer.high_percent < 0)


def _drop(levels: Levels, index: int, analysis: Analysis) -> Offer | None:
    place = {int(tokens): other for other, tokens in enumerate(levels.tokens)}
    below = [spot for spot in reversed(analysis.sweet_spots) if place[spot.tokens] < index]
    below.sort(key=lambda spot: spot.kind is SweetSpotKind.SLOPE)  # stable: the nearest of each come first
    return _first(
        levels, index, [place[spot.tokens] for spot in below], lambda offer: offer.high_percent < -WORTH_PERCENT
    )


def _first(levels: Levels, index: int, others: Iterable[int], fits: Callable[[Offer], bool]) -> Offer | None:
    offers = (_offer(levels, index, other) for other in others)
    return next((offer for offer in offers if fits(offer)), None)


def _offer(levels: Levels, index: int, other: int) -> Offer:
    change_ns, error_ns = levels.gain(index, other)
    percent = 100 / float(levels.latency_ns[index])
    return Offer(
        tokens=int(levels.tokens[other]),
        more=int(levels.tokens[other] - levels.tokens[index]),
        change_percent=change_ns * percent,
        low_percent=(change_ns - WIDTH_95 * error_ns) * percent,
        high_percent=(change_ns + WIDTH_95 * error_ns) * percent,
    )


def _nothing(tokens: int, words: str) -> Advice:
    return Advice(
        tokens=tokens,
        measured_tokens=None,
        latency_ns=None,
        low_ns=None,
        high_ns=None,
        keep=None,
        faster=None,
        drop=None,
        words=words,
    )


def _why_nothing(tokens: int, most: int | None) -> str:
    if most is None:
        return "Nothing was measured, so there is no advice."
    return f"{tokens} tokens cannot be advised on: choose a count from 1 to {most}, the most that were measured."


def _stands_for(tokens: int, measured: int) -> Iterable[str]:
    if tokens != measured:
        yield f"{tokens} was not measured; {measured}, the next larger count that was, stands for it."


def _in_words(tokens: int, keep: Offer | None, faster: Offer | None, drop: Offer | None) -> Iterable[str]:
    if faster:
        yield f"Keep {faster.more} more, {faster.tokens}, and save {_saved(faster)}."
    if keep and (faster is None or keep.tokens != faster.tokens):
        yield f"Keep {keep.more} more, {keep.tokens}, for free ({_changed(keep)})."
    if drop:
        yield f"Drop {-drop.more} more, to {drop.tokens}, and save {_saved(drop)}."
    if not (keep or faster or drop):
        yield f"{tokens} tokens are as good as any count near: none more is surely free, and no fewer surely save."


def _saved(offer: Offer) -> str:
    return f"{-offer.change_percent:.1f} % (95 %: {-offer.high_percent:.1f} to {-offer.low_percent:.1f})"


def _changed(offer: Offer) -> str:
    return f"{offer.change_percent:+.1f} %, 95 %: {offer.low_percent:+.1f} to {offer.high_percent:+.1f}"
