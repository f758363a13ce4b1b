"""What is doubted of a curve's passes and points, in words for a person: one line a reason."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.analysis.curve import Curve, in_words


def doubted_passes(curve: Curve) -> Iterator[str]:
    """How many passes are doubted for each reason."""
    for reason in sorted({reason for factor in curve.factors for reason in factor.doubts}):
        number = sum(reason in factor.doubts for factor in curve.factors)
        yield f"{reason.value}: {number} of {len(curve.factors)}"


def doubted_points(curve: Curve) -> Iterator[str]:
    """Which points are doubted for each reason, with the evidence of most of them."""
    for reason in dict.fromkeys(doubt.reason for doubt in curve.point_doubts):
        doubts = [doubt for doubt in curve.point_doubts if doubt.reason is reason]
        usual = max(doubts, key=lambda doubt: len(doubt.tokens))
        tokens = sorted({count for doubt in doubts for count in doubt.tokens})
        such_as = "such as " if len(doubts) > 1 else ""
        yield f"{reason.value}, at {in_words(tokens)}: {such_as}{usual.evidence}"
