"""In what order a pass visits its token counts."""

from __future__ import annotations

import random

from agent.errors import MeasurementFailed
from agent.wire.jobs import FailureReason, Order, Round


def visits_of_pass(round_: Round, number: int) -> tuple[int, ...]:
    """The token counts that pass ``number`` visits, in order.

    Every count of the round comes once, shuffled. The sentinel comes first, then after every ``sentinel_every`` counts,
    and last, so that drift within the pass shows at both ends. The round's seed and the number give the order: the
    same pass measured again visits in the same order.

    Raises:
        MeasurementFailed: this agent does not know the order.
    """
    if round_.order is not Order.SHUFFLED:
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"the round asks for {round_.order.value} order, which this agent cannot measure",
            "Upgrade stepfarm on the device, or ask for shuffled order.",
        )
    counts = list(round_.tokens)
    random.Random(f"{round_.seed}/{number}").shuffle(counts)  # noqa: S311  # an order, no secret
    visits: list[int] = []
    for start in range(0, len(counts), round_.sentinel_every):
        visits.append(round_.sentinel)
        visits.extend(counts[start : start + round_.sentinel_every])
    visits.append(round_.sentinel)
    return tuple(visits)
