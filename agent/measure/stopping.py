"""When a round is done. Rules of values alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from agent.wire.jobs import Round
from agent.wire.readings import Reading


def round_is_done(round_: Round, passes_done: int, passes: Sequence[Sequence[Reading]], spent_s: float) -> bool:
    """Whether the round needs no further pass.

    Args:
        round_: what was asked for.
        passes_done: how many passes are measured, those of earlier attempts included.
        passes: the readings of those passes that are at hand, one item a pass.
        spent_s: seconds of measuring so far.
    """
    if passes_done >= round_.max_passes:
        return True
    if passes_done < round_.min_passes:
        return False
    if round_.budget_s is not None and spent_s >= round_.budget_s:
        return True
    if round_.budget_readings is not None and passes and _with_another(passes) > round_.budget_readings:
        return True
    if round_.stop_error is None:
        return False
    values = _values_by_count(round_, passes)
    return bool(values) and all(_error_within(of_count, round_.stop_error) for of_count in values.values())


def _with_another(passes: Sequence[Sequence[Reading]]) -> int:
    """The readings of ``passes`` and of one more like the last, those taken again included."""
    return sum(map(len, passes)) + len(passes[-1])


def _error_within(values: Sequence[float], stop_error: float) -> bool:
    error = relative_standard_error(values)
    return error is not None and error <= stop_error


def relative_standard_error(values: Sequence[float]) -> float | None:
    """Standard error of the mean over the mean; None where fewer than two values tell nothing of it."""
    if len(values) < 2:
        return None
    return statistics.stdev(values) / math.sqrt(len(values)) / statistics.fmean(values)


def _values_by_count(round_: Round, passes: Sequence[Sequence[Reading]]) -> dict[int, list[float]]:
    """For each count but the sentinel its latency in each pass, in sentinels of that pass: drift is no error.

    A pass without an accepted sentinel has no factor and says nothing.
    """
    values: dict[int, list[float]] = {tokens: [] for tokens in round_.tokens if tokens != round_.sentinel}
    for readings in passes:
        accepted: dict[int, list[int]] = {}
        for reading in readings:
            if reading.rejected is None:
                accepted.setdefault(reading.tokens, []).append(reading.latency_ns)
        if round_.sentinel not in accepted:
            continue
        factor = statistics.median(accepted[round_.sentinel])
        for tokens in values.keys() & accepted.keys():
            values[tokens].append(statistics.median(accepted[tokens]) / factor)
    return values
