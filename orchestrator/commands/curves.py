"""``stepfarm curves``: what was measured."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from orchestrator.commands import exporting, importing, reanalysing
from orchestrator.commands.options import take_counts
from orchestrator.commands.output import print_json, print_table, shows_unicode, take_json, when
from orchestrator.commands.workloads import title_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.views import CurveSummary, CurveView


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("curves", help="token-latency curves")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = subcommands.add_parser("list", help="the curves, newest first")
    command.add_argument("--device", metavar="NAME", help="of this device alone")
    command.add_argument("--model", metavar="MODEL", help="of this model alone")
    command.add_argument("--without-simulated", action="store_true", help="leave out those of simulated devices")
    take_json(command)
    command.set_defaults(run=_list)

    command = subcommands.add_parser("show", help="one curve with its steps, sweet spots and recommendation")
    command.add_argument("id", type=int, metavar="ID", help="the number of the curve")
    take_counts(command)
    take_json(command)
    command.set_defaults(run=_show)

    exporting.add(subcommands)
    importing.add(subcommands)
    reanalysing.add(subcommands)


def _list(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    simulated = False if options.without_simulated else None
    curves = Client().curves(device=options.device, model=options.model, simulated=simulated)
    if options.json:
        print_json(curves)
        return 0
    filtered = options.device or options.model or options.without_simulated
    print_table(
        (
            (
                one.id,
                one.device,
                one.device_kind.value,
                one.model,
                one.workload.batch_size,
                "imported" if one.imported else one.job_state.value,
                f"{one.accepted} of {one.readings}",
                when(one.created_ms),
            )
            for one in curves
        ),
        ("id", "device", "kind", "model", "batch", "job", "readings accepted", "begun"),
        empty="No curve is of that. See all: stepfarm curves list"
        if filtered
        else "No curves yet. Queue a sweep: stepfarm sweep create MODEL --device NAME",
    )
    return 0


def _show(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    view = Client().curve(options.id)
    if options.json:
        print_json(view)
    else:
        print(report(view, options.tokens))
    return 0


def report(view: CurveView, counts: Sequence[int] = ()) -> str:
    """The curve in words and tables, with advice for the ``counts`` in mind."""
    from orchestrator.report import curve_table

    parts = [curve_table(view.analysis, title=title_of_curve(view.summary), unicode=shows_unicode(), counts=counts)]
    if view.summary.imported_ms is not None:
        parts.append(f"Imported {when(view.summary.imported_ms)} from: {view.summary.source}")
    if view.outdated:
        parts.append(
            f"Found by version {view.analysis.method_version} of the method, which is not today's. Anew: "
            f"stepfarm curves reanalyse {view.summary.id}"
        )
    return "\n\n".join(parts)


def title_of_curve(summary: CurveSummary) -> str:
    """What the curve is of, in one line, with the kind of the device and whether it was imported."""
    marks = [summary.device_kind.value, *(["imported"] if summary.imported else [])]
    return title_of(summary.model, summary.workload, f"{summary.device} ({', '.join(marks)})")
