"""How far jobs and sweeps are, in words. Text without markup: whoever shows it sees to that."""

from __future__ import annotations

from collections.abc import Iterable

from agent.wire.jobs import Task, Workload
from dashboard.wording import ago, moment, span, still
from orchestrator.analysis.planning import Plan
from orchestrator.counting import counted
from orchestrator.views import JobView, Progress, SweepView

# By value: the states belong to a part of the orchestrator that the dashboard does not see.
COLOURS = {"leased": "blue", "failed": "red", "queued": "gray", "cancelled": "orange", "done": "green"}
"""The states of a job, in the order of what a person wants to see first."""

MOST_NAMED = 3


def job_name(job: JobView) -> str:
    """What a job measures: "deit_tiny_patch16_224 at batch 4"."""
    if job.task is Task.ACCURACY:
        return _subject(job)
    return f"{job.model} at batch {job.workload.batch_size}"


def _subject(job: JobView) -> str:
    return {
        Task.ACCURACY: f"accuracy of {job.model}",
        Task.VERIFICATION: f"schedules of {job.model}",
    }.get(job.task, job.model)


def progress_words(job: JobView) -> str:
    """How far a leased job is: "pass 3 of 7, about 2 min left"."""
    if job.cancelling:
        return "cancelled, stops at its device's next heartbeat"
    if job.progress is None:
        return "loading the model"
    words = _pass_words(job.progress, "batch" if job.task is Task.ACCURACY else "pass")
    return words if job.progress.left_s is None else f"{words}, {still(job.progress.left_s)}"


def _pass_words(progress: Progress, unit: str) -> str:
    done, planned = progress.passes_done, progress.passes_planned
    words = f"{unit} {done + 1} of {planned}" if done < planned else f"{unit} {planned} of {planned} is done"
    return f"round {progress.round + 1}, {words}" if progress.round else words


def round_share(job: JobView) -> float:
    """The share of its newest round that a job has done, 0 to 1."""
    if job.progress is None or job.progress.passes_planned == 0:
        return 0.0
    return min(job.progress.passes_done / job.progress.passes_planned, 1.0)


def sweep_share(sweep: SweepView) -> float:
    """The share of its passes that a sweep has done as far as they are known, 0 to 1; all of a job that has ended."""
    shares = [1.0 if job.state.final else _job_share(job, sweep.plan) for job in sweep.jobs]
    return sum(shares) / len(shares) if shares else 1.0


def _job_share(job: JobView, plan: Plan) -> float:
    if job.progress is None or job.progress.round == 0:
        return round_share(job)
    # The first round is done; a further one adds to what there is.
    done, planned = job.progress.passes_done, job.progress.passes_planned
    return min((plan.passes + done) / (plan.passes + planned), 1.0)


def job_remark(job: JobView, now_ms: int) -> str | None:
    """What a person ought to know of ``job`` beside its state and progress: why it failed or waits."""
    if job.failure is not None:
        return f"{job.failure.message} {job.failure.advice}".strip()
    if job.setback is not None:
        again = f"The {_nth(job.attempts)} attempt ended badly: {job.setback.message} {job.setback.advice}".strip()
        return f"{again} {_waits(job, now_ms)}"
    return None


def _waits(job: JobView, now_ms: int) -> str:
    if job.waits_until_ms is None or job.waits_until_ms <= now_ms:
        return "It is tried again as soon as its device asks for work."
    return f"It is tried again in {span((job.waits_until_ms - now_ms) / 1_000)}, once its device asks for work."


def _nth(number: int) -> str:
    """1 is "1st", 2 "2nd", 11 "11th"."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def in_order(jobs: Iterable[JobView]) -> list[JobView]:
    """The jobs by what a person wants to see first: measured now, failed, queued; by number within."""
    order = list(COLOURS)
    return sorted(jobs, key=lambda job: (order.index(job.state.value), job.id))


def tally(jobs: Iterable[JobView]) -> str:
    """How many of ``jobs`` are in which state: "1 leased, 2 queued, 3 done"."""
    states = [job.state.value for job in jobs]
    return ", ".join(f"{states.count(state)} {state}" for state in COLOURS if state in states)


def left_words(sweep: SweepView, now_ms: int) -> str:
    """When a sweep ended, or how long it still takes."""
    if sweep.ended:
        ended_ms = max((job.ended_ms for job in sweep.jobs if job.ended_ms is not None), default=None)
        return "ended" if ended_ms is None else f"ended {ago(ended_ms, now_ms)}"
    return "time left not known yet" if sweep.left_s is None else still(sweep.left_s)


def sweep_words(sweep: SweepView) -> str:
    """What a sweep measures where: "deit_tiny · batch 1, 4 · bench-pi"."""
    models = _some(dict.fromkeys(_subject(job) for job in sweep.jobs))
    devices = _some(dict.fromkeys(job.device for job in sweep.jobs))
    batches = _some(str(size) for size in sorted({job.workload.batch_size for job in sweep.jobs}))
    return f"{models} · batch {batches} · {devices}"


def workload_words(workload: Workload) -> str:
    """What a job asks for beside the model; what is left to the model or the device is left out."""
    parts = [f"batch {workload.batch_size}"]
    if workload.image_size is not None:
        parts.append(f"{workload.image_size} px")
    parts += [workload.data_type.value, workload.runtime.value, workload.processor.value]
    if workload.threads is not None:
        parts.append(counted(workload.threads, "thread"))
    return " · ".join(parts)


def way_words(sweep: SweepView) -> str:
    """How a sweep goes about it: its plan, or what its jobs do that need none."""
    tasks = {job.task for job in sweep.jobs}
    if tasks == {Task.ACCURACY}:
        return "images tried on the unpruned model and on pruned ones"
    if tasks == {Task.VERIFICATION}:
        return "schedules timed beside the untouched model"
    return plan_words(sweep.plan)


def plan_words(plan: Plan) -> str:
    """How a sweep measures: "7 passes over every count"."""
    counts = "every count" if plan.stride == 1 else f"every {_nth(plan.stride)} count"
    bounds = {
        (False, False): "",
        (True, False): f" from {plan.min_tokens} tokens",
        (False, True): f" up to {plan.max_tokens} tokens",
        (True, True): f" from {plan.min_tokens} to {plan.max_tokens} tokens",
    }[plan.min_tokens is not None, plan.max_tokens is not None]
    passes = "1 pass" if plan.passes == 1 else f"{plan.passes} passes"
    if plan.exhaustive:
        words = f"{passes} over {counts}{bounds}"
    else:
        words = f"a search for steps among {counts}{bounds}, plateaus of {plan.narrowest} tokens and more"
    budgets = [
        *([] if plan.budget_s is None else [f"{plan.budget_s:g} s"]),
        *([] if plan.budget_readings is None else [f"{plan.budget_readings:,} readings"]),
    ]
    limit = f", at most {' and '.join(budgets)} a job" if budgets else ""
    return f"{words}, steps confirmed in pairs{limit}" if plan.confirm else f"{words}{limit}"


def queued_words(sweep: SweepView, now_ms: int) -> str:
    """When and how a sweep was queued."""
    priority = f" · priority {sweep.priority}" if sweep.priority else ""
    return f"queued {ago(sweep.created_ms, now_ms)}, {moment(sweep.created_ms)}{priority}"


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    if len(listed) <= MOST_NAMED:
        return ", ".join(listed)
    return f"{', '.join(listed[:MOST_NAMED])} and {counted(len(listed) - MOST_NAMED, 'other')}"
