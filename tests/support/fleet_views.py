"""Devices, jobs and sweeps as the orchestrator shows them: made to measure, only what matters is said."""

from __future__ import annotations

import dataclasses
from typing import Any

from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import Failure, FailureReason, Task, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState
from orchestrator.views import DeviceState, DeviceView, JobView, Label, Progress, SweepView
from tests.support.messages import DESCRIPTION

NOW_MS = 1_760_000_000_000
FAILURE = Failure(reason=FailureReason.MODEL_UNKNOWN, message="timm knows no such model.", advice="Look it up.")


def labels(*texts: str) -> tuple[Label, ...]:
    return tuple(Label.parse(text) for text in texts)


def a_device(name: str = "bench-pi", **changes: Any) -> DeviceView:
    """An idle Raspberry Pi, last heard of a moment ago, but for ``changes``."""
    device = DeviceView(
        id=1,
        name=name,
        kind=DeviceKind.RASPBERRY_PI,
        state=DeviceState.IDLE,
        labels=(),
        description=DESCRIPTION,
        enrolled_ms=NOW_MS - 86_400_000,
        last_seen_ms=NOW_MS - 2_000,
        doubled_ms=None,
        revoked_ms=None,
        job=None,
        queued=0,
    )
    return dataclasses.replace(device, **changes)


def a_job(state: JobState = JobState.QUEUED, **changes: Any) -> JobView:
    """A job of sweep 3 in ``state`` on bench-pi, but for ``changes``."""
    job = JobView(
        id=7,
        sweep_id=3,
        device="bench-pi",
        task=Task.SWEEP,
        model="deit_tiny_patch16_224",
        workload=Workload(batch_size=4),
        state=state,
        attempts=0 if state is JobState.QUEUED else 1,
        cancelling=False,
        progress=None,
        failure=FAILURE if state is JobState.FAILED else None,
        setback=None,
        waits_until_ms=None,
        curve_id=None,
        created_ms=NOW_MS - 600_000,
        ended_ms=NOW_MS - 60_000 if state.final else None,
    )
    return dataclasses.replace(job, **changes)


def progress(done: int, planned: int, *, in_round: int = 0, left_s: float | None = None) -> Progress:
    return Progress(round=in_round, passes_done=done, passes_planned=planned, left_s=left_s)


def a_sweep(*jobs: JobView, **changes: Any) -> SweepView:
    """Sweep 3 with ``jobs``, but for ``changes``."""
    sweep = SweepView(
        id=3,
        created_ms=NOW_MS - 600_000,
        priority=0,
        plan=Plan(exhaustive=True, confirm=False, passes=7),
        retry_of=None,
        left_s=None,
        jobs=jobs,
    )
    return dataclasses.replace(sweep, **changes)
