"""``stepfarm accuracy``: what pruning costs of a model's accuracy, measured without retraining."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.wire.schedules import Method
from orchestrator.analysis.trials import IMAGES_AT_A_TIME, SHARES_KEPT, AccuracyPlan
from orchestrator.commands.fleet import label_of
from orchestrator.commands.output import print_json, print_table, take_json, when
from orchestrator.commands.workloads import in_short, one_of, take_workloads, workloads
from orchestrator.counting import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.analysis.shares import Share
    from orchestrator.views import AccuracyView, ScheduleAccuracy

FIRST_FIVE = 5
"""With so few classes, top-5 says nothing."""


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("accuracy", help="what pruning costs of a model's accuracy")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_measure(subcommands)

    command = subcommands.add_parser("list", help="the accuracies that were measured, newest first")
    command.add_argument("--model", metavar="MODEL", help="of this model alone")
    take_json(command)
    command.set_defaults(run=_list)

    command = subcommands.add_parser("show", help="what one accuracy job found, schedule by schedule")
    command.add_argument("id", type=int, metavar="JOB", help="the number of the job")
    take_json(command)
    command.set_defaults(run=_show)


def _add_measure(subcommands: _SubParsersAction[Any]) -> None:
    command = subcommands.add_parser("measure", help="queue models, each on a device that has its weights and images")
    command.add_argument("models", nargs="+", metavar="MODEL", help="names of timm models")
    command.add_argument("--dataset", required=True, metavar="NAME", help="name of a dataset that devices hold")
    default = AccuracyPlan(dataset="any")
    command.add_argument(
        "--images", type=int, default=default.images, metavar="N", help=f"images, at most (default: {default.images})"
    )
    command.add_argument(
        "--method",
        nargs="+",
        type=one_of(Method),
        default=list(default.methods),
        metavar="METHOD",
        help=f"{', '.join(method.value for method in Method)} (default: {default.methods[0].value})",
    )
    shares = ", ".join(f"{share:.0%}" for share in SHARES_KEPT)
    command.add_argument(
        "--tokens", type=int, nargs="+", default=[], metavar="N", help=f"counts to prune to (default: {shares} of all)"
    )
    command.add_argument(
        "--schedule", type=Path, nargs="+", default=[], metavar="FILE", help="schedules as files, to try beside them"
    )
    command.add_argument("--seed", type=int, default=default.seed, metavar="N", help="chooses the images (default: 0)")
    command.add_argument("--device", nargs="+", default=[], metavar="NAME", help="one of these devices (default: any)")
    command.add_argument(
        "--label", nargs="+", default=[], type=label_of, metavar="LABEL", help="or one that carries one of these labels"
    )
    command.add_argument("--priority", type=int, default=0, metavar="N", help="higher goes first (default: 0)")
    command.add_argument("--watch", action="store_true", help="follow it until it has ended, and show what was found")
    take_workloads(command, several=False, batch=IMAGES_AT_A_TIME)
    take_json(command)
    command.set_defaults(run=_measure)


def _measure(options: argparse.Namespace, _settings: Settings) -> int:
    from agent.wire.schedule_files import read_schedule
    from orchestrator.client import Client
    from orchestrator.commands.sweeps import queued

    plan = AccuracyPlan(
        dataset=options.dataset,
        images=options.images,
        methods=tuple(options.method),
        tokens=tuple(options.tokens),
        schedules=tuple(read_schedule(file)[0] for file in options.schedule),
        seed=options.seed,
    )
    client = Client()
    sweep = client.measure_accuracy(
        models=options.models,
        plan=plan,
        workload=workloads(options)[0],
        devices=options.device,
        labels=options.label,
        priority=options.priority,
    )
    code = queued(client, sweep.view, options)
    if options.watch and not options.json:
        for job in sweep.jobs:
            print(f"\n{report(client.accuracy(job.id))}")
    return code


def _list(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    found = Client().accuracies(model=options.model)
    if options.json:
        print_json(found)
        return 0
    print_table(
        (
            (
                one.job_id,
                when(one.created_ms),
                one.model,
                one.weights.sha256[:8],
                one.dataset.name,
                _images(one),
                _plain(one),
                one.job_state.value,
            )
            for one in found
        ),
        ("job", "queued", "model", "weights", "dataset", "images", "unpruned top-1", "state"),
        empty="No accuracy yet. Measure one: stepfarm accuracy measure MODEL --dataset NAME",
    )
    return 0


def _images(view: AccuracyView) -> str:
    done = view.unpruned.images if view.unpruned else 0
    return f"{done:,} of {view.images_planned or min(view.plan.images, view.dataset.images):,}"


def _plain(view: AccuracyView) -> str:
    if not view.labelled:
        return "no labels"
    return "" if view.unpruned is None or view.unpruned.top_1 is None else percent(view.unpruned.top_1)


def _show(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    view = Client().accuracy(options.id)
    if options.json:
        print_json(view)
    else:
        print(report(view))
    return 0


def report(view: AccuracyView) -> str:
    """What was found, in words and a table."""
    from tabulate import tabulate

    classes = "no labels" if view.dataset.classes is None else counted(view.dataset.classes, "class")
    where = f"job {view.job_id} on {view.device}: {view.job_state.value}"
    images = f"{_images(view)} images of {view.dataset.name} ({classes}), spread over classes by seed {view.plan.seed}"
    lines = [
        f"Accuracy of {view.model} ({in_short(view.workload)}), {where}",
        f"Weights {view.weights.sha256[:12]}; {images}.",
    ]
    if not view.results:
        return "\n".join([*lines, "No image is in yet."])
    headers = ("schedule", "tokens", "top-1", "change", "top-5", "agrees", "divergence")
    rows = [_row(result, view) for result in view.results]
    return "\n".join([*lines, "", tabulate(rows, headers, disable_numparse=True), "", *_notes(view)])


def _row(result: ScheduleAccuracy, view: AccuracyView) -> tuple[str, ...]:
    schedule = result.schedule
    name, tokens = "unpruned", str(view.facts.tokens) if view.facts else ""
    if schedule is not None:
        name, tokens = schedule.method.value, str(schedule.leaving[-1])
    return (
        name,
        tokens,
        percent(result.top_1),
        "" if schedule is None else percent(result.change, signed=True),
        percent(result.top_5),
        percent(result.agreement),
        f"{result.divergence.value:.3f} ({result.divergence.low:.3f} to {result.divergence.high:.3f})",
    )


def percent(share: Share | None, *, signed: bool = False) -> str:
    """A share with its interval in per cent: 79.8 (78.6 to 80.9)."""
    if share is None:
        return "-"
    sign = "+" if signed else ""
    return f"{100 * share.value:{sign}.1f} ({100 * share.low:{sign}.1f} to {100 * share.high:{sign}.1f})"


def _notes(view: AccuracyView) -> list[str]:
    notes = [
        "In per cent, with 95 % intervals: Wilson's for shares, a paired one for the change of top-1 against unpruned.",
        "Agrees: the first answer is the unpruned model's. Divergence: from its probabilities, in nats.",
    ]
    if view.dataset.classes is not None and view.dataset.classes <= FIRST_FIVE:
        notes.append(f"With {view.dataset.classes} classes every answer is among the first five.")
    if not view.labelled:
        notes.append(
            "Nothing says what the images show, so there is no accuracy: only agreement with the unpruned model."
        )
    return notes
