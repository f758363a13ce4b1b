"""What the way of measuring is worth: ``python -m benchmarks.engine`` prints the tables of docs/benchmarks.md.

The measuring engine of the agent, from the order of visits to the doubts of a pass, measures a synthetic subject in
virtual time; nothing of it is written anew here. The subject's curve is known, and so is what disturbs it. The same
curve is measured as it is measured, without factors, and one count after another as the paper does. Tuned on seeds 0 to
99; what is reported comes from 1000 to 1099.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.measure.child import Served
from agent.measure.child_protocol import Begin, Measure, PassMeasured
from agent.measure.rounds import measure_round
from agent.measure.synthetic import SyntheticSubject, VirtualClock
from agent.wire.conditions import Conditions
from agent.wire.jobs import ModelFacts, Round, Workload
from agent.wire.readings import Batch
from benchmarks.planted import FEWEST, PASSES, STEP_SHAPES, Direction, Noise, Planted, planted_curve
from benchmarks.scoring import Score, score
from orchestrator.analysis import curve as curves
from orchestrator.analysis.analyse import analyse
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.passes import PassReadings, pass_of

TOKENS = 197
STEP_SIZE = 8.0
"""Standard errors of a point: the spread of the median of seven undisturbed readings."""

JITTER = 0.01
"""Relative spread of a reading."""

SPEEDS = 0.02
"""Relative spread of the speed of whole passes, whatever else happens."""

FACTS = ModelFacts(
    tokens=TOKENS, prefix_tokens=1, blocks=12, image_size=224, threads=1, runtime_version="synthetic, in virtual time"
)


class Trouble(str, Enum):
    """What happens to the device while it measures."""

    CALM = "calm"
    THROTTLE = "throttled by 10 % from mid-run"
    BURSTS = "bursts of 1.5 x over 4 % of the run"
    DRIFT = "drift by 10 % over the run"
    OUTLIERS = "2 % of readings 1.5 to 5 x"


class Way(str, Enum):
    """How the curve is measured and put together."""

    ENGINE = "as it is"
    NO_FACTORS = "without factors"
    SEQUENTIAL = "one count after another"


BURSTS = 4
BURSTS_SHARE = 0.04
OUTLIERS_SHARE = 0.02
SEVERAL = 5
"""Disturbed readings of a pass from which it should be marked."""


class TroubledDevice:
    """A device whose truth is known: an `agent.measure.subject.MeasuringDevice` in virtual time, without a sensor."""

    def __init__(self, truth_ns: Callable[[int], float], trouble: Trouble, seed: int) -> None:
        self.clock = VirtualClock()
        self.gauge = self.clock
        self.disturbed: list[int] = []
        self._truth_ns = truth_ns
        self._trouble = trouble
        self._random = random.Random(f"{seed}/{trouble.value}")
        # Each visit is a warm-up and a reading, and there are 8 sentinels a pass.
        calls = 2 * PASSES * (TOKENS - FEWEST + 1 + 8)
        mean_ns = sum(truth_ns(tokens) for tokens in range(FEWEST, TOKENS + 1)) / (TOKENS - FEWEST + 1)
        self._run_ns = calls * mean_ns
        length = BURSTS_SHARE / BURSTS
        slot = (1 - length) / BURSTS
        starts = [slot * (number + self._random.random() * (1 - length / slot)) for number in range(BURSTS)]
        self._bursts = [(start, start + length) for start in starts]
        self._speed = 1.0

    def load(self, _model: str, _workload: Workload, _exported: Path | None) -> SyntheticSubject:
        """The subject, which spends its true latency and what the trouble adds."""
        return SyntheticSubject(FACTS, self._latency_ns, self.clock.advance)

    def begin_pass(self, _round: Round, _number: int) -> None:
        """Draw the speed of the pass."""
        self._speed = 1 + SPEEDS * self._random.gauss(0, 1)

    def conditions(self) -> Conditions:
        """Nothing can be read."""
        return Conditions()

    def _latency_ns(self, tokens: int) -> int:
        done = self.clock.monotonic_ns() / self._run_ns
        factor = self._speed * (1 + JITTER * self._random.gauss(0, 1))
        match self._trouble:
            case Trouble.THROTTLE:
                factor *= 1.1 if done >= 0.5 else 1.0
            case Trouble.DRIFT:
                factor *= 1 + 0.1 * min(done, 1.0)
            case Trouble.BURSTS if any(start <= done < end for start, end in self._bursts):
                factor *= 1.5
                self.disturbed.append(self.clock.monotonic_ns())
            case Trouble.OUTLIERS if self._random.random() < OUTLIERS_SHARE:
                factor *= self._random.uniform(1.5, 5.0)
            case _:
                pass
        return max(1, round(self._truth_ns(tokens) * factor))


class ChildInProcess:
    """The measuring child without its process: what `measure_round` asks of one."""

    def __init__(self, device: TroubledDevice) -> None:
        self._served = Served(device, stop=lambda: False)
        self._served.begin(Begin(model="synthetic", workload=Workload(threads=1)))

    def measure_pass(self, round_: Round, number: int, *, deadline_s: float) -> PassMeasured:
        """One pass, by the child's own code."""
        assert deadline_s > 0
        return self._served.measure(Measure(round=round_, number=number))


@dataclass(frozen=True)
class Measured:
    """One run: the steps found against the planted ones, points that cover, passes and doubts."""

    score: Score
    covered: int
    points: int
    marked: int
    passes: int
    burst: int
    burst_marked: int
    doubted: bool


@dataclass(frozen=True)
class Case:
    """Which curve, in which trouble, measured which way."""

    shape: str
    trouble: Trouble
    way: Way
    seed: int


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1000-1099", type=_range, help="first-last, 1000-1099 by default")
    parser.add_argument("--processes", type=int, default=1, help="how many curves are worked on at a time")
    asked = parser.parse_args()
    started = time.perf_counter()
    print(f"seeds {asked.seeds[0]} to {asked.seeds[-1]}, {len(STEP_SHAPES)} shapes; steps of {STEP_SIZE:g} SE, n = 197")
    cases = [
        Case(shape, trouble, way, seed)
        for trouble in Trouble
        for way in Way
        for shape in STEP_SHAPES
        for seed in asked.seeds
    ]
    # The engine collects garbage before each pass; what is loaded already need not be looked through every time.
    with ProcessPoolExecutor(asked.processes, initializer=gc.freeze) as pool:
        runs = dict(zip(cases, pool.map(run, cases, chunksize=16), strict=True))
    for line in _table(runs):
        print(line)
    print(f"({time.perf_counter() - started:.0f} s, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)")


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def run(case: Case) -> Measured:
    """Measure the curve of ``case`` and hold what comes of it against the truth."""
    planted = planted_curve(
        STEP_SHAPES[case.shape], Noise.GAUSSIAN, tokens=TOKENS, size=STEP_SIZE, direction=Direction.BOTH, seed=case.seed
    )
    device = TroubledDevice(lambda tokens: float(planted.truth_ns[tokens - FEWEST]), case.trouble, case.seed)
    measure = _sequential if case.way is Way.SEQUENTIAL else _interleaved
    passes = measure(device, case.seed)
    with _factors_off() if case.way is Way.NO_FACTORS else contextlib.nullcontext():
        analysis = analyse(passes)
    marked = [bool(factor.doubts) for factor in analysis.curve.factors]
    burst = [_disturbed_in(one, device.disturbed) >= SEVERAL for one in passes]
    return Measured(
        score=score([step.after_tokens for step in analysis.steps.steps], planted.after),
        covered=_covered(analysis.curve, planted),
        points=len(analysis.curve.points),
        marked=sum(marked),
        passes=len(marked),
        burst=sum(burst),
        burst_marked=sum(one and is_marked for one, is_marked in zip(burst, marked, strict=True)),
        doubted=bool(analysis.curve.doubts),
    )


def _interleaved(device: TroubledDevice, seed: int) -> list[PassReadings]:
    """A round of all counts by the engine, disturbed passes measured again and all."""
    counts = tuple(range(FEWEST, TOKENS + 1))
    round_ = Round(number=0, tokens=counts, sentinel=TOKENS, min_passes=PASSES, max_passes=PASSES, seed=seed)
    kept: list[Batch] = []
    child = ChildInProcess(device)
    measure_round(child, round_, passes_done=0, fence=1, clock=device.clock, keep=kept.append)
    return [pass_of(batch, round_) for batch in kept]


def _sequential(device: TroubledDevice, seed: int) -> list[PassReadings]:
    """As the paper measures: from the largest count down, all readings of a count in a row.

    The k-th reading of each count is taken for one of pass k.
    """
    child = ChildInProcess(device)
    rows: list[list[tuple[int, int, int]]] = [[] for _ in range(PASSES)]
    for tokens in range(TOKENS, FEWEST - 1, -1):
        one = Round(number=0, tokens=(tokens,), sentinel=tokens, min_passes=1, max_passes=1, seed=seed)
        readings = [r for number in range(3) for r in child.measure_pass(one, number, deadline_s=1).readings]
        for row, reading in zip(rows, readings[:PASSES], strict=True):
            row.append((tokens, reading.start_ns, reading.latency_ns))
    columns = [np.array(row, np.int64).T for row in rows]
    return [
        PassReadings(
            fence=1,
            round=0,
            number=number,
            complete=True,
            tokens=tokens,
            start_ns=start_ns,
            latency_ns=latency_ns,
            accepted=np.ones(len(tokens), np.bool_),
        )
        for number, (tokens, start_ns, latency_ns) in enumerate(columns)
    ]


@contextlib.contextmanager
def _factors_off() -> Iterator[None]:
    """Every pass is taken as it is."""
    with mock.patch.object(curves, "factors_of", lambda medians: np.ones(len(medians))):
        yield


def _covered(curve: Curve, planted: Planted) -> int:
    """How many intervals hold the truth, at the speed that the whole curve has: the level is nobody's to know."""
    truth = planted.truth_ns[[point.tokens - FEWEST for point in curve.points]]
    speed = float(np.median([point.latency_ns for point in curve.points] / truth))
    held = [
        point.low_ns <= speed * true_ns <= point.high_ns
        for point, true_ns in zip(curve.points, truth.tolist(), strict=True)
    ]
    return sum(held)


def _disturbed_in(one: PassReadings, disturbed: Sequence[int]) -> int:
    # A call asks for its latency at the moment at which it begins.
    return int(np.isin(one.start_ns, disturbed).sum())


def _table(runs: dict[Case, Measured]) -> Iterator[str]:
    yield (
        "\n| trouble | way | F1 of the steps | worst shape | 95 % intervals that hold the truth | passes marked "
        "| of those in a burst | curves doubted |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    for trouble in Trouble:
        for way in Way:
            found = {case: one for case, one in runs.items() if (case.trouble, case.way) == (trouble, way)}
            total = sum((one.score for one in found.values()), Score())
            worst = min(
                sum((one.score for case, one in found.items() if case.shape == shape), Score()).f1
                for shape in STEP_SHAPES
            )
            ones = list(found.values())
            burst = sum(one.burst for one in ones)
            yield (
                f"| {trouble.value} | {way.value} | {total.f1:.3f} | {worst:.3f} "
                f"| {_share(sum(one.covered for one in ones), sum(one.points for one in ones))} "
                f"| {_share(sum(one.marked for one in ones), sum(one.passes for one in ones))} "
                f"| {_share(sum(one.burst_marked for one in ones), burst) if burst else ''} "
                f"| {_share(sum(one.doubted for one in ones), len(ones))} |"
            )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


if __name__ == "__main__":
    main()
