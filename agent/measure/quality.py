"""When a reading is not believed, and when a pass is doubted. Rules of values alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from agent.wire.conditions import Conditions, Doubt, DoubtReason
from agent.wire.readings import Reading, Rejection

MOST_WAITING = 1.02
"""Wall time over processor time beyond which a single-threaded call has waited for something."""

MOST_SENTINEL_SPREAD = 0.05
"""Spread of the sentinel within a pass, over its median, beyond which the pass is unsteady."""

MOST_CLOCK_FALL = 0.05
"""Fall of the fastest clock over a pass, over what it was, beyond which the clocks moved."""

MOST_REJECTED = 0.40
"""Share of rejected readings in a pass beyond which the device was contended."""


def rejection(wall_ns: int, cpu_ns: int, involuntary_switches: int, threads: int | None) -> Rejection | None:
    """Why a reading is not believed, or None.

    Args:
        wall_ns: how long the call took.
        cpu_ns: processor time that the calling thread used meanwhile.
        involuntary_switches: how often the kernel took the processor away from that thread meanwhile.
        threads: how many threads share the work; None where another processor than the CPU does it. With any number
            but 1 the calling thread waits for the others by design, so its waiting says nothing.
    """
    if involuntary_switches > 0:
        return Rejection.PREEMPTED
    if threads == 1 and wall_ns > MOST_WAITING * cpu_ns:
        return Rejection.WAITED
    return None


def doubts_of_pass(
    readings: Sequence[Reading], sentinel: int, before: Conditions, after: Conditions
) -> tuple[Doubt, ...]:
    """The reasons to distrust a pass as a whole, each with its evidence."""
    return tuple(
        Doubt(reason=reason, evidence=evidence)
        for reason, evidence in (
            *_throttled(before, after),
            *_clocks_moved(before, after),
            *_wrong_cores(before, after),
            *_unsteady(readings, sentinel),
            *_contended(readings),
        )
    )


_Doubts = Iterator[tuple[DoubtReason, str]]


def _throttled(before: Conditions, after: Conditions) -> _Doubts:
    flags = sorted({*before.throttled, *after.throttled})
    if flags:
        yield DoubtReason.THROTTLED, f"the device reports: {', '.join(flags)}"[:4_000]


def _clocks_moved(before: Conditions, after: Conditions) -> _Doubts:
    # An idle processor speeds up when work comes, so only a fall says anything; the fastest core is the one at work.
    was = max((clock.mhz for clock in before.clocks), default=0.0)
    now = max((clock.mhz for clock in after.clocks), default=0.0)
    if before.clocks and after.clocks and now < (1 - MOST_CLOCK_FALL) * was:
        yield DoubtReason.CLOCKS_MOVED, f"the fastest clock fell from {was:.0f} to {now:.0f} MHz during the pass"


def _wrong_cores(before: Conditions, after: Conditions) -> _Doubts:
    if before.cores_allowed and after.cores_allowed and before.cores_allowed != after.cores_allowed:
        evidence = f"cores allowed were {_list(before.cores_allowed)} before and {_list(after.cores_allowed)} after"
        yield DoubtReason.WRONG_CORES, evidence


def _list(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:64])
    return shown if len(numbers) <= 64 else f"{shown}, ... ({len(numbers)} in all)"


def _unsteady(readings: Sequence[Reading], sentinel: int) -> _Doubts:
    latencies = [reading.latency_ns for reading in readings if reading.tokens == sentinel and reading.rejected is None]
    if len(latencies) < 2:
        return
    spread = (max(latencies) - min(latencies)) / statistics.median(latencies)
    if spread > MOST_SENTINEL_SPREAD:
        evidence = (
            f"the sentinel, {sentinel} tokens, took {min(latencies) / 1e6:.3f} to {max(latencies) / 1e6:.3f} ms in "
            f"{len(latencies)} visits, a spread of {spread:.1%}"
        )
        yield DoubtReason.UNSTEADY, evidence


def _contended(readings: Sequence[Reading]) -> _Doubts:
    rejected = sum(reading.rejected is not None for reading in readings)
    if rejected > MOST_REJECTED * len(readings):
        yield DoubtReason.CONTENDED, f"{rejected} of {len(readings)} readings were rejected"
