"""The timing of one pass."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from agent.clock import Clock
from agent.errors import MeasurementFailed
from agent.measure.baton import Baton
from agent.measure.gauge import Gauge
from agent.measure.order import visits_of_pass
from agent.measure.quality import rejection
from agent.measure.subject import MeasuredSubject
from agent.wire.jobs import FailureReason, Round, Subject
from agent.wire.readings import Reading, most_readings

MOST_RETRIES = 2
"""How often a visit whose reading was rejected is tried again within its pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledPass:
    """The readings of one pass in the order they were taken; not ``complete`` where it was broken off."""

    readings: tuple[Reading, ...]
    complete: bool


class _Visited(NamedTuple):
    """What is done at one token count or under one schedule: the call, and what it tells of the blocks afterwards."""

    call: Callable[[], None]
    blocks_ns: Callable[[], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """Times one subject. ``threads`` is what `agent.measure.quality.rejection` wants to know of the work.

    With a ``baton`` nothing is timed while the parent has it.
    """

    subject: MeasuredSubject
    clock: Clock
    gauge: Gauge
    threads: int | None
    baton: Baton | None = None

    def measure_pass(self, round_: Round, number: int, stop: Callable[[], bool] = lambda: False) -> SampledPass:
        """Visit every token count of the round once, with sentinels; between visits end early if ``stop()``.

        Raises:
            MeasurementFailed: the round asks for what cannot be measured here.
        """
        visits = visits_of_pass(round_, number)
        most = most_readings(self.subject.facts.blocks if round_.subject is Subject.BLOCKS else 0)
        if len(visits) > most:
            raise MeasurementFailed(
                FailureReason.WORKLOAD_UNSUPPORTED,
                f"a pass has room for {most} readings of {self.subject.facts.blocks} blocks, and the round asks for "
                f"{len(visits)}",
                "Ask for fewer token counts, by a larger stride.",
            )
        readings: list[Reading] = []
        with _without_garbage_collection():
            for done, tokens in enumerate(visits):
                if stop():
                    return SampledPass(readings=tuple(readings), complete=False)
                # Retries must leave room for the visits to come, or the batch would be too long for the wire.
                room = most - len(readings) - (len(visits) - done)
                visited = self._prepared(round_, tokens)
                readings += self._visit(visited, tokens, len(readings), min(MOST_RETRIES, room))
        return SampledPass(readings=tuple(readings), complete=True)

    def _prepared(self, round_: Round, tokens: int) -> _Visited:
        if round_.subject is Subject.MODEL:
            return _Visited(self.subject.prepare(tokens), tuple)
        if round_.subject is Subject.SCHEDULES:
            return _Visited(self.subject.prepare_schedule(round_.schedules[tokens - 1]), tuple)
        timed = self.subject.prepare_blocks(tokens, self.clock.monotonic_ns)
        return _Visited(timed, timed.blocks_ns)

    def _visit(self, visited: _Visited, tokens: int, position: int, retries: int) -> list[Reading]:
        """The readings of one visit: rejected ones until one is accepted or the retries are used up."""
        visited.call()  # The first call at a shape pays for allocations and kernel choices that later ones do not.
        readings = [self._reading(visited, tokens, position)]
        while readings[-1].rejected is not None and len(readings) <= retries:
            readings.append(self._reading(visited, tokens, position + len(readings)))
        return readings

    def _reading(self, visited: _Visited, tokens: int, position: int) -> Reading:
        with self._undisturbed(visited.call):
            return self._timed(visited, tokens, position)

    @contextlib.contextmanager
    def _undisturbed(self, call: Callable[[], None]) -> Iterator[None]:
        """Hold the baton. Where it had to be waited for, the caches are cold: ``call`` warms them up."""
        if self.baton is None:
            yield
            return
        taken = self.baton.take_at_once()
        if not taken:
            taken = self.baton.take()
            call()
        try:
            yield
        finally:
            if taken:
                self.baton.give()

    def _timed(self, visited: _Visited, tokens: int, position: int) -> Reading:
        call = visited.call
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
            blocks_ns=visited.blocks_ns(),
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
