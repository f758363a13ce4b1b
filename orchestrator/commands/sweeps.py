"""``stepfarm sweep``: queue sweeps and follow them."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.clock import Clock, SystemClock
from agent.config import Settings
from orchestrator.commands.output import print_json, print_table, take_json, when
from orchestrator.commands.workloads import plan, take_plan, take_workloads, workloads

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.client import Client
    from orchestrator.views import JobView, SweepView

POLL_S = 1.0


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("sweep", help="queue sweeps and follow them")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = subcommands.add_parser("create", help="queue models x batch sizes x devices")
    command.add_argument("models", nargs="+", metavar="MODEL", help="names of timm models")
    command.add_argument("--device", nargs="+", required=True, metavar="NAME", help="names of devices")
    command.add_argument("--priority", type=int, default=0, metavar="N", help="higher goes first (default: 0)")
    command.add_argument("--watch", action="store_true", help="follow it until it has ended")
    take_workloads(command)
    take_plan(command)
    take_json(command)
    command.set_defaults(run=_create)

    command = subcommands.add_parser("list", help="the sweeps, newest first")
    take_json(command)
    command.set_defaults(run=_list)

    for name, run, text in (
        ("show", _show, "one sweep and its jobs"),
        ("watch", _watch, "follow a sweep until it has ended"),
        ("cancel", _cancel, "cancel what is queued; devices stop within one pass"),
    ):
        command = subcommands.add_parser(name, help=text)
        command.add_argument("id", type=int, metavar="ID", help="the number of the sweep")
        take_json(command)
        command.set_defaults(run=run)


def _create(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    sweep = client.create_sweep(
        models=options.models,
        workloads=workloads(options),
        devices=options.device,
        plan=plan(options),
        priority=options.priority,
    )
    if options.watch:
        return _follow_and_report(client, sweep, options)
    if options.json:
        print_json(sweep)
    else:
        print(f"Sweep {sweep.id}: {len(sweep.jobs)} jobs queued. Follow it with: stepfarm sweep watch {sweep.id}")
    return 0


def _list(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    sweeps = Client().sweeps()
    if options.json:
        print_json(sweeps)
        return 0
    print_table(
        (
            (
                one.id,
                when(one.created_ms),
                ", ".join(sorted({job.model for job in one.jobs})),
                ", ".join(sorted({job.device for job in one.jobs})),
                _states(one),
            )
            for one in sweeps
        ),
        ("id", "queued", "models", "devices", "jobs"),
        empty="No sweeps yet. Queue one: stepfarm sweep create MODEL --device NAME",
    )
    return 0


def _states(sweep: SweepView) -> str:
    states = [job.state.value for job in sweep.jobs]
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))


def _show(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    _report(Client().sweep(options.id), as_json=options.json)
    return 0


def _watch(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    return _follow_and_report(client, client.sweep(options.id), options)


def _cancel(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    _report(Client().cancel_sweep(options.id), as_json=options.json)
    return 0


def _follow_and_report(client: Client, sweep: SweepView, options: argparse.Namespace) -> int:
    from orchestrator.jobs.states import JobState

    ended = follow(client, sweep.id, clock=SystemClock(), stop=threading.Event())
    _report(ended, as_json=options.json)
    return 0 if all(job.state is JobState.DONE for job in ended.jobs) else 1


def follow(
    client: Client,
    sweep_id: int,
    *,
    clock: Clock,
    stop: threading.Event,
    going: Callable[[], bool] = lambda: True,
) -> SweepView:
    """The sweep once it has ended, ``stop`` is set or nothing is ``going`` any more; meanwhile a progress bar.

    The bar counts passes done of passes planned.
    """
    from tqdm import tqdm

    sweep = client.sweep(sweep_id)
    planned = sum(_planned(sweep, job) for job in sweep.jobs)
    with tqdm(total=planned, desc=f"sweep {sweep_id}", unit="pass", dynamic_ncols=True) as bar:
        while True:
            bar.total = sum(_planned(sweep, job) for job in sweep.jobs)
            bar.n = sum(_done(sweep, job) for job in sweep.jobs)
            working = [job for job in sweep.jobs if job.state.value == "leased"]
            bar.set_postfix_str(", ".join(f"{job.model} batch {job.workload.batch_size}" for job in working))
            bar.refresh()
            if sweep.ended or not going() or clock.wait(stop, POLL_S):
                return sweep
            sweep = client.sweep(sweep_id)


def _planned(sweep: SweepView, job: JobView) -> int:
    """Passes of the job as far as is known: the plan's, and those of further rounds once they are asked for."""
    if job.progress is None or job.progress.round == 0:
        return sweep.plan.passes
    return sweep.plan.passes + job.progress.passes_planned


def _done(sweep: SweepView, job: JobView) -> int:
    if job.state.final:
        return _planned(sweep, job)
    if job.progress is None:
        return 0
    return job.progress.passes_done + (sweep.plan.passes if job.progress.round > 0 else 0)


def _report(sweep: SweepView, *, as_json: bool) -> None:
    if as_json:
        print_json(sweep)
        return
    print(f"Sweep {sweep.id}, queued {when(sweep.created_ms)}, {sweep.plan.passes} passes:")
    print_table(
        ((job.id, job.device, job.model, job.workload.batch_size, job.state.value, _remark(job)) for job in sweep.jobs),
        ("job", "device", "model", "batch", "state", ""),
        empty="no jobs",
    )


def _remark(job: JobView) -> str:
    if job.failure is not None:
        return f"{job.failure.message} {job.failure.advice}"
    if job.progress is not None and not job.state.final:
        return f"pass {job.progress.passes_done} of {job.progress.passes_planned} in round {job.progress.round}"
    return f"curve {job.curve_id}" if job.curve_id is not None else ""
