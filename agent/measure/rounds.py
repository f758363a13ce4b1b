"""Measuring a round with a child: pass after pass, until the round's own rule says that it is done."""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import Clock
from agent.errors import MeasurementFailed
from agent.measure.baseline import Baseline
from agent.measure.child_protocol import PassMeasured
from agent.measure.isolation import MeasuringChild
from agent.measure.stopping import round_is_done
from agent.wire.codec import WireError
from agent.wire.conditions import Doubt
from agent.wire.jobs import FailureReason, Round
from agent.wire.readings import Batch, Reading

FIRST_PASS_DEADLINE_S = 3_600.0
PATIENCE = 10.0
"""A pass that takes ten times as long as the slowest before it has hung."""


def measure_round(
    child: MeasuringChild,
    round_: Round,
    *,
    passes_done: int,
    fence: int,
    clock: Clock,
    keep: Callable[[Batch], None],
) -> None:
    """Measure what is missing of ``round_``, of which ``passes_done`` are stored already.

    A pass in which the sentinel was off is kept with its doubt, and another is measured in its place (see
    `agent.measure.baseline`).

    Args:
        fence: the number of the attempt that measures.
        keep: gets the readings of each pass as soon as it is measured.

    Raises:
        MeasurementFailed: the child failed; the passes kept so far are good.
        MeasurementStopped: the child was cancelled, likewise.
    """
    began_ns = clock.monotonic_ns()
    measured: list[tuple[Reading, ...]] = []
    slowest_s = 0.0
    baseline = Baseline()
    number = done = passes_done
    while not round_is_done(round_, done, measured, (clock.monotonic_ns() - began_ns) / 1e9):
        deadline_s = FIRST_PASS_DEADLINE_S if not measured else 60.0 + PATIENCE * slowest_s
        pass_began_ns = clock.monotonic_ns()
        one = child.measure_pass(round_, number, deadline_s=deadline_s)
        slowest_s = max(slowest_s, (clock.monotonic_ns() - pass_began_ns) / 1e9)
        verdict = baseline.judge(one.readings, round_.sentinel)
        doubts = (*one.doubts, *verdict.doubts)
        keep(_batch(one, fence=fence, round_number=round_.number, number=number, doubts=doubts))
        measured.append(one.readings)
        number += 1
        done += not verdict.measure_again


def _batch(one: PassMeasured, *, fence: int, round_number: int, number: int, doubts: tuple[Doubt, ...]) -> Batch:
    try:
        return Batch(
            fence=fence,
            round=round_number,
            number=number,
            started_ms=one.started_ms,
            complete=one.complete,
            before=one.before,
            after=one.after,
            readings=one.readings,
            doubts=doubts,
        )
    except WireError as error:
        raise MeasurementFailed(
            FailureReason.INTERNAL,
            f"the measuring process gave a pass that is none: {error}",
            "This is a fault of Stepfarm: please report it with this message.",
        ) from None
