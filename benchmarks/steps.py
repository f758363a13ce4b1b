"""How well steps are found: ``python -m benchmarks.steps`` prints the tables of docs/benchmarks.md.

Curves are synthetic, their truth is known, and every seed is another curve. Rules were tuned on seeds from 0 to 199;
what is reported comes from 1000 to 1099. Where ruptures is installed it runs on the same curves.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from benchmarks.peers import Peer, peers
from benchmarks.planted import (
    STEP_FREE_SHAPES,
    STEP_SHAPES,
    Direction,
    Noise,
    Planted,
    planted_curve,
    step_free_curve,
)
from benchmarks.scoring import Score, score
from orchestrator.analysis.analyse import analyse
from orchestrator.analysis.curve import curve_of, measured_of
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.pieces import pieces_of
from orchestrator.analysis.steps import Step, change_at, confidence_of, find_steps

SIZES = (197, 577, 1370)
LARGEST = 4096
"""Tokens of the largest curve there may be; only the time is taken on it, and not that of peers, minutes a curve."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Case:
    """One curve: which shape and noise, how many tokens, which seed; and its steps, of 0 SE for none."""

    shape: str
    noise: Noise
    tokens: int
    seed: int
    direction: Direction = Direction.BOTH
    size: float = 0.0


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    seeds: Sequence[int]
    sizes: Sequence[int]
    processes: int

    def every_fourth_seed(self) -> Options:
        """For what takes many searches a curve."""
        return replace(self, seeds=self.seeds[::4])

    def each(self, work: Callable[[T], R], cases: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Each case with what ``work`` makes of it, in order."""
        listed = list(cases)
        if self.processes == 1:
            yield from ((case, work(case)) for case in listed)
            return
        with ProcessPoolExecutor(self.processes) as pool:
            yield from zip(listed, pool.map(work, listed, chunksize=8), strict=True)


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1000-1099", type=_range, help="first-last, 1000-1099 by default")
    parser.add_argument("--tokens", nargs="+", type=int, default=SIZES, help="sizes of curves")
    parser.add_argument("--processes", type=int, default=1, help="how many curves are worked on at a time")
    parser.add_argument("--only", nargs="+", choices=list(TABLES), default=list(TABLES), help="which tables")
    asked = parser.parse_args()
    print(
        f"{platform.python_implementation()} {platform.python_version()}, numpy {np.__version__}; seeds "
        f"{asked.seeds[0]} to {asked.seeds[-1]}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    options = Options(asked.seeds, asked.tokens, asked.processes)
    for name in asked.only:
        started = time.perf_counter()
        TABLES[name](options)
        print(f"({name}: {time.perf_counter() - started:.0f} s)", flush=True)


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def found_table(options: Options) -> None:
    """F1 of one pass of seven, steps of exactly 5 standard errors of a point."""
    rows = list(options.each(_score_case, _planted_cases(options, size=5)))
    print("\n### Steps of 5 standard errors, one pass of 7: F1 within 1 token\n")
    print(
        "| detector | mean | worst of the groups | flat | sloped | convex | up | down | both | heavy tails |"
        + "".join(f" n = {size} |" for size in options.sizes)
    )
    print("| --- |" + " --- |" * (9 + len(options.sizes)))
    _found_row("Stepfarm", rows, options)
    for peer in peers():
        cases = [case for case in _planted_cases(options, size=5) if _within(peer, case, options)]
        if cases:
            _found_row(peer.name, list(options.each(functools.partial(_peer_score, peer), cases)), options)


def _found_row(name: str, rows: Sequence[tuple[Case, Score]], options: Options) -> None:
    groups = _grouped(rows, lambda case: (case.tokens, case.shape, case.direction, case.noise))
    worst = min(groups, key=lambda key: groups[key].f1)
    parts = (*STEP_SHAPES, *Direction, Noise.HEAVY, *options.sizes)
    columns = [_mean_f1(groups, part) for part in parts]
    where = f"n = {worst[0]}, {worst[1]}, {worst[2].value}, {worst[3].value}"
    print(
        f"| {name}, {len(rows)} curves | {_mean_f1(groups)} | {groups[worst].f1:.3f} ({where}) | "
        + " | ".join(columns)
        + " |",
        flush=True,
    )


def free_table(options: Options) -> None:
    """False steps on curves without any, and what confidence is worth."""
    rows = list(options.each(_free_case, _free_cases(options)))
    print("\n### False steps a curve, curves without any step\n")
    print("| shape |" + "".join(f" n = {size} |" for size in options.sizes) + " all |")
    print("| --- |" + " --- |" * (1 + len(options.sizes)))
    for shape in (*STEP_FREE_SHAPES, "all"):
        of_shape = [(case, steps) for case, steps in rows if shape in (case.shape, "all")]
        cells = [
            float(np.mean([len(steps) for case, steps in of_shape if size in (case.tokens, None)]))
            for size in options.sizes
        ]
        every = float(np.mean([len(steps) for _, steps in of_shape]))
        print(f"| {shape} | " + " | ".join(f"{cell:.3f}" for cell in (*cells, every)) + " |")
    for peer in peers():
        cases = [case for case in _free_cases(options) if _within(peer, case, options)]
        if cases:
            false = np.mean([number for _, number in options.each(functools.partial(_peer_false, peer), cases)])
            print(f"| {peer.name}, {len(cases)} curves |" + " |" * len(options.sizes) + f" {false:.3f} |", flush=True)
    print("\n| z at least | stated confidence | step-free curves without such a step |\n| --- | --- | --- |")
    for z in (3.5, 3.75, 4.0, 4.25, 4.5):
        clean = np.mean([not any(abs(one) >= z for one in steps) for _, steps in rows])
        print(f"| {z} | {confidence_of(z):.4f} | {clean:.4f} |")


def intervals_table(options: Options) -> None:
    """Coverage of the 95 % intervals of position and size."""
    fewer = options.every_fourth_seed()
    rows = [
        (case, found)
        for size in (5.0, 10.0)
        for case, founds in options.each(_intervals_case, _planted_cases(fewer, size=size))
        for found in founds
    ]
    print("\n### 95 % intervals\n")
    print("| steps | planted | position holds the truth | mean width | size, place told | size, place found |")
    print("| --- | --- | --- | --- | --- | --- |")
    groups: list[tuple[str, Mapping[str, object]]] = [
        *((f"{size:.0f} SE", {"size": size}) for size in (5.0, 10.0)),
        *((noise.value, {"noise": noise}) for noise in Noise),
        *((f"n = {count}", {"tokens": count}) for count in options.sizes),
        ("all", {}),
    ]
    for name, fields in groups:
        of_group = [found for case, found in rows if all(getattr(case, key) == fields[key] for key in fields)]
        position = [found.position_holds for found in of_group if found.position_holds is not None]
        told = [found.told_holds for found in of_group if found.told_holds is not None]
        searched = [found.found_holds for found in of_group if found.found_holds is not None]
        width = np.mean([found.width for found in of_group if found.width])
        print(
            f"| {name} | {len(of_group)} | {np.mean(position):.1%} | {width:.2f} tokens | "
            f"{np.mean(told):.1%} | {np.mean(searched):.1%} |".replace("%", " %")
        )


def time_table(options: Options) -> None:
    """Processor time a curve, which other work on the machine moves little; the median of several runs."""
    print(f"\n### Processor time a curve (load {os.getloadavg()[0]:.1f})\n")
    others = [peer for peer in peers() if "Pelt" in peer.name]
    print("| tokens | curve from 7 passes | steps | whole analysis |" + "".join(f" {peer.name} |" for peer in others))
    print("| --- | --- | --- | --- |" + " --- |" * len(others))
    for tokens in (*options.sizes, LARGEST):
        print(f"| {tokens} | " + " | ".join(_times(tokens, others)) + " |", flush=True)


def _times(tokens: int, others: Sequence[Peer]) -> list[str]:
    shape = STEP_SHAPES["convex"]
    planted = planted_curve(shape, Noise.HEAVY, tokens=tokens, size=5, direction=Direction.BOTH, seed=0)
    curve = curve_of(planted.passes)
    own = [
        _milliseconds(lambda: curve_of(planted.passes)),
        _milliseconds(lambda: find_steps(curve, pieces_of(curve))),
        _milliseconds(lambda: analyse(planted.passes)),
    ]
    theirs = [
        _milliseconds(functools.partial(peer.detect, curve), runs=1) if tokens < LARGEST else "" for peer in others
    ]
    return [*own, *theirs]


def _milliseconds(work: Callable[[], object], runs: int = 9) -> str:
    work()  # the first run loads what others find there
    taken = []
    for _ in range(runs):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return f"{1e3 * float(np.median(taken)):,.0f} ms"


def _planted_cases(options: Options, *, size: float) -> Iterator[Case]:
    every = itertools.product(STEP_SHAPES, Noise, options.sizes, options.seeds, Direction)
    return (Case(shape, noise, tokens, seed, direction, size) for shape, noise, tokens, seed, direction in every)


def _free_cases(options: Options) -> Iterator[Case]:
    return (Case(*every) for every in itertools.product(STEP_FREE_SHAPES, Noise, options.sizes, options.seeds))


def _within(peer: Peer, case: Case, options: Options) -> bool:
    """Whether the seed of the case is among the first that the peer is run on."""
    return case.seed - options.seeds[0] < peer.seeds.get(case.tokens, 0)


def _planted(case: Case) -> Planted:
    shape = STEP_SHAPES[case.shape]
    return planted_curve(
        shape, case.noise, tokens=case.tokens, size=case.size, direction=case.direction, seed=case.seed
    )


def _free(case: Case) -> Planted:
    return step_free_curve(STEP_FREE_SHAPES[case.shape], case.noise, tokens=case.tokens, seed=case.seed)


def _found(passes: Iterable[PassReadings]) -> tuple[Step, ...]:
    """What the analysis finds, whole passes included."""
    measured = measured_of(passes)
    return find_steps(measured.curve, None, measured.per_pass_ns).steps


def _score_case(case: Case) -> Score:
    planted = _planted(case)
    return score(_places(planted.passes), planted.after)


def _free_case(case: Case) -> list[float]:
    return [step.z for step in _found(_free(case).passes)]


def _peer_score(peer: Peer, case: Case) -> Score:
    planted = _planted(case)
    return score(peer.detect(curve_of(planted.passes)), planted.after)


def _peer_false(peer: Peer, case: Case) -> int:
    return len(peer.detect(curve_of(_free(case).passes)))


@dataclass(frozen=True)
class IntervalsFound:
    """What the intervals of one planted step hold; None where it was not found, or lies too near to an end."""

    position_holds: bool | None
    width: int | None
    told_holds: bool | None
    found_holds: bool | None


def _intervals_case(case: Case) -> list[IntervalsFound]:
    planted = _planted(case)
    measured = measured_of(planted.passes)
    pieces = pieces_of(measured.curve)
    steps = find_steps(measured.curve, pieces, measured.per_pass_ns).steps
    rows = []
    for place, change in zip(planted.after, planted.change_ns, strict=True):
        # Far wider than any interval, so that a step that is found at the wrong place counts against its interval.
        near = [step for step in steps if abs(step.after_tokens - place) <= 6]
        found = min(near, key=lambda step: abs(step.after_tokens - place), default=None)
        rows.append(_intervals_found(found, change_at(measured.curve, place, pieces), place, change))
    return rows


def _intervals_found(found: Step | None, told: Step | None, place: int, change_ns: float) -> IntervalsFound:
    low = found.after_low_tokens if found else None
    high = found.after_high_tokens if found else None
    return IntervalsFound(
        position_holds=None if low is None or high is None else low <= place <= high,
        width=None if low is None or high is None else high - low + 1,
        told_holds=_holds(told, change_ns) if told else None,
        found_holds=_holds(found, change_ns) if found else None,
    )


def _holds(step: Step, change_ns: float) -> bool:
    return step.interval_low_ns <= change_ns <= step.interval_high_ns


def _places(passes: Iterable[PassReadings]) -> list[int]:
    return [step.after_tokens for step in _found(passes)]


Group = tuple[int, str, Direction, Noise]


def _grouped(rows: Iterable[tuple[Case, Score]], key_of: Callable[[Case], Group]) -> dict[Group, Score]:
    groups: dict[Group, Score] = {}
    for case, one in rows:
        groups[key_of(case)] = groups.get(key_of(case), Score()) + one
    return groups


def _mean_f1(groups: dict[Group, Score], part: object = None) -> str:
    """The mean over the groups whose size, shape, direction or noise is ``part``; over all without one."""
    chosen = [one.f1 for key, one in groups.items() if part is None or part in key]
    return f"{np.mean(chosen):.3f}" if chosen else ""


TABLES: dict[str, Callable[[Options], None]] = {
    "found": found_table,
    "free": free_table,
    "intervals": intervals_table,
    "time": time_table,
}

if __name__ == "__main__":
    main()
