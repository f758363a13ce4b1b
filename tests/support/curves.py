"""Builders of passes and curves: each call shows only what matters to its test."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from orchestrator.analysis.curve import Curve, curve_of
from orchestrator.analysis.passes import Integers, PassReadings

DEIT_COUNTS = tuple(range(2, 198))
Law = Callable[[int], float]


def slope(tokens: int) -> float:
    """A smooth, slightly convex curve in ns: 2 ms to 20 ms from 0 to 197 tokens."""
    return 2e6 + 7.5e4 * tokens + 80 * tokens**2


def staircase(tokens: int) -> float:
    """Plateaus of 32 tokens with a slight slope; latency rises after 32, 64, 96 ..."""
    return 4e6 + 3e6 * ((tokens - 1) // 32) + 2e3 * tokens


def sawtooth(tokens: int) -> float:
    """A slope that falls back at 64, 128 and 192 tokens, as DeiT-S does on a CPU."""
    return slope(tokens) * (1 - 0.04 * (tokens // 64))


def with_step(law: Law, after: int, percent: float) -> Law:
    """``law`` with a jump of ``percent`` of the latency at ``after`` once there are more tokens."""
    return lambda tokens: law(tokens) + (law(after) * percent / 100 if tokens > after else 0)


def some_passes(
    law: Law = slope,
    *,
    counts: Iterable[int] = DEIT_COUNTS,
    passes: int = 7,
    noise: float = 0.005,
    slower: Mapping[int, float] | None = None,
    rejected: float = 0,
    seed: int = 0,
) -> list[PassReadings]:
    """Shuffled passes over ``counts`` whose latency is ``law`` with relative Gaussian ``noise``.

    ``slower`` maps a pass number to what all its latencies are multiplied by; ``rejected`` is the share of readings
    that the device would not accept.
    """
    generator = np.random.default_rng(seed)
    every = np.array(list(counts), np.int64)

    def one(number: int) -> PassReadings:
        factor = (slower or {}).get(number, 1)
        order = generator.permutation(every)
        return _one_pass(lambda n: law(n) * factor, order, number, noise=noise, rejected=rejected, generator=generator)

    return [one(number) for number in range(passes)]


def _one_pass(
    latency_of: Law, tokens: Integers, number: int, *, noise: float, rejected: float, generator: np.random.Generator
) -> PassReadings:
    exact = np.array([latency_of(count) for count in tokens.tolist()], np.float64)
    latency_ns = np.rint(exact * (1 + noise * generator.standard_normal(len(tokens)))).astype(np.int64)
    return PassReadings(
        fence=1,
        round=0,
        number=number,
        complete=True,
        tokens=tokens,
        start_ns=np.cumsum(latency_ns),
        latency_ns=latency_ns,
        accepted=generator.random(len(tokens)) >= rejected,
    )


def passes_of_blocks(
    law: Law = slope,
    *,
    blocks: int = 12,
    counts: Iterable[int] = DEIT_COUNTS,
    passes: int = 7,
    noise: float = 0.002,
    outside: float = 0.05,
    shares: Sequence[float] | None = None,
    slower_by: float = 0.0,
    seed: int = 1,
) -> list[PassReadings]:
    """Passes of round 1 in which the blocks of a model were timed in place; together it takes ``law``.

    ``outside`` is the part of it outside of the blocks, ``shares`` what each block takes over their mean,
    ``slower_by`` what the marks between the blocks add, as a part of all.
    """
    generator = np.random.default_rng(seed)
    each = np.array(shares if shares is not None else (1.0,) * blocks) / blocks

    def one(number: int, whole: PassReadings) -> PassReadings:
        noisy = 1 + noise * generator.standard_normal((len(whole.tokens), blocks))
        blocks_ns = ((1 - outside) * whole.latency_ns[:, None] * each * noisy).astype(np.int64)
        return dataclasses.replace(whole, round=1, number=number, blocks_ns=blocks_ns)

    wholes = some_passes(lambda n: law(n) * (1 + slower_by), counts=counts, passes=passes, noise=noise, seed=seed)
    return [one(number, whole) for number, whole in enumerate(wholes)]


def a_curve(
    *, step_at: int | None = None, percent: float = 8, law: Law = slope, noise: float = 0.005, seed: int = 0
) -> Curve:
    """A curve of 7 passes, with a jump of ``percent`` after ``step_at`` tokens where that is given."""
    shape = law if step_at is None else with_step(law, step_at, percent)
    return curve_of(some_passes(shape, noise=noise, seed=seed))


def readings_at(tokens: Sequence[int], latency_ns: Sequence[int], *, number: int = 0) -> PassReadings:
    """One pass with exactly these readings, all accepted."""
    return PassReadings(
        fence=1,
        round=0,
        number=number,
        complete=True,
        tokens=np.array(tokens, np.int64),
        start_ns=np.arange(len(tokens), dtype=np.int64),
        latency_ns=np.array(latency_ns, np.int64),
        accepted=np.ones(len(tokens), np.bool_),
    )
