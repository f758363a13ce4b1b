"""The analysis of many curves: what goes in, what comes out, and the way to do it in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.passes import PassReadings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """The sealed readings of a curve, and their hash; ``used_up`` is whether its measuring ended with the budget."""

    curve_id: int
    blob_sha256: str
    passes: Sequence[PassReadings]
    used_up: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """What the analysis made of ``given``: a result, or the error that it broke off with."""

    given: Given
    made: Analysis | Exception


Analyser = Callable[[Iterable[Given]], Iterator[Made]]
"""Takes curves from an iterable, one whenever it has a hand free, and yields each once it is done, in any order.

The iterable may end early and its curves be large: no more of them are held than are being worked on. One curve that
breaks the analysis does not keep the others from it.
"""


def one_by_one(analyse: Callable[[Sequence[PassReadings]], Analysis]) -> Analyser:
    """The `Analyser` that runs ``analyse`` in this process."""

    def analyser(given: Iterable[Given]) -> Iterator[Made]:
        for one in given:
            made: Analysis | Exception
            try:
                made = analyse(one.passes)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is this curve's alone
                made = error
            yield Made(given=one, made=made)

    return analyser
