"""How long what is under way still takes: pure estimates, from nothing but what has come in so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from orchestrator.jobs.states import JobState
from orchestrator.views import LONGEST_LEFT_S, JobView


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundUnderWay:
    """A round as its passes come in.

    ``began_ms`` is when the attempt at hand could begin with it, ``arrived`` counts the whole passes that came in from
    that attempt since, the newest of them at ``newest_ms``. ``passes_left`` are those still to come.
    """

    began_ms: int
    arrived: int
    newest_ms: int | None
    passes_left: int


def round_left_s(under_way: RoundUnderWay, *, now_ms: int) -> float | None:
    """About how long the round still takes; None before its first pass has come in, or where no time makes sense.

    Passes are alike, so the rest takes its share of the time so far. That holds for passes that waited in a spool and
    came in all at once, too.
    """
    if under_way.passes_left <= 0:
        return 0.0
    if under_way.newest_ms is None or under_way.arrived == 0:
        return None
    pass_ms = max(under_way.newest_ms - under_way.began_ms, 0) / under_way.arrived
    since_ms = max(now_ms - under_way.newest_ms, 0)
    # The pass at hand takes what is left of a usual one, the others a whole one each.
    left_s = (max(pass_ms - since_ms, 0) + (under_way.passes_left - 1) * pass_ms) / 1_000
    return left_s if left_s <= LONGEST_LEFT_S else None


def sweep_left_s(jobs: Sequence[JobView], took_s: Mapping[int, float]) -> float | None:
    """About how long a sweep still takes while its devices stay at work; None while nothing tells.

    Devices work side by side, so the slowest decides. Jobs of other sweeps that go first are not counted.

    Args:
        jobs: all jobs of the sweep.
        took_s: by the number of a job, how long its attempts have taken so far.
    """
    devices = dict.fromkeys(job.device for job in jobs)
    left = [_device_left_s([job for job in jobs if job.device == device], took_s) for device in devices]
    known = [seconds for seconds in left if seconds is not None]
    longest_s = max(known, default=0.0)
    return longest_s if len(known) == len(left) and longest_s <= LONGEST_LEFT_S else None


def _device_left_s(jobs: Sequence[JobView], took_s: Mapping[int, float]) -> float | None:
    """The same for the jobs of one device, which come one after the other."""
    unfinished = [job for job in jobs if not job.state.final]
    if not unfinished:
        return 0.0
    if any(job.device_quiet for job in unfinished):
        return None
    usual_s = _usual_s(jobs, took_s)
    total_s = 0.0
    for job in unfinished:
        left_s = _running_left_s(job)
        if left_s is None:
            if usual_s is None:
                return None
            left_s = max(usual_s - took_s.get(job.id, 0.0), 0.0)
        total_s += left_s
    return total_s


def _usual_s(jobs: Sequence[JobView], took_s: Mapping[int, float]) -> float | None:
    """The mean length of the jobs that are done, or about to be; None where there are none."""
    done = [took_s[job.id] for job in jobs if job.state is JobState.DONE]
    running = [
        took_s[job.id] + left_s for job in jobs if not job.cancelling and (left_s := _running_left_s(job)) is not None
    ]
    return fmean(done + running) if done or running else None


def _running_left_s(job: JobView) -> float | None:
    if job.cancelling:
        return 0.0  # it stops within one pass
    return None if job.progress is None or job.state is not JobState.LEASED else job.progress.left_s
