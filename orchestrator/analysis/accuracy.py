"""The accuracy that a utility weighs against latency: as somebody stated it, or the token density in its place."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from agent.errors import StepfarmError
from agent.wire.fields import MOST_TOKENS
from orchestrator.analysis.passes import Floats, Integers

HEADER = ("tokens", "accuracy")
MOST_ROWS = MOST_TOKENS
SHOWN = 40
"""Characters of a foreign text that an error repeats."""

ADVICE = (
    "The file has the header tokens,accuracy and one row a token count, for example 197,79.8. Accuracy may be a share "
    "or per cent: only its ratio to the best one counts."
)


class BadAccuracy(StepfarmError):
    """A stated accuracy curve that cannot be meant."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ADVICE)


STATED = "stated accuracy curve"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyCurve:
    """Accuracy at token counts, as stated, by ascending tokens; in any unit that is zero or more.

    ``source`` says where it comes from, for a reader.

    Raises:
        BadAccuracy: fewer than two counts, a count twice, or what is no accuracy.
    """

    stated: tuple[tuple[int, float], ...]
    source: str = STATED

    def __post_init__(self) -> None:
        counts = [tokens for tokens, _ in self.stated]
        if len(counts) < 2:
            raise BadAccuracy(f"An accuracy curve needs two token counts at least; here is {len(counts)}.")
        if len(counts) > MOST_ROWS:
            raise BadAccuracy(f"An accuracy curve has {MOST_ROWS:,} token counts at most.")
        if any(later <= before for before, later in pairwise(counts)):
            raise BadAccuracy("A token count of the accuracy curve stands twice, or the counts do not ascend.")
        if not 1 <= counts[0] <= counts[-1] <= MOST_TOKENS:
            raise BadAccuracy(f"Token counts lie between 1 and {MOST_TOKENS:,}.")
        if not all(math.isfinite(accuracy) and accuracy >= 0 for _, accuracy in self.stated):
            raise BadAccuracy("An accuracy is a number, zero or more.")
        if not any(accuracy for _, accuracy in self.stated):
            raise BadAccuracy("Every accuracy is zero.")

    def at(self, tokens: Integers) -> Floats:
        """The accuracy at ``tokens``: on the straight line between the counts stated, NaN beyond them."""
        counts, accuracy = np.array(self.stated).T
        between: Floats = np.interp(tokens, counts, accuracy, left=np.nan, right=np.nan)
        return between


def refuse_floor_without(accuracy: AccuracyCurve | None) -> None:
    """Refuse an accuracy floor where no accuracy is known.

    Raises:
        StepfarmError: ``accuracy`` is None.
    """
    if accuracy is None:
        raise StepfarmError(
            "An accuracy floor is asked for, and no accuracy is known.",
            "State one (--accuracy FILE.csv), have one measured (--accuracy-job JOB), or ask for a token budget.",
        )


def read_accuracy(text: str) -> AccuracyCurve:
    """The accuracy curve in a CSV file with the columns tokens and accuracy, whatever the order of its rows.

    Raises:
        BadAccuracy: with the line, where one is to blame.
    """
    lines = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").splitlines()
    if not lines or tuple(cell.lower() for cell in _cells(lines[0])) != HEADER:
        shown = lines[0][:SHOWN] if lines else ""
        raise BadAccuracy(f"The accuracy file does not begin with {','.join(HEADER)}, but with “{shown}”.")
    return AccuracyCurve(stated=tuple(sorted(_rows(lines[1:]))))


def _rows(lines: Iterable[str]) -> Iterable[tuple[int, float]]:
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        try:
            tokens, accuracy = _cells(line)
            yield int(tokens), float(accuracy)
        except ValueError:
            raise BadAccuracy(
                f"Line {number} of the accuracy file is no token count and accuracy: “{line[:SHOWN]}”."
            ) from None


def _cells(line: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(",")]
