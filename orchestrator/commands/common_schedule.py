"""``stepfarm schedule fleet``: one schedule for several devices, and what each loses by it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.errors import StepfarmError
from orchestrator.commands.files import refuse_taken, write_whole
from orchestrator.commands.output import print_json, take_json

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Sequence

    from orchestrator.analysis.fleet import FleetSchedule
    from orchestrator.views import CurveView


def add(subcommands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    from orchestrator.commands.schedule import take_budget

    command = subcommands.add_parser("fleet", help="one schedule for several devices, with the least worst-case regret")
    command.add_argument("ids", type=int, nargs="+", metavar="CURVE", help="the numbers of the curves, one a device")
    take_budget(command)
    command.add_argument("--output", type=Path, metavar="FILE", help="write the schedule to a file too")
    command.add_argument("--force", action="store_true", help="write over a file that is there")
    take_json(command)
    command.set_defaults(run=_fleet)


def _fleet(options: argparse.Namespace, _settings: Settings) -> int:
    import json

    from agent.wire.codec import to_plain
    from orchestrator.analysis.accuracy import refuse_floor_without
    from orchestrator.client import Client
    from orchestrator.commands.schedule import accuracy_in
    from orchestrator.common_schedule import common_schedule

    path: Path | None = options.output
    if path is not None:
        refuse_taken(path, force=options.force)
    client = Client()
    views = [client.curve(number) for number in dict.fromkeys(options.ids)]
    accuracy = accuracy_in(options, views[0].summary.facts, client)
    if options.least_accuracy is not None:
        refuse_floor_without(accuracy)
    found = common_schedule(views, method=options.method, kept=_kept(options, views), accuracy=accuracy)
    if options.json:
        print_json(found)
    else:
        print(report(found, views, kept_of="tokens" if accuracy is None else f"accuracy ({accuracy.source})"))
    if path is not None:
        text = json.dumps(to_plain(found.schedule), indent=2, ensure_ascii=False) + "\n"
        write_whole(path, text.encode())
        if not options.json:
            print(f"{path}: not proved; each device can: stepfarm schedule verify CURVE --schedule {path} --wait")
    return 0


def _kept(options: argparse.Namespace, views: Sequence[CurveView]) -> float | None:
    """The share that is to be kept, None where nothing was said."""
    tokens: float | None = options.mean_tokens
    share: float | None = options.least_accuracy
    if tokens is not None:
        share = tokens / views[0].summary.facts.tokens
    if share is not None and not 0 < share <= 1:
        raise StepfarmError(
            "A budget or floor asks for nothing, or for more than the untouched model has.",
            "Give tokens between 0 and all of the model's, or a share of its accuracy such as 0.98.",
        )
    return share


def report(found: FleetSchedule, views: Sequence[CurveView], *, kept_of: str) -> str:
    """The schedule and each device's loss, in words and a table."""
    from tabulate import tabulate

    from orchestrator.analysis.shapes import in_blocks

    schedule = found.schedule
    headers = ("", "its own best", "takes", "this one takes", "untouched", "loss", "if all took its best")
    rows = [
        (
            loss.name,
            in_blocks(loss.own),
            f"{loss.own_ns / 1e6:.3f} ms",
            f"{loss.common_ns / 1e6:.3f} ms",
            f"{loss.plain_ns / 1e6:.3f} ms",
            f"{100 * loss.regret:.1f} %",
            f"{100 * loss.largest_regret_of_own:.1f} %",
        )
        for loss in found.losses
    ]
    lines = [
        f"{views[0].summary.model}, one schedule for {len(views)} curves: {in_blocks(schedule.leaving)}",
        f"It keeps {100 * found.kept:.1f} % of {kept_of}.",
        f"The device that loses most by it takes {100 * found.largest_regret:.1f} % more than with its own best.",
        "",
        tabulate(rows, headers, tablefmt="simple", disable_numparse=True),
        "",
        "Takes: predicted from blocks timed in place, at the upper end of their intervals. If all took its best: the",
        "largest loss in the fleet if every device had that one's own best schedule.",
        f"No schedule of these {len(found.counts)} counts has a largest loss below {100 * found.at_least:.1f} %.",
        "None of it is proved: have each device time it (stepfarm schedule verify CURVE --schedule FILE --wait).",
    ]
    if found.spared:
        lines.append(f"It saves nothing on {', '.join(found.spared)}: there the untouched model is as fast.")
    simulated = [view.summary.device for view in views if view.summary.simulated]
    if simulated:
        lines.append(f"Simulated: no hardware was timed for {', '.join(simulated)}, so it is not to be deployed.")
    doubted = [str(view.summary.id) for view in views if view.analysis.curve.doubts]
    if doubted:
        lines.append(f"Doubted: curve {', '.join(doubted)}.")
    return "\n".join(lines)
