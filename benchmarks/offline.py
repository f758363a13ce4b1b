"""Device-seconds for a curve of equal standard error, beside the paper's ``offline_computation.py``.

``python -m benchmarks.offline CHECKOUT`` needs a checkout of nickjeliopoulos/PruneOneMoreToken; its own timer and
forward function are called, nothing of it is copied here. Both curves are measured again and again in turn. The error
of each is how much a count differs between repeats, whatever the level of the whole repeat did; seconds grow with the
inverse square of it.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.clock import SystemClock
from agent.measure.gauge import ThreadGauge
from agent.measure.sampling import Sampler
from agent.vit.loading import load_subject
from agent.wire.conditions import Conditions
from agent.wire.jobs import Round, Workload
from agent.wire.readings import Batch
from orchestrator.analysis.curve import Curve, curve_of
from orchestrator.analysis.passes import pass_of

PASSES = 7


def main() -> None:
    """Print the seconds and errors of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--model", default="deit_small_patch16_224")
    parser.add_argument("--stride", type=int, default=8, help="tokens between two counts (default: 8)")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    counts = list(range(196, 1, -asked.stride))
    theirs: list[list[float]] = []
    curves: list[Curve] = []
    their_s = our_s = 0.0
    _load(asked.checkout, asked.model)
    for repeat in range(asked.repeats):
        began_s = time.perf_counter()
        theirs.append(_paper(counts))
        their_s += time.perf_counter() - began_s
        began_s = time.perf_counter()
        curves.append(_stepfarm(counts, seed=repeat))
        our_s += time.perf_counter() - began_s
    ours = [_latencies(curve, counts) for curve in curves]
    rows = (("the paper's script", np.array(theirs), their_s), ("Stepfarm", np.array(ours), our_s))
    errors = {name: _error(found) for name, found, _ in rows}
    print(f"{asked.model}, one thread, batch 1, {len(counts)} counts, {asked.repeats} repeats")
    print("| | device-seconds a curve | error of a point | device-seconds at an error of 0.5 % |")
    print("| --- | --- | --- | --- |")
    for name, _, seconds in rows:
        each_s = seconds / asked.repeats
        print(f"| {name} | {each_s:.1f} | {errors[name]:.2%} | {each_s * (errors[name] / 0.005) ** 2:.1f} |")
    points = [point for curve in curves for point in curve.points]
    rejected, accepted = (sum(getattr(curve, name) for curve in curves) for name in ("rejected", "readings"))
    print(
        f"Stepfarm doubted {sum(bool(curve.doubts) for curve in curves)} of its {len(curves)} curves and "
        f"{sum(point.doubted for point in points) / len(points):.1%} of their points, and rejected "
        f"{rejected / (rejected + accepted):.1%} of its readings; the script has no doubts to state"
    )


def _error(found: NDArray[np.float64]) -> float:
    """The median over counts of the relative spread between repeats, (repeats, counts), whose levels are taken out."""
    # NaN where every reading of a count was rejected.
    levels = np.nanmedian(found / np.nanmedian(found, axis=0), axis=1, keepdims=True)
    level_free = found / levels
    return float(np.nanmedian(np.nanstd(level_free, axis=0, ddof=1) / np.nanmean(level_free, axis=0)))


_LOADED: dict[str, Any] = {}


def _load(checkout: Path, model: str) -> None:
    import timm
    import torch

    if not _LOADED:
        sys.path[:0] = [str(checkout), str(checkout / "pomt")]  # their own imports want both
        script = importlib.import_module("offline_computation")
        torch.set_num_threads(1)
        vit = timm.create_model(model, pretrained=False).eval()
        _LOADED.update(script=script, vit=vit, subject=load_subject(model, Workload(threads=1)))


def _paper(counts: list[int]) -> list[float]:
    """The latency at each count in ms as their script takes it: one descending run, 2 s a count."""
    import torch

    script, vit = _LOADED["script"], _LOADED["vit"]
    with torch.no_grad():
        images = torch.randn(1, 3, 224, 224)
        return [
            script.benchmark_latency_ms(script.random_prune_forward_timm_vit, vit, images, tokens, 1)
            for tokens in counts
        ]


def _stepfarm(counts: list[int], *, seed: int) -> Curve:
    """Seven passes of our engine, by its own analysis."""
    sampler = Sampler(subject=_LOADED["subject"], clock=SystemClock(), gauge=ThreadGauge(), threads=1)
    round_ = Round(number=0, tokens=tuple(counts), sentinel=197, min_passes=PASSES, max_passes=PASSES, seed=seed)
    passes = []
    for number in range(PASSES):
        sampled = sampler.measure_pass(round_, number)
        batch = Batch(
            fence=1,
            round=0,
            number=number,
            started_ms=0,
            complete=sampled.complete,
            before=Conditions(),
            after=Conditions(),
            readings=sampled.readings,
        )
        passes.append(pass_of(batch, round_))
    return curve_of(passes)


def _latencies(curve: Curve, counts: list[int]) -> list[float]:
    """The latency at each count in ms, NaN where every reading was rejected."""
    return [point.latency_ns / 1e6 if (point := curve.point_at(tokens)) else float("nan") for tokens in counts]


if __name__ == "__main__":
    main()
