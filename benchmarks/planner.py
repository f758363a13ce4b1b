"""How many readings the planner takes to find steps, on curves whose truth is known, beside visiting every count.

    python -m benchmarks.planner                # every table, on seeds from 1000 on as docs/benchmarks.md has it
    python -m benchmarks.planner --seeds 0-2 --only find --processes 2

The same curves are measured twice: as the planner asks, and with 7 readings at each count, which the detector and its
peers are given. Sentinels count as readings on both sides. Finding and confirming are counted apart.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peers import peers
from benchmarks.planted import (
    PASSES,
    STEP_FREE_SHAPES,
    STEP_SHAPES,
    Direction,
    Noise,
    Planted,
    planted_curve,
    step_free_curve,
)
from benchmarks.scoring import Score, score
from benchmarks.searched import searched
from orchestrator.analysis.analyse import analyse
from orchestrator.analysis.budget import visits_of
from orchestrator.analysis.planning import Plan

SIZES = (197, 577, 1370)
GOALS = {197: 2, 577: 4, 1370: 7}
SEEDS = {"find": {197: 10, 577: 4, 1370: 2}, "small": {197: 5, 577: 2}, "free": {197: 10, 577: 4, 1370: 2}}
"""Seeds from 1000 on of each table and size, where none are named."""

CONFIRMING = Plan()
THOROUGH = Plan(confirm=False, passes=24, narrowest=3)
"""Every count on the grid, about 7 visits each, then looks at what is not sure: for steps of 3 standard errors."""


@dataclass(frozen=True)
class Curve:
    """One curve of a benchmark; ``size`` 0 is one without steps."""

    tokens: int
    shape: str
    noise: Noise
    direction: Direction
    size: float
    seed: int

    def planted(self) -> Planted:
        """The curve in seven passes, and its truth."""
        if self.size == 0:
            return step_free_curve(STEP_FREE_SHAPES[self.shape], self.noise, tokens=self.tokens, seed=self.noise_seed)
        return planted_curve(
            STEP_SHAPES[self.shape],
            self.noise,
            tokens=self.tokens,
            size=self.size,
            direction=self.direction,
            seed=self.seed,
        )

    @property
    def noise_seed(self) -> int:
        """What noise is drawn from. Without steps, the direction has nothing to say but which of three curves it is."""
        return self.seed if self.size else len(Direction) * self.seed + list(Direction).index(self.direction)


@dataclass(frozen=True)
class Outcome:
    """What each way made of a curve: scores by name, and readings in those of visiting every count 7 times."""

    curve: Curve
    scores: dict[str, Score]
    finding: float
    confirming: float
    confirmed: Score


def outcome(work: tuple[Curve, Plan, bool]) -> Outcome:
    """The curve measured as ``plan`` asks, and as it stands; with peers where those are wanted."""
    curve, plan, with_peers = work
    planted = curve.planted()
    job = searched(planted, curve.noise, plan, curve.noise_seed)
    found = job.analysis.steps.steps
    everything = PASSES * visits_of(len(planted.tokens))
    scores = {"the planner": score([step.after_tokens for step in found], planted.after)}
    if with_peers:
        whole = analyse(planted.passes)
        scores["7 a count"] = score([step.after_tokens for step in whole.steps.steps], planted.after)
        for peer in peers():
            if curve.tokens in peer.seeds and curve.tokens == min(SIZES):
                scores[f"7 a count, {peer.name}"] = score(list(peer.detect(whole.curve)), planted.after)
    return Outcome(
        curve=curve,
        scores=scores,
        finding=job.finding / everything,
        confirming=job.confirming / everything,
        confirmed=score([step.after_tokens for step in found if step.confirmed], planted.after),
    )


def curves(tokens: int, size: float, seeds: Iterable[int]) -> list[Curve]:
    """Every combination of shape, noise and direction, with each of ``seeds``."""
    shapes = STEP_SHAPES if size else STEP_FREE_SHAPES
    return [Curve(tokens, *kind, size, seed) for kind in itertools.product(shapes, Noise, Direction) for seed in seeds]


def find(run: Callable[[list[tuple[Curve, Plan, bool]]], list[Outcome]], seeds: dict[int, Sequence[int]]) -> None:
    """Steps of 5 standard errors: F1 and readings, and what confirming costs on top."""
    print("\nSteps of 5 SE. Readings in those of 7 a count; worst is the worst of 18 groups.\n")
    print(
        "| tokens | curves | way | F1 | worst | readings | goal | confirming | confirmed, recall | confirmed wrongly |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for tokens, chosen in seeds.items():
        outcomes = run([(curve, CONFIRMING, True) for curve in curves(tokens, 5, chosen)])
        for way in outcomes[0].scores:
            mean, worst = _f1(outcomes, way)
            start = f"| {tokens:,} | {len(outcomes)} | {way} | {mean:.3f} | {worst:.3f} |"
            if way != "the planner":
                print(f"{start} 1 | | | | |", flush=True)
                continue
            cost, more = (
                float(np.mean([getattr(one, name) for one in outcomes])) for name in ("finding", "confirming")
            )
            sure = sum((one.confirmed for one in outcomes), Score())
            print(
                f"{start} 1/{1 / cost:.2f} | 1/{GOALS[tokens]} | {more:.3f} | {sure.recall:.3f} | {sure.false} |",
                flush=True,
            )


def small(run: Callable[[list[tuple[Curve, Plan, bool]]], list[Outcome]], seeds: dict[int, Sequence[int]]) -> None:
    """Steps of 3 standard errors, measured again where they are not sure."""
    print("\nSteps of 3 SE: every count about 7 times, then looks at what is not sure.\n")
    print("| tokens | curves | way | F1 | readings, mean | readings, most |")
    print("| --- | --- | --- | --- | --- | --- |")
    for tokens, chosen in seeds.items():
        outcomes = run([(curve, THOROUGH, True) for curve in curves(tokens, 3, chosen)])
        for way in outcomes[0].scores:
            costs = [one.finding if way == "the planner" else 1.0 for one in outcomes]
            cells = f"{_f1(outcomes, way)[0]:.3f} | {np.mean(costs):.2f} x | {max(costs):.2f} x"
            print(f"| {tokens:,} | {len(outcomes)} | {way} | {cells} |", flush=True)


def free(run: Callable[[list[tuple[Curve, Plan, bool]]], list[Outcome]], seeds: dict[int, Sequence[int]]) -> None:
    """Curves without any step: false steps, candidates and confirmed ones, a curve."""
    print("\nCurves without any step.\n")
    print("| tokens | curves | false steps a curve | confirmed ones a curve | readings |")
    print("| --- | --- | --- | --- | --- |")
    for tokens, chosen in seeds.items():
        outcomes = run([(curve, CONFIRMING, False) for curve in curves(tokens, 0, chosen)])
        false = sum(one.scores["the planner"].false for one in outcomes) / len(outcomes)
        sure = sum(one.confirmed.false for one in outcomes) / len(outcomes)
        cost = float(np.mean([one.finding for one in outcomes]))
        print(f"| {tokens:,} | {len(outcomes)} | {false:.3f} | {sure:.3f} | 1/{1 / cost:.2f} |", flush=True)


def _f1(outcomes: Sequence[Outcome], way: str) -> tuple[float, float]:
    """The mean F1 over groups of curves alike, and the worst."""
    groups: dict[tuple[str, Noise, Direction], Score] = defaultdict(Score)
    for one in outcomes:
        groups[one.curve.shape, one.curve.noise, one.curve.direction] += one.scores[way]
    values = [group.f1 for group in groups.values()]
    return float(np.mean(values)), min(values)


TABLES = {"find": find, "small": small, "free": free}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", help="first-last, both included, for every size (default: some from 1000 on)")
    parser.add_argument("--tokens", type=int, nargs="+", default=SIZES, help="sizes of curves")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES), help="tables")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with multiprocessing.Pool(options.processes) as pool:
        for name in options.only:
            sizes = {tokens: count for tokens, count in SEEDS[name].items() if tokens in options.tokens}
            seeds = {tokens: _seeds(options.seeds, count) for tokens, count in sizes.items()}
            TABLES[name](lambda work: pool.map(outcome, work, chunksize=1), seeds)


def _seeds(asked: str | None, count: int) -> range:
    if asked is None:
        return range(1_000, 1_000 + count)
    first, _, last = asked.partition("-")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    main()
