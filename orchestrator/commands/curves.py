"""``stepfarm curves``: what was measured."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from orchestrator.commands.output import print_json, print_table, shows_unicode, take_json, when
from orchestrator.commands.workloads import title_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.views import CurveView


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("curves", help="token-latency curves")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = subcommands.add_parser("list", help="the curves, newest first")
    take_json(command)
    command.set_defaults(run=_list)

    command = subcommands.add_parser("show", help="one curve with its steps, sweet spots and recommendation")
    command.add_argument("id", type=int, metavar="ID", help="the number of the curve")
    take_json(command)
    command.set_defaults(run=_show)


def _list(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    curves = Client().curves()
    if options.json:
        print_json(curves)
        return 0
    print_table(
        (
            (
                one.id,
                one.device,
                one.device_kind.value,
                one.model,
                one.workload.batch_size,
                one.job_state.value,
                f"{one.accepted} of {one.readings}",
                when(one.created_ms),
            )
            for one in curves
        ),
        ("id", "device", "kind", "model", "batch", "job", "readings accepted", "begun"),
        empty="No curves yet. Queue a sweep: stepfarm sweep create MODEL --device NAME",
    )
    return 0


def _show(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    view = Client().curve(options.id)
    if options.json:
        print_json(view)
    else:
        print(report(view))
    return 0


def report(view: CurveView) -> str:
    """The curve in words and tables."""
    from orchestrator.report import curve_table

    summary = view.summary
    device = f"{summary.device} ({summary.device_kind.value})"
    return curve_table(view.analysis, title=title_of(summary.model, summary.workload, device), unicode=shows_unicode())
