"""Measuring a round with a child: pass after pass, until the round's own rule says that it is done."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

from agent.clock import Clock
from agent.errors import MeasurementFailed
from agent.measure.baseline import Baseline, level_of
from agent.measure.child_protocol import PassMeasured
from agent.measure.cooling import CoolDown, Feel, hottest, should_cool
from agent.measure.isolation import MeasuringChild
from agent.measure.stopping import round_is_done
from agent.wire.codec import WireError
from agent.wire.conditions import Doubt
from agent.wire.jobs import FailureReason, Order, Round
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
    cool_down: CoolDown | None = None,
) -> None:
    """Measure what is missing of ``round_``, of which ``passes_done`` are stored already.

    A pass in which the sentinel was off is kept with its doubt, and another is measured in its place (see
    `agent.measure.baseline`).

    Args:
        fence: the number of the attempt that measures.
        keep: gets the readings of each pass as soon as it is measured.
        cool_down: waits where heat may have made a pass what it is; None where nothing cools, as in a simulation.

    Raises:
        MeasurementFailed: the child failed; the passes kept so far are good.
        MeasurementStopped: the child was cancelled, likewise.
    """
    began_ns = clock.monotonic_ns()
    measured: list[tuple[Reading, ...]] = []
    slowest_s = 0.0
    baseline = Baseline()
    began_celsius: float | None = None
    number = done = passes_done
    while not round_is_done(round_, done, measured, (clock.monotonic_ns() - began_ns) / 1e9):
        deadline_s = FIRST_PASS_DEADLINE_S if not measured else 60.0 + PATIENCE * slowest_s
        pass_began_ns = clock.monotonic_ns()
        one = child.measure_pass(round_, number, deadline_s=deadline_s)
        if not measured:
            began_celsius = hottest(one.before)
        usual_ns, level_ns = baseline.level_ns, level_of(one.readings, round_.sentinel)
        slowest_s = max(slowest_s, (clock.monotonic_ns() - pass_began_ns) / 1e9)
        verdict = baseline.judge(one.readings, round_.sentinel)
        doubts = (*one.doubts, *verdict.doubts)
        keep(_batch(one, fence=fence, round_number=round_.number, number=number, doubts=doubts))
        measured.append(one.readings)
        number += 1
        done += not verdict.measure_again
        if cool_down is not None and should_cool(doubts, level_ns, usual_ns):
            look_at = replace(round_, tokens=(round_.sentinel,), order=Order.SHUFFLED)
            cool_down.until_cool(
                Feel(celsius=began_celsius, sentinel_ns=baseline.level_ns),
                Feel(celsius=hottest(one.after), sentinel_ns=level_ns),
                round_.sentinel,
                functools.partial(child.measure_pass, look_at, number, deadline_s=deadline_s),
            )


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
