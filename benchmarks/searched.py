"""A device whose true curve is known, measured round by round as the planner asks, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agent.measure.order import visits_of_pass
from agent.wire.jobs import ModelFacts, Order, Round
from benchmarks.planted import DRIFT, FEWEST, Noise, Planted, one_pass
from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.planning import Plan, next_round


@dataclass(frozen=True)
class Searched:
    """What came of a job: its analysis, and how many readings it took to find steps and to confirm them."""

    analysis: Analysis
    finding: int
    confirming: int
    rounds: int


def searched(planted: Planted, noise: Noise, plan: Plan, seed: int) -> Searched:
    """The job of ``plan`` on a device whose truth is ``planted``, sentinels and all."""
    device = _Device(planted, noise, seed)
    tokens = int(planted.tokens[-1])
    facts = ModelFacts(tokens=tokens, prefix_tokens=1, blocks=12, image_size=224, threads=1, runtime_version="none")
    rounds: list[Round] = []
    passes: list[PassReadings] = []
    while (asked := next_round(plan, facts, rounds, passes)) is not None:
        rounds.append(asked)
        passes += device.measured(asked)
    spent = [(one.order, len(one.tokens)) for one in passes]
    return Searched(
        analysis=analyse(passes),
        finding=sum(readings for order, readings in spent if order is Order.SHUFFLED),
        confirming=sum(readings for order, readings in spent if order is Order.ALTERNATING),
        rounds=len(rounds),
    )


class _Device:
    def __init__(self, planted: Planted, noise: Noise, seed: int) -> None:
        self._truth_ns = planted.truth_ns
        self._noise = noise
        self._generator = np.random.default_rng((seed, 4_242))

    def measured(self, asked: Round) -> list[PassReadings]:
        """The passes of the round, each at a speed of its own."""
        passes = []
        for number in range(asked.max_passes):
            visits = np.array(visits_of_pass(asked, number))
            speed = 1 + DRIFT * float(self._generator.standard_normal())
            truth_ns = self._truth_ns[visits - FEWEST] * speed
            one = one_pass(visits, truth_ns, self._noise, self._generator, round_=asked.number, number=number)
            passes.append(replace(one, order=asked.order))
        return passes
