"""The planner on this machine: the steps it finds and confirms, beside a dense paired reference taken in the same run.

    python -m benchmarks.planner_device [--model deit_small_patch16_224] [--batch 1] [--threads 1]

For a quiet machine; about 8 minutes for DeiT-S. The reference times every count against the next in pairs, then those
that jump again, with fresh pairs alone: what those say is the truth. Device-seconds stand beside the paper's grid,
which spends 2 s on each of 195 counts.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.clock import SystemClock
from agent.measure.isolation import MeasuringChild
from agent.measure.rounds import measure_round
from agent.wire.jobs import Order, Round, Workload
from agent.wire.readings import Batch
from benchmarks.scoring import score
from orchestrator.alone import Measurement, measure
from orchestrator.analysis.confirmation import LOOKS, Confirmation, confirm
from orchestrator.analysis.passes import PassReadings, pass_of
from orchestrator.analysis.planning import Plan

PAPER_S_A_COUNT = 2.0
FEWEST_PERCENT = 1.0
"""Smaller jumps are nobody's step: the reference leaves them out, and neither side is blamed for them."""

NEAR = 8
"""Pairs on each side of one whose median change is the slope there."""


@dataclass(frozen=True)
class Jump:
    """A change from ``after`` to the next count that pairs are sure of, in per cent of the latency there."""

    after: int
    percent: float


def device_seconds(batches: Iterable[Batch]) -> float:
    """From the first reading of each pass to the end of its last, with the untimed call before the first."""
    total_ns = 0
    for batch in batches:
        first, last = batch.readings[0], batch.readings[-1]
        total_ns += last.start_ns + last.latency_ns - first.start_ns + first.latency_ns
    return total_ns / 1e9


class Reference:
    """Pairs of neighbours, timed with a child of its own."""

    def __init__(self, child: MeasuringChild, clock: SystemClock, sentinel: int) -> None:
        self._child = child
        self._clock = clock
        self._sentinel = sentinel
        self._rounds = 0

    def pairs(self, after: Sequence[int], passes: int) -> list[PassReadings]:
        """``passes`` pairs of each count of ``after`` and the next; those that share a count in rounds of their own."""
        taken: list[PassReadings] = []
        for parity in (0, 1):
            tokens = tuple(count for first in after if first % 2 == parity for count in (first, first + 1))
            if tokens:
                taken += self._round(tokens, passes)
        return taken

    def _round(self, tokens: tuple[int, ...], passes: int) -> list[PassReadings]:
        asked = Round(
            number=self._rounds,
            order=Order.ALTERNATING,
            tokens=tokens,
            sentinel=self._sentinel,
            min_passes=passes,
            max_passes=passes,
            seed=self._rounds,
        )
        self._rounds += 1
        taken: list[PassReadings] = []
        measure_round(
            self._child,
            asked,
            passes_done=0,
            fence=1,
            clock=self._clock,
            keep=lambda batch: taken.append(pass_of(batch, asked)),
        )
        return taken


def reference(child: MeasuringChild, clock: SystemClock, counts: Sequence[int], sentinel: int) -> list[Jump]:
    """The jumps that are there: seen by a first set of pairs of every count, and again by fresh pairs alone."""
    device = Reference(child, clock, sentinel)
    first = device.pairs(counts, LOOKS[0])
    usual = _usual(first, counts)
    seen = [after for after in counts if _jumps(confirm(first, after, after + 1, usual[after]))]
    fresh = device.pairs(seen, LOOKS[-1])
    sure = [said for after in seen if _jumps(said := confirm(fresh, after, after + 1, usual[after]))]
    levels = {said.after_tokens: _level(fresh, said.after_tokens) for said in sure}
    jumps = [Jump(said.after_tokens, 100 * (said.change_ns or 0.0) / levels[said.after_tokens]) for said in sure]
    return [jump for jump in jumps if abs(jump.percent) >= FEWEST_PERCENT]


def _jumps(said: Confirmation) -> bool:
    return said.rises or said.falls


def _level(passes: Sequence[PassReadings], tokens: int) -> float:
    return float(np.median(np.concatenate([one.latency_ns[one.tokens == tokens] for one in passes])))


def _usual(passes: Sequence[PassReadings], counts: Sequence[int]) -> dict[int, tuple[float, float]]:
    """What one token more brings around each count: nothing, and the median change of the pairs near it."""
    changes = np.array([confirm(passes, after, after + 1).change_ns or 0.0 for after in counts])
    usual = {}
    for place, after in enumerate(counts):
        slope_ns = float(np.median(changes[max(place - NEAR, 0) : place + NEAR + 1]))
        usual[after] = min(slope_ns, 0.0), max(slope_ns, 0.0)
    return usual


def report(measured: Measurement, jumps: Sequence[Jump], options: argparse.Namespace, load: float) -> None:
    """Print what was found beside what is there."""
    by_order = {order: [b for b in measured.batches if measured.rounds[b.round].order is order] for order in Order}
    finding, confirming = (device_seconds(by_order[order]) for order in (Order.SHUFFLED, Order.ALTERNATING))
    large = [one for one in measured.analysis.steps.steps if abs(one.change_percent) >= FEWEST_PERCENT]
    there = [jump.after for jump in jumps]
    paper_s = PAPER_S_A_COUNT * (measured.facts.tokens - 2)
    print(
        f"\n{options.model}, batch {options.batch}, {options.threads} thread(s), {platform.machine()}, load {load:.1f}"
    )
    print(f"reference: {', '.join(f'{jump.after} ({jump.percent:+.1f} %)' for jump in jumps) or 'no jump'}")
    print("\n| | found | there | hits | false | missed | device-seconds | of the paper's grid |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, steps, seconds in (
        ("candidates", large, finding),
        ("confirmed", [step for step in large if step.confirmed], finding + confirming),
    ):
        found = score([step.after_tokens for step in steps], there)
        cells = f"{found.hits} | {found.false} | {found.missed} | {seconds:.0f} | 1/{paper_s / seconds:.1f}"
        print(f"| {name} | {len(steps)} | {len(there)} | {cells} |")
    print(f"\nThe paper's grid: {paper_s:.0f} s. {measured.analysis.steps.explanation}.", flush=True)


def main() -> None:
    """Search, take the reference, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="deit_small_patch16_224")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--min-tokens", type=int, default=2, help="search and reference begin here")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    workload = Workload(batch_size=options.batch, threads=options.threads)
    measured = measure(options.model, workload, plan=Plan(min_tokens=options.min_tokens))
    clock = SystemClock()
    with MeasuringChild(clock=clock) as child:
        facts = child.start(options.model, workload)
        fewest = max(options.min_tokens, facts.prefix_tokens + 1, 2)
        jumps = reference(child, clock, range(fewest, facts.tokens), facts.tokens)
    report(measured, jumps, options, load)


if __name__ == "__main__":
    main()
