"""Synthetic curves whose truth is known: a base shape, planted steps, and readings with noise, pass by pass.

Latency, noise and steps are relative to the latency of the place, as on a device: a step of 5 is five standard errors
of the point where it stands, the point being the median of seven passes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from orchestrator.analysis.passes import PassReadings

Floats = NDArray[np.float64]

PASSES = 7
FEWEST = 2
"""The smallest count of a curve: a class token and one patch."""

NARROWEST = 8
"""Tokens between two planted steps, and between a step and the end of the curve: no hardware tile is smaller."""

MOST_STEPS = 8
SCATTER = 0.01
"""Relative spread of a reading within a pass."""

DRIFT = 0.02
"""Relative spread of the speed of whole passes."""

BURSTS = 0.04
"""Share of the readings of a heavy-tailed curve that a burst of other work made 5 to 40 % slower."""


class Noise(str, Enum):
    """How the readings of a pass scatter."""

    GAUSSIAN = "gaussian"
    HEAVY = "heavy tails"
    """Student's t with 3 degrees of freedom, and bursts."""


class Direction(str, Enum):
    """Which way the planted steps go as tokens grow."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


Shape = Callable[[Floats], Floats]
"""Share of the tokens, 0 to 1 -> latency in ms."""

STEP_SHAPES: dict[str, Shape] = {
    "flat": lambda share: np.full_like(share, 10.0),
    "sloped": lambda share: 2 + 18 * share,
    "convex": lambda share: 2 + 9 * share + 9 * share**2,
}
"""The bases on which steps are planted. Convex has half of its rise from the square of the tokens."""

STEP_FREE_SHAPES: dict[str, Shape] = STEP_SHAPES | {
    "power 1.5": lambda share: 1 + 19 * share**1.5,
    "flat start": lambda share: np.maximum(6, 20 * share),
    "soft start": lambda share: 6 + 14 * np.logaddexp(0, 12 * (share - 0.3)) / np.logaddexp(0, 12 * 0.7),
    "concave": lambda share: 2 + 18 * share**0.7,
}
"""The bases of curves without any step: these and shapes whose bends no square takes up."""


@dataclass(frozen=True)
class Planted:
    """A curve as it was measured, and its truth.

    ``after`` are the counts after which latency jumps by ``change_ns``; ``truth_ns`` the true latency at each count.
    """

    passes: tuple[PassReadings, ...]
    tokens: NDArray[np.int64]
    truth_ns: Floats
    after: tuple[int, ...]
    change_ns: tuple[float, ...]


@functools.cache
def point_error(noise: Noise, passes: int = PASSES) -> float:
    """The standard error of a point relative to its latency: the spread of the median of ``passes`` readings."""
    drawn = _scatter(noise, (passes, 400_000), np.random.default_rng(1))
    return float(np.median(drawn, axis=0).std())


def planted_curve(shape: Shape, noise: Noise, *, tokens: int, size: float, direction: Direction, seed: int) -> Planted:
    """A curve of ``tokens`` tokens in seven passes with 1 to 8 steps of ``size`` standard errors of a point."""
    counts = np.arange(FEWEST, tokens + 1)
    generator = _generator(seed, tokens, shape, noise, list(Direction).index(direction), int(1_000 * size))
    after = _places(counts, int(generator.integers(1, MOST_STEPS + 1)), generator)
    signs = {Direction.UP: (1,), Direction.DOWN: (-1,), Direction.BOTH: (-1, 1)}[direction]
    base = 1e6 * shape(counts / tokens)
    change = [int(generator.choice(signs)) * size * point_error(noise) * base[place - FEWEST] for place in after]
    truth = base + sum(jump * (counts > place) for place, jump in zip(after, change, strict=True))
    return _measured(counts, truth, noise, generator, after=after, change=change)


def step_free_curve(shape: Shape, noise: Noise, *, tokens: int, seed: int) -> Planted:
    """A curve of ``tokens`` tokens in seven passes without any step."""
    counts = np.arange(FEWEST, tokens + 1)
    generator = _generator(seed, tokens, shape, noise)
    return _measured(counts, 1e6 * shape(counts / tokens), noise, generator, after=(), change=())


def more_passes(
    planted: Planted, noise: Noise, counts: Sequence[int], *, passes: int, seed: int
) -> tuple[PassReadings, ...]:
    """``passes`` further passes over ``counts``, as a second round asks for them."""
    generator = np.random.default_rng((seed, 77))
    chosen = np.array(sorted({*counts, int(planted.tokens[-1])}))
    speeds = 1 + DRIFT * generator.standard_normal(passes)
    truth = planted.truth_ns[chosen - FEWEST]
    return tuple(
        one_pass(chosen, truth * speed, noise, generator, round_=1, number=number)
        for number, speed in enumerate(speeds.tolist())
    )


def _generator(seed: int, tokens: int, shape: Shape, noise: Noise, *more: int) -> np.random.Generator:
    """A generator of its own for each kind of curve, so that no two share their luck."""
    of_shape = int(1e6 * float(shape(np.array([0.37]))[0]))
    return np.random.default_rng((seed, tokens, of_shape, list(Noise).index(noise), *more))


def _places(counts: NDArray[np.int64], steps: int, generator: np.random.Generator) -> list[int]:
    """Places at random, no two nearer than `NARROWEST`: what is left of the curve is shared out at random."""
    spare = len(counts) - (steps + 1) * NARROWEST
    cuts = np.sort(generator.integers(0, spare + 1, steps))
    return [int(counts[0]) - 1 + int(cut) + (index + 1) * NARROWEST for index, cut in enumerate(cuts)]


def _measured(
    counts: NDArray[np.int64],
    truth_ns: Floats,
    noise: Noise,
    generator: np.random.Generator,
    *,
    after: Sequence[int],
    change: Sequence[float],
) -> Planted:
    speeds = 1 + DRIFT * generator.standard_normal(PASSES)
    # The latency of a curve is that of its usual pass, so that is what the truth is the truth of.
    speeds /= np.median(speeds)
    passes = tuple(
        one_pass(counts, truth_ns * speed, noise, generator, round_=0, number=number)
        for number, speed in enumerate(speeds.tolist())
    )
    return Planted(passes, counts, truth_ns, tuple(after), tuple(change))


def one_pass(
    counts: NDArray[np.int64],
    truth_ns: Floats,
    noise: Noise,
    generator: np.random.Generator,
    *,
    round_: int,
    number: int,
) -> PassReadings:
    """One pass over ``counts``, whose true latency in it is ``truth_ns``."""
    latency = truth_ns * (1 + _scatter(noise, (len(counts),), generator))
    return PassReadings(
        fence=1,
        round=round_,
        number=number,
        complete=True,
        tokens=counts,
        start_ns=np.cumsum(np.rint(latency)).astype(np.int64),
        latency_ns=np.rint(latency).astype(np.int64),
        accepted=np.ones(len(counts), np.bool_),
    )


def _scatter(noise: Noise, shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
    if noise is Noise.GAUSSIAN:
        return SCATTER * generator.standard_normal(shape)
    # Tails, yet never a latency below nothing; 1.73 is the spread of this t.
    drawn = np.clip(SCATTER / 1.73 * generator.standard_t(3, shape), -0.5, None)
    bursts = (generator.random(shape) < BURSTS) * generator.uniform(0.05, 0.4, shape)
    return drawn + bursts
