"""The same curve twice: ``python -m benchmarks.again`` says whether this machine agrees with itself (A/A).

Each pair is two whole measurements, one after the other, as ``stepfarm measure`` makes them.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.wire.jobs import Workload
from orchestrator.alone import measure
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.planning import Plan


def main() -> None:
    """Print a row for each pair, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="deit_tiny_patch16_224")
    parser.add_argument("--pairs", type=int, default=5, help="how many pairs of curves (default: 5)")
    parser.add_argument("--stride", type=int, default=4, help="tokens between two counts (default: 4)")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    plan = Plan(stride=asked.stride, exhaustive=True, confirm=False)
    print(f"{asked.model}, {asked.threads} threads, every {asked.stride}th count")
    print("| pair | counts | inside the joint 95 % interval | median difference | largest | doubted |")
    print("| --- | --- | --- | --- | --- | --- |")
    held: list[bool] = []
    off: list[float] = []
    doubted = 0
    for pair in range(asked.pairs):
        workload = Workload(threads=asked.threads)
        first, second = (measure(asked.model, workload, plan=plan).analysis.curve for _ in range(2))
        inside, differences = _compared(first, second)
        reasons = [", ".join(doubt.reason.value for doubt in curve.doubts) or "no" for curve in (first, second)]
        held, off = held + inside, off + differences
        doubted += bool(first.doubts) + bool(second.doubts)
        print(_row(str(pair + 1), inside, differences, "; ".join(reasons)), flush=True)
    print(_row("all", held, off, f"{doubted} of {2 * asked.pairs} curves"))


def _compared(first: Curve, second: Curve) -> tuple[list[bool], list[float]]:
    """For each count whether the difference is inside the joint interval, and how large it is relative to the first."""
    others = {point.tokens: point for point in second.points}
    inside, differences = [], []
    for one in first.points:
        other = others.get(one.tokens)
        if other is None:
            continue
        lower, upper = sorted((one, other), key=lambda point: point.latency_ns)
        reach_ns = math.hypot(lower.high_ns - lower.latency_ns, upper.latency_ns - upper.low_ns)
        inside.append(upper.latency_ns - lower.latency_ns <= reach_ns)
        differences.append(abs(other.latency_ns / one.latency_ns - 1))
    return inside, differences


def _row(name: str, inside: list[bool], differences: list[float], doubted: str) -> str:
    return (
        f"| {name} | {len(inside)} | {np.mean(inside):.1%} | {np.median(differences):.2%} | {max(differences):.2%} "
        f"| {doubted} |"
    )


if __name__ == "__main__":
    main()
