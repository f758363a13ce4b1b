"""A sweep as it goes on, on the error stream: a bar, a line for each running job, and what goes wrong when it does."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from tqdm import tqdm

from agent.clock import Clock
from agent.wire.jobs import Task
from orchestrator.commands.in_words import job_title, progress, standing, troubles
from orchestrator.commands.output import roughly
from orchestrator.jobs.states import JobState
from orchestrator.views import JobView, SweepView

if TYPE_CHECKING:
    from orchestrator.client import Client

MOST_LINES = 20
"""So many running jobs have a line of their own."""


def follow(
    client: Client,
    sweep_id: int,
    *,
    clock: Clock,
    stop: threading.Event,
    going: Callable[[], bool] = lambda: True,
) -> SweepView:
    """The sweep once it has ended, ``stop`` is set or nothing is ``going`` any more; meanwhile it is shown."""
    sweep = client.sweep(sweep_id)
    with Watch(sweep.view) as watch:
        return sweep.wait(told=watch.show, going=going, stop=stop, clock=clock).view


class Watch:
    """What is shown of one sweep. Use it as a context, which clears the lines at its end and leaves the bar."""

    def __init__(self, sweep: SweepView) -> None:
        terminal = sys.stderr.isatty()
        lines = min(len({job.device for job in sweep.jobs}), MOST_LINES) if terminal else 0
        self._bar = tqdm(
            total=passes_planned(sweep),
            desc=f"sweep {sweep.id}",
            dynamic_ncols=True,
            unit="batches" if all(job.task is Task.ACCURACY for job in sweep.jobs) else "passes",
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt} {unit}, {elapsed}{postfix}",
        )
        self._lines = [
            tqdm(position=place + 1, leave=False, bar_format="{desc}", dynamic_ncols=True) for place in range(lines)
        ]
        self._told: set[tuple[int, int, JobState]] = set()
        self._shown = ""

    def __enter__(self) -> Watch:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        for line in self._lines:
            line.close()
        self._bar.close()

    def show(self, sweep: SweepView) -> None:
        """Show how ``sweep`` stands now, and tell each trouble once."""
        for job in sweep.jobs:
            self._tell(job)
        running = [job for job in sweep.jobs if job.state is JobState.LEASED]
        for place, line in enumerate(self._lines):
            line.set_description_str(_line(running[place]) if place < len(running) else "")
        self._bar.total, self._bar.n = passes_planned(sweep), passes_done(sweep)
        # Where there are no lines, each look that changes nothing would be one more line in a log.
        postfix = _postfix(sweep, [] if self._lines else running)
        now = f"{self._bar.n} {self._bar.total} {postfix}"
        if self._lines or now != self._shown:
            self._bar.set_postfix_str(postfix, refresh=False)
            self._bar.refresh()
        self._shown = now

    def _tell(self, job: JobView) -> None:
        trouble = troubles([job])
        # By its attempts: a job that is tried again may fail again.
        if trouble and (job.id, job.attempts, job.state) not in self._told:
            self._told.add((job.id, job.attempts, job.state))
            tqdm.write(trouble[0], file=sys.stderr)


def _line(job: JobView) -> str:
    return f"  {job.device}: {job_title(job)}: {standing(job)}"


def _postfix(sweep: SweepView, running: list[JobView]) -> str:
    left = [] if sweep.ended or sweep.left_s is None else [f"{roughly(sweep.left_s)} left"]
    quiet = sorted({job.device for job in sweep.jobs if job.device_quiet})
    waiting = [f"waits for {', '.join(quiet)}, gone quiet"] if quiet else []
    return "; ".join([*left, *waiting, *(f"{job.device}: {job_title(job)}: {progress(job)}" for job in running)])


def passes_planned(sweep: SweepView) -> int:
    """Passes of all jobs as far as is known: the plan's, and those of further rounds once they are asked for."""
    return sum(_planned(sweep, job) for job in sweep.jobs)


def _planned(sweep: SweepView, job: JobView) -> int:
    if job.task is Task.ACCURACY:
        # Batches of images, each as good as a pass; how many, nobody knows before the model is loaded.
        return 1 if job.progress is None else job.progress.passes_planned
    if job.progress is None or job.progress.round == 0:
        return sweep.plan.passes
    return sweep.plan.passes + job.progress.passes_planned


def passes_done(sweep: SweepView) -> int:
    """Passes that were measured; what a job that ended badly was still to measure never is."""
    return sum(_done(sweep, job) for job in sweep.jobs)


def _done(sweep: SweepView, job: JobView) -> int:
    if job.state is JobState.DONE:
        return _planned(sweep, job)
    if job.progress is None:
        return 0
    return job.progress.passes_done + (sweep.plan.passes if job.progress.round > 0 else 0)
