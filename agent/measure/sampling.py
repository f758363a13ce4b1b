"""The timing of one pass."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.clock import Clock
from agent.errors import MeasurementFailed
from agent.measure.gauge import Gauge
from agent.measure.order import visits_of_pass
from agent.measure.quality import rejection
from agent.measure.subject import MeasuredSubject
from agent.wire.jobs import FailureReason, Round, Subject
from agent.wire.readings import MOST_READINGS, Reading

MOST_RETRIES = 2
"""How often a visit whose reading was rejected is tried again within its pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledPass:
    """The readings of one pass in the order they were taken; not ``complete`` where it was broken off."""

    readings: tuple[Reading, ...]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """Times one subject. ``threads`` is what `agent.measure.quality.rejection` wants to know of the work."""

    subject: MeasuredSubject
    clock: Clock
    gauge: Gauge
    threads: int | None

    def measure_pass(self, round_: Round, number: int, stop: Callable[[], bool] = lambda: False) -> SampledPass:
        """Visit every token count of the round once, with sentinels; between visits end early if ``stop()``.

        Raises:
            MeasurementFailed: the round asks for what cannot be measured here.
        """
        if round_.subject is not Subject.MODEL:
            raise MeasurementFailed(
                FailureReason.WORKLOAD_UNSUPPORTED,
                f"the round asks to time the subject {round_.subject.value}, which this agent cannot measure",
                "Upgrade stepfarm on the device, or ask for the whole model.",
            )
        visits = visits_of_pass(round_, number)
        readings: list[Reading] = []
        with _without_garbage_collection():
            for done, tokens in enumerate(visits):
                if stop():
                    return SampledPass(readings=tuple(readings), complete=False)
                # Retries must leave room for the visits to come, or the batch would be too long for the wire.
                room = MOST_READINGS - len(readings) - (len(visits) - done)
                readings += self._visit(tokens, len(readings), min(MOST_RETRIES, room))
        return SampledPass(readings=tuple(readings), complete=True)

    def _visit(self, tokens: int, position: int, retries: int) -> list[Reading]:
        """The readings of one visit: rejected ones until one is accepted or the retries are used up."""
        call = self.subject.prepare(tokens)
        call()  # The first call at a shape pays for allocations and kernel choices that later ones do not.
        readings = [self._reading(call, tokens, position)]
        while readings[-1].rejected is not None and len(readings) <= retries:
            readings.append(self._reading(call, tokens, position + len(readings)))
        return readings

    def _reading(self, call: Callable[[], None], tokens: int, position: int) -> Reading:
        before = self.gauge.read()
        start_ns = self.clock.monotonic_ns()
        call()
        end_ns = self.clock.monotonic_ns()
        after = self.gauge.read()
        wall_ns = max(1, end_ns - start_ns)
        cpu_ns = after.cpu_ns - before.cpu_ns
        switches = after.involuntary_switches - before.involuntary_switches
        return Reading(
            position=position,
            tokens=tokens,
            start_ns=start_ns,
            latency_ns=wall_ns,
            rejected=rejection(wall_ns, cpu_ns, switches, self.threads),
        )


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Hold Python's collector back: it would run inside whichever timed call comes next."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
