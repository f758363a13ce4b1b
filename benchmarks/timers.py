"""One callable, three timers in turn: ours, torch.utils.benchmark and pyperf: ``python -m benchmarks.timers``.

The callable is a forward pass of a ViT cut to n tokens. Which timer comes first changes from round to round, and each
is compared with ours of the same round, so that what the machine does meanwhile meets all three alike.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.clock import SystemClock
from agent.measure.gauge import ThreadGauge
from agent.measure.sampling import Sampler
from agent.measure.subject import MeasuredSubject
from agent.vit.loading import load_subject
from agent.wire.jobs import Round, Workload

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Print the medians and their ratios to ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="deit_tiny_patch16_224")
    parser.add_argument("--tokens", type=int, nargs="+", default=[50, 128, 197])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each timer times in a round (default: 2)")
    asked = parser.parse_args()
    subject = load_subject(asked.model, Workload(threads=1))
    print(f"{asked.model}, one thread, {asked.rounds} rounds; ms, and the median ratio to Stepfarm's of the same round")
    print("| tokens | Stepfarm | torch.utils.benchmark | pyperf | torch over ours | pyperf over ours |")
    print("| --- | --- | --- | --- | --- | --- |")
    for tokens in asked.tokens:
        timers: dict[str, Callable[[], float]] = {
            "ours": lambda tokens=tokens: _ours(subject, tokens, asked.seconds),
            "torch": lambda tokens=tokens: _torch(subject, tokens, asked.seconds),
            "pyperf": lambda tokens=tokens: _pyperf(asked.model, tokens, asked.seconds),
        }
        found: dict[str, list[float]] = {name: [] for name in timers}
        for number in range(asked.rounds):
            names = list(timers)
            for name in names[number % 3 :] + names[: number % 3]:
                found[name].append(timers[name]())
        ratios = [
            statistics.median(theirs / ours for theirs, ours in zip(found[name], found["ours"], strict=True))
            for name in ("torch", "pyperf")
        ]
        medians = " | ".join(f"{1e3 * statistics.median(found[name]):.3f}" for name in timers)
        print(f"| {tokens} | {medians} | {ratios[0]:.4f} | {ratios[1]:.4f} |", flush=True)


def _ours(subject: MeasuredSubject, tokens: int, seconds: float) -> float:
    """The median of the accepted readings in s, by the agent's sampler."""
    clock = SystemClock()
    sampler = Sampler(subject=subject, clock=clock, gauge=ThreadGauge(), threads=1)
    round_ = Round(number=0, tokens=(tokens,), sentinel=tokens, min_passes=1, max_passes=1, seed=0)
    until_ns = clock.monotonic_ns() + round(seconds * 1e9)
    latencies: list[int] = []
    number = 0
    while clock.monotonic_ns() < until_ns or not latencies:
        readings = sampler.measure_pass(round_, number).readings
        latencies += [reading.latency_ns for reading in readings if reading.rejected is None]
        number += 1
    return statistics.median(latencies) / 1e9


def _torch(subject: MeasuredSubject, tokens: int, seconds: float) -> float:
    from torch.utils.benchmark import Timer

    timer = Timer(stmt="call()", globals={"call": subject.prepare(tokens)}, num_threads=1)
    return float(timer.blocked_autorange(min_run_time=seconds).median)


def _pyperf(model: str, tokens: int, seconds: float) -> float:
    """The median of the values of one worker process in s; it loads the model anew, untimed."""
    import pyperf

    setup = (
        "from agent.vit.loading import load_subject; from agent.wire.jobs import Workload; "
        f"call = load_subject({model!r}, Workload(threads=1)).prepare({tokens}); call()"
    )
    with tempfile.TemporaryDirectory(prefix="stepfarm-timers-") as folder:
        path = Path(folder) / "found.json"
        values = max(3, round(seconds / 0.2))
        options = ("--processes", "1", "--values", str(values), "--warmups", "1", "--min-time", "0.2", "--quiet")
        command = (sys.executable, "-m", "pyperf", "timeit", *options, "-o", str(path), "-s", setup, "call()")
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return float(pyperf.Benchmark.load(str(path)).median())


if __name__ == "__main__":
    main()
