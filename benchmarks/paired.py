"""Two callables timed in turn on one machine: their ratio with an interval, whatever the machine drifts."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from orchestrator.analysis.confirmation import pseudo_median

Z_95 = 1.96


@dataclass(frozen=True)
class Ratio:
    """How long the first took, over the second, with a 95 % interval; and both medians in milliseconds."""

    ratio: float
    low: float
    high: float
    first_ms: float
    second_ms: float
    pairs: int

    def __str__(self) -> str:
        return (
            f"{self.ratio:.3f} ({self.low:.3f} to {self.high:.3f}), "
            f"{self.first_ms:.2f} and {self.second_ms:.2f} ms, {self.pairs} pairs"
        )


def compare(first: Callable[[], object], second: Callable[[], object], *, pairs: int, warm_up: int = 3) -> Ratio:
    """The ratio of ``first`` to ``second``: which comes first turns round from pair to pair.

    The ratio is the pseudo-median of the logarithms of the pairs' ratios (Hodges and Lehmann), its interval that of the
    signed-rank test.
    """
    for _ in range(warm_up):
        first()
        second()
    took_ns = np.empty((pairs, 2))
    gc.collect()
    gc.disable()
    try:
        for pair in range(pairs):
            order = (0, 1) if pair % 2 == 0 else (1, 0)
            for which in order:
                call = (first, second)[which]
                start_ns = time.perf_counter_ns()
                call()
                took_ns[pair, which] = time.perf_counter_ns() - start_ns
    finally:
        gc.enable()
    middle, low, high = pseudo_median(np.log(took_ns[:, 0] / took_ns[:, 1]), Z_95)
    first_ms, second_ms = np.median(took_ns, axis=0) / 1e6
    return Ratio(math.exp(middle), math.exp(low), math.exp(high), float(first_ms), float(second_ms), pairs)
