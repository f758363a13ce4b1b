"""Jobs and devices in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.wire.jobs import Failure, Task
from orchestrator.commands.output import clock_time, roughly, when
from orchestrator.commands.workloads import in_short
from orchestrator.counting import counted
from orchestrator.jobs.states import JobState
from orchestrator.views import DeviceState, DeviceView, JobView

MOST_NAMED = 3
"""So many jobs that met the same trouble are named."""


def job_title(job: JobView) -> str:
    """What the job measures."""
    what = f"accuracy of {job.model}" if job.task is Task.ACCURACY else job.model
    return f"{what}, {in_short(job.workload)}"


def standing(job: JobView) -> str:
    """How the job gets on, where its state alone does not say it."""
    if job.cancelling:
        return "stops when its device hears of it"
    if job.state is JobState.LEASED and job.device_quiet:
        return "its device has gone quiet"
    if job.state is JobState.LEASED:
        return progress(job)
    if job.waits_until_ms is not None:
        return f"waits until {clock_time(job.waits_until_ms)}"
    if job.state is JobState.QUEUED and job.device_quiet:
        return "waits for its device, which has gone quiet"
    return _result(job)


def _result(job: JobView) -> str:
    """Where to find what the job found; nothing where it found nothing."""
    if job.task is Task.ACCURACY:
        return f"stepfarm accuracy show {job.id}" if job.state is JobState.DONE else ""
    return "" if job.curve_id is None else f"curve {job.curve_id}"


def progress(job: JobView) -> str:
    """How far the device is with the job that it has leased."""
    if job.progress is None:
        return "loads the model"
    so_far = job.progress
    again = f"round {so_far.round + 1}: " if so_far.round else ""
    left = "" if so_far.left_s is None else f", {roughly(so_far.left_s)} left"
    unit = "batch" if job.task is Task.ACCURACY else "pass"
    return f"{again}{so_far.passes_done} of {counted(so_far.passes_planned, unit)}{left}"


def troubles(jobs: Iterable[JobView]) -> list[str]:
    """What went wrong with these jobs, each trouble once: message and advice, on lines of their own."""
    with_trouble: dict[tuple[Failure, bool], list[JobView]] = {}
    for job in jobs:
        trouble = job.failure or job.setback
        if trouble is not None:
            with_trouble.setdefault((trouble, job.failure is None), []).append(job)
    return [_trouble(failure, again, theirs) for (failure, again), theirs in with_trouble.items()]


def _trouble(failure: Failure, again: bool, jobs: Sequence[JobView]) -> str:  # noqa: FBT001  # of a key
    shown = [f"job {job.id} ({job.device}: {job_title(job)})" for job in jobs[:MOST_NAMED]]
    more = [f"{len(jobs) - MOST_NAMED} more"] if len(jobs) > MOST_NAMED else []
    tried = "; it is tried again" if again else ""
    line = f"{', '.join([*shown, *more])}{tried}: {failure.message}"
    return f"{line}\n  {failure.advice}" if failure.advice else line


def doing(device: DeviceView) -> str:
    """What the device is doing."""
    if device.state is DeviceState.QUIET:
        return f"not heard of since {when(device.last_seen_ms)}"
    if device.state is DeviceState.REVOKED:
        return "shut out"
    if device.job is None:
        return "" if device.queued == 0 else f"{counted(device.queued, 'job')} queued"
    waiting = f"; {counted(device.queued, 'more job')} queued" if device.queued else ""
    return f"{job_title(device.job)}: {standing(device.job)}{waiting}"


def doubled(device: DeviceView) -> str | None:
    """What to do where two agents used the identity of the device; None where none did."""
    if device.doubled_ms is None or device.state is DeviceState.REVOKED:
        return None
    return (
        f"{device.name}: two agents used its identity in turn, last at {when(device.doubled_ms)}. Stop one; "
        "where the state directory or memory card was copied, let one forget (stepfarm-agent unenroll --force) and "
        "enrol it anew."
    )
