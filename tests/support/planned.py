"""A job measured in process as the planner asks, on a device that is a function of the tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent.measure.order import visits_of_pass
from agent.wire.jobs import ModelFacts, Round
from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.planning import Plan, next_round

OVERHEAD = 2.0
"""Each visit makes an untimed call too."""


def some_facts(*, tokens: int = 197, prefix_tokens: int = 1) -> ModelFacts:
    return ModelFacts(
        tokens=tokens, prefix_tokens=prefix_tokens, blocks=12, image_size=224, threads=1, runtime_version="torch 2"
    )


@dataclass(frozen=True)
class Job:
    """All that was asked and all that came back."""

    plan: Plan
    facts: ModelFacts
    rounds: list[Round]
    passes: list[PassReadings]

    @property
    def readings(self) -> int:
        return sum(len(one.tokens) for one in self.passes)

    @property
    def seconds(self) -> float:
        return sum(OVERHEAD * float(one.latency_ns.sum()) for one in self.passes) / 1e9

    @property
    def analysis(self) -> Analysis:
        return analyse(self.passes)


def a_job(
    plan: Plan,
    law: Callable[[int], float],
    *,
    facts: ModelFacts | None = None,
    noise: float = 0.005,
    rejected: float = 0.0,
    seed: int = 0,
    most_rounds: int = 100,
) -> Job:
    """The job of ``plan`` to its end, or a failed assertion after ``most_rounds``. Seconds of a round are kept, too."""
    device = _Device(law, noise, rejected, np.random.default_rng(seed))
    job = Job(plan, facts or some_facts(), [], [])
    while (asked := next_round(plan, job.facts, job.rounds, job.passes)) is not None:
        assert len(job.rounds) < most_rounds
        job.rounds.append(asked)
        before_s = job.seconds
        for number in range(asked.max_passes):
            if number < asked.min_passes or _within_budget(asked, job.seconds - before_s, number, job.passes):
                job.passes.append(device.measured(asked, number))
    return job


def _within_budget(asked: Round, spent_s: float, passes: int, measured: list[PassReadings]) -> bool:
    """Whether another pass of the round may be measured, as `agent.measure.stopping` has it."""
    if asked.budget_s is not None and spent_s >= asked.budget_s:
        return False
    last = len(measured[-1].tokens)
    return asked.budget_readings is None or (passes + 1) * last <= asked.budget_readings


@dataclass(frozen=True)
class _Device:
    law: Callable[[int], float]
    noise: float
    rejected: float
    generator: np.random.Generator

    def measured(self, asked: Round, number: int) -> PassReadings:
        visits = np.array(visits_of_pass(asked, number), np.int64)
        exact_ns = np.array([self.law(tokens) for tokens in visits.tolist()])
        scatter = 1 + self.noise * self.generator.standard_normal(len(visits))
        latency_ns = np.rint(exact_ns * scatter).astype(np.int64)
        return PassReadings(
            fence=1,
            round=asked.number,
            number=number,
            complete=True,
            tokens=visits,
            start_ns=np.cumsum(np.rint(OVERHEAD * latency_ns).astype(np.int64)),
            latency_ns=latency_ns,
            accepted=self.generator.random(len(visits)) >= self.rejected,
            order=asked.order,
        )
