"""When a reading is not believed, and when a pass is doubted. Rules of values alone."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence

from agent.wire.conditions import Conditions, Doubt, DoubtReason
from agent.wire.readings import Reading, Rejection

MOST_WAITING = 1.02
"""Wall time over processor time beyond which a single-threaded call has waited for something."""

MOST_SENTINEL_SPREAD = 0.05
"""Spread of the middle half of the sentinel's readings within a pass, over their median, beyond which it is unsteady.

The middle half, because one reading in many is always off: a rule of the extremes doubts nearly every pass of a machine
that does anything else.
"""

MOST_CLOCK_FALL = 0.05
"""Fall of the fastest clock of a kind over a pass, or of a clock's limit, over what it was, beyond which it moved."""

CLOCKS_THAT_REST = {"gpu", "memory"}
"""Kinds of clock that fall as soon as a pass is over, so that their rate after it says nothing; their limits do."""

BEHIND = ("background", "restricted", "system-background")
"""The groups in which a phone keeps apps that nobody looks at, on its little cores."""

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
    """The reasons to distrust a pass as a whole, each once with all of its evidence."""
    found: dict[DoubtReason, list[str]] = {}
    for reason, evidence in (
        *_throttled(before, after),
        *_clocks_moved(before, after),
        *_wrong_cores(before, after),
        *_unsteady(readings, sentinel),
        *_contended(readings),
    ):
        found.setdefault(reason, []).append(evidence)
    return tuple(Doubt(reason=reason, evidence="; ".join(told)[:4_000]) for reason, told in found.items())


_Doubts = Iterator[tuple[DoubtReason, str]]


def _throttled(before: Conditions, after: Conditions) -> _Doubts:
    flags = sorted({*before.throttled, *after.throttled})
    if flags:
        yield DoubtReason.THROTTLED, f"the device reports: {', '.join(flags)}"
    were = {counter.name: counter.count for counter in before.counters}
    grown = {counter.name: counter.count - were.get(counter.name, counter.count) for counter in after.counters}
    events = [f"{name} by {growth}" for name, growth in grown.items() if growth > 0]
    if events:
        yield DoubtReason.THROTTLED, f"counters grew during the pass: {', '.join(events)}"


def _clocks_moved(before: Conditions, after: Conditions) -> _Doubts:
    # An idle processor speeds up when work comes, so only a fall says anything; the fastest core is the one at work.
    was, now = _fastest(before), _fastest(after)
    for kind in sorted((was.keys() & now.keys()) - CLOCKS_THAT_REST):
        if _fell(was[kind], now[kind]):
            evidence = f"the fastest {kind} clock fell from {was[kind]:.0f} to {now[kind]:.0f} MHz during the pass"
            yield DoubtReason.CLOCKS_MOVED, evidence
    limits = {clock.domain: clock.max_mhz for clock in before.clocks}
    for clock in after.clocks:
        limit = limits.get(clock.domain)
        if limit is not None and clock.max_mhz is not None and _fell(limit, clock.max_mhz):
            evidence = f"the limit of {clock.domain} fell from {limit:.0f} to {clock.max_mhz:.0f} MHz during the pass"
            yield DoubtReason.CLOCKS_MOVED, evidence


def _fastest(conditions: Conditions) -> dict[str, float]:
    """The rate in MHz of the fastest clock of each kind; the kind is the word that a domain begins with."""
    fastest: dict[str, float] = {}
    for clock in conditions.clocks:
        kind = re.split(r"[^A-Za-z]", clock.domain, maxsplit=1)[0]
        fastest[kind] = max(clock.mhz, fastest.get(kind, 0.0))
    return fastest


def _fell(was_mhz: float, now_mhz: float) -> bool:
    return now_mhz < (1 - MOST_CLOCK_FALL) * was_mhz


def _wrong_cores(before: Conditions, after: Conditions) -> _Doubts:
    if before.cores_allowed and after.cores_allowed and before.cores_allowed != after.cores_allowed:
        evidence = f"cores allowed were {_list(before.cores_allowed)} before and {_list(after.cores_allowed)} after"
        yield DoubtReason.WRONG_CORES, evidence
    if before.group in BEHIND or after.group in BEHIND:
        evidence = f"the phone kept the process in its group {before.group} before and {after.group} after the pass"
        yield DoubtReason.WRONG_CORES, evidence


def _list(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:64])
    return shown if len(numbers) <= 64 else f"{shown}, ... ({len(numbers)} in all)"


def _unsteady(readings: Sequence[Reading], sentinel: int) -> _Doubts:
    latencies = [reading.latency_ns for reading in readings if reading.tokens == sentinel and reading.rejected is None]
    if len(latencies) < 2:
        return
    low, median, high = statistics.quantiles(latencies, n=4, method="inclusive")
    spread = (high - low) / median
    if spread > MOST_SENTINEL_SPREAD:
        evidence = (
            f"the middle half of {len(latencies)} readings of the sentinel, {sentinel} tokens, took {low / 1e6:.3f} to "
            f"{high / 1e6:.3f} ms, a spread of {spread:.1%}"
        )
        yield DoubtReason.UNSTEADY, evidence


def _contended(readings: Sequence[Reading]) -> _Doubts:
    rejected = sum(reading.rejected is not None for reading in readings)
    if rejected > MOST_REJECTED * len(readings):
        yield DoubtReason.CONTENDED, f"{rejected} of {len(readings)} readings were rejected"
