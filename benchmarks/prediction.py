"""Predicted against measured: random schedules of one model, predicted from its blocks timed in place, then timed.

    python benchmarks/prediction.py [--model NAME] [--batch N] [--threads N] [--method METHOD] [--stride N]

About 5 minutes for DeiT-S at batch 1 on one thread. The machine must be quiet.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.clock import SystemClock
from agent.measure.gauge import ThreadGauge
from agent.measure.sampling import Sampler
from agent.vit.subject import VitSubject, load_vit_subject
from agent.wire.jobs import ModelFacts, Round, Subject, Workload
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.curve import curve_of
from orchestrator.analysis.passes import PassReadings, column_medians, factors_of, medians_of
from orchestrator.analysis.prediction import CHOOSING_SHARE, BlocksMeasured, blocks_of, predict

PASSES, PASSES_OF_SCHEDULES = 5, 15
FEWEST = 0.3
"""Of all tokens, what random schedules leave at the end at least."""


def main() -> None:
    """Print a row a schedule, and the mean and worst error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="deit_small_patch16_224")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--method", type=Method, default=Method.ONE_MORE)
    parser.add_argument("--schedules", type=int, default=20)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    subject = load_vit_subject(options.model, Workload(batch_size=options.batch, threads=options.threads))
    facts, rng = subject.facts, random.Random(options.seed)
    fewest = int(FEWEST * facts.tokens) - 1
    counts = tuple(sorted(set(range(facts.tokens, fewest - 1, -options.stride)) | {fewest}))
    curve = curve_of(timed(subject, a_round(0, counts, facts.tokens, PASSES)))
    blocks = blocks_of(timed(subject, a_round(1, counts, facts.tokens, PASSES, subject=Subject.BLOCKS)), curve)
    assert blocks is not None
    schedules = (whole(facts, options.method), *(drawn(facts, options.method, rng) for _ in range(options.schedules)))
    numbers = tuple(range(2, len(schedules) + 1))
    asked = a_round(2, numbers, 1, PASSES_OF_SCHEDULES, subject=Subject.SCHEDULES, schedules=schedules)
    medians = medians_of(timed(subject, asked), np.arange(1, len(schedules) + 1))
    measured = column_medians(medians / factors_of(medians)[:, None])
    # Both stand against the untouched model of their own part of the run: drift from one to the other is no error.
    untouched = predict(blocks, schedules[0]).latency_ns
    print(f"{options.model}, batch {options.batch}, {options.threads} thread(s), {options.method.value}")
    print(f"scale {blocks.scale:.4f}; untouched: {untouched / 1e6:.2f} ms predicted, {measured[0] / 1e6:.2f} measured")
    if not np.isfinite(measured).all():
        sys.exit("Not one reading of some schedule was accepted: something else is at work on this machine.")
    print("| tokens that leave each block | predicted | measured | off | within the interval |")
    print("| --- | --- | --- | --- | --- |")
    errors, within, unchosen, choosing = [], [], [], []
    for schedule, took in zip(schedules[1:], measured[1:], strict=True):
        said = predict(blocks, schedule)
        share, truth = said.latency_ns / untouched, float(took / measured[0])
        errors.append(abs(share / truth - 1))
        within.append(said.low_ns / untouched <= truth <= said.high_ns / untouched)
        # In units of the measured latency: what is predicted beside choosing, and what choosing weighs.
        chosen = at_pruned_blocks(blocks, schedule) / untouched / truth
        unchosen.append(share / truth - CHOOSING_SHARE[options.method] * chosen)
        choosing.append(chosen)
        leaving = " ".join(map(str, schedule.leaving))
        print(f"| {leaving} | {share:.3f} | {truth:.3f} | {100 * (share / truth - 1):+.1f} % | {within[-1]} |")
    print(f"mean {100 * np.mean(errors):.2f} %, worst {100 * max(errors):.2f} %, {sum(within)} of {len(within)} within")
    fitting = np.dot(choosing, 1 - np.array(unchosen)) / np.dot(choosing, choosing)
    print(f"choosing would have fitted best at {fitting:.3f} of a block; it is {CHOOSING_SHARE[options.method]}")


def at_pruned_blocks(blocks: BlocksMeasured, schedule: Schedule) -> float:
    """What the blocks that prune take at the tokens that enter them, in ns, added up."""
    counts = [point.tokens for point in blocks.points]
    latency_ns = [point.latency_ns for point in blocks.points]
    rows = zip(blocks.shares, schedule.entering, schedule.leaving, strict=True)
    return blocks.scale * sum(
        share * float(np.interp(into, counts, latency_ns)) for share, into, out in rows if out < into
    )


def whole(facts: ModelFacts, method: Method) -> Schedule:
    """The schedule that prunes nothing."""
    return Schedule(
        method=method,
        tokens=facts.tokens,
        prefix_tokens=facts.prefix_tokens,
        leaving=(facts.tokens,) * facts.blocks,
    )


def drawn(facts: ModelFacts, method: Method, rng: random.Random) -> Schedule:
    """A random schedule that prunes in one to four blocks."""
    fewest, leaving, left = int(FEWEST * facts.tokens), [], facts.tokens
    pruned = set(rng.sample(range(facts.blocks), rng.randint(1, 4)))
    for block in range(facts.blocks):
        if block in pruned:
            # Halving at most, as merging can.
            floor = max(fewest, left - (left - facts.prefix_tokens) // 2)
            left = rng.randint(floor, left)
        leaving.append(left)
    return Schedule(method=method, tokens=facts.tokens, prefix_tokens=facts.prefix_tokens, leaving=tuple(leaving))


def a_round(
    number: int,
    counts: tuple[int, ...],
    sentinel: int,
    passes: int,
    *,
    subject: Subject = Subject.MODEL,
    schedules: tuple[Schedule, ...] = (),
) -> Round:
    """What is asked for, as an orchestrator would."""
    return Round(
        number=number,
        subject=subject,
        tokens=counts,
        sentinel=sentinel,
        min_passes=passes,
        max_passes=passes,
        seed=number,
        schedules=schedules,
    )


def timed(subject: VitSubject, round_: Round) -> list[PassReadings]:
    """All passes of the round, measured in this process."""
    sampler = Sampler(subject=subject, clock=SystemClock(), gauge=ThreadGauge(), threads=subject.facts.threads)
    found = []
    for number in range(round_.max_passes):
        readings = sampler.measure_pass(round_, number).readings
        blocks_ns = [reading.blocks_ns for reading in readings]
        found.append(
            PassReadings(
                fence=1,
                round=round_.number,
                number=number,
                complete=True,
                tokens=np.array([reading.tokens for reading in readings]),
                start_ns=np.array([reading.start_ns for reading in readings]),
                latency_ns=np.array([reading.latency_ns for reading in readings]),
                accepted=np.array([reading.rejected is None for reading in readings]),
                blocks_ns=np.array(blocks_ns) if round_.subject is Subject.BLOCKS else None,
            )
        )
        print(f"round {round_.number}, pass {number}: {len(readings)} readings", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
