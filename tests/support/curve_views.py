"""Curves as the orchestrator shows them: made to measure, only what matters is said."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import ModelFacts, Workload
from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.jobs.states import JobState
from orchestrator.views import CurveSummary, CurveView
from tests.support.curves import DEIT_COUNTS, Law, passes_of_blocks, slope, some_passes, staircase

FACTS = ModelFacts(tokens=197, prefix_tokens=1, blocks=12, image_size=224, threads=2, runtime_version="2.9.0")


def a_summary(number: int = 1, device: str = "bench-pi", *, batch_size: int = 1, **changes: Any) -> CurveSummary:
    """A curve of a Raspberry Pi whose job is done, but for ``changes``."""
    summary = CurveSummary(
        id=number,
        job_id=number,
        sweep_id=1,
        job_state=JobState.DONE,
        imported_ms=None,
        device=device,
        device_kind=DeviceKind.RASPBERRY_PI,
        model="deit_small_patch16_224",
        workload=Workload(batch_size=batch_size),
        facts=FACTS,
        readings=1_000,
        accepted=990,
        created_ms=1_760_000_000_000 + number,
    )
    return dataclasses.replace(summary, **changes)


def a_simulated_summary(number: int = 1, device: str = "sim-1", **changes: Any) -> CurveSummary:
    """The same of a simulated device."""
    return a_summary(number, device, device_kind=DeviceKind.SIMULATED, **changes)


def a_view(
    summary: CurveSummary | None = None,
    *,
    law: Law = slope,
    counts: Iterable[int] = DEIT_COUNTS,
    noise: float = 0.002,
    seed: int = 0,
    analysis: Analysis | None = None,
) -> CurveView:
    """The sealed curve of ``summary``, measured in 5 passes, or with the ``analysis`` that is given."""
    found = analysis or _analysed(law, tuple(counts), noise, seed)
    return CurveView(summary=summary or a_summary(), sealed=True, analysis=found)


@functools.cache
def _analysed(law: Law, counts: tuple[int, ...], noise: float, seed: int) -> Analysis:
    return analyse(some_passes(law, counts=counts, passes=5, noise=noise, seed=seed))


@functools.cache
def analysed_with_blocks(law: Law = staircase) -> Analysis:
    """A curve whose blocks were timed in place too."""
    return analyse([*some_passes(law, passes=5, noise=0.001), *passes_of_blocks(law, passes=5)])
