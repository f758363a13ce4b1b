"""``stepfarm schedule verify`` and ``export``: have a device prove schedules, and take one away with its proof."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.clock import SystemClock
from agent.config import Settings
from agent.errors import StepfarmError
from orchestrator.commands.files import STANDARD, print_pieces, refuse_taken, write_whole
from orchestrator.commands.output import print_json, take_json

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from agent.wire.schedule_files import Latency, Ratio
    from agent.wire.schedules import Schedule
    from orchestrator.client import Client
    from orchestrator.views import VerificationView, VerifiedView

WHICH = ("best", "recommended", "paper", "uniform")


def add(subcommands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    from orchestrator.commands.schedule import take_choice

    command = subcommands.add_parser(
        "verify", help="have the device time schedules beside the plain model and uniform pruning"
    )
    take_choice(command)
    command.add_argument(
        "--schedule",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="these schedules (default: the best, the recommended and the paper's)",
    )
    command.add_argument("--wait", action="store_true", help="wait for the device, and show what it says")
    take_json(command)
    command.set_defaults(run=_verify)

    command = subcommands.add_parser("export", help="a schedule as JSON, with the device, curve and proof it rests on")
    take_choice(command)
    command.add_argument("--which", choices=WHICH, default=WHICH[0], help=f"which of them (default: {WHICH[0]})")
    command.add_argument("--output", default=STANDARD, metavar="FILE", help="a file (default: -)")
    command.add_argument("--force", action="store_true", help="write over a file that is there")
    command.set_defaults(run=_export)


def _verify(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    queued = client.verify(options.id, _asked_for(options, client))
    if not options.wait:
        if options.json:
            print_json(queued)
        else:
            print(f"Verification {queued.job.id} of {_counted(queued)} is queued for {queued.job.device}.")
            print(f"Follow it: stepfarm sweep watch {queued.job.sweep_id}")
        return 0
    from orchestrator.commands.watching import follow

    follow(client, queued.job.sweep_id, clock=SystemClock(), stop=threading.Event())
    found = client.verification(queued.job.id)
    if options.json:
        print_json(found)
    else:
        print(report(found))
    return 0 if all(entry.proved for entry in found.entries) else 1


def _asked_for(options: argparse.Namespace, client: Client) -> Sequence[Schedule]:
    from agent.wire.schedule_files import read_schedule
    from orchestrator.commands.schedule import found_in
    from orchestrator.proofs import worth_verifying

    if options.schedule:
        return [read_schedule(path)[0] for path in options.schedule]
    found = found_in(options, client.curve(options.id), client)
    chosen = [option.schedule for option in worth_verifying(found)]
    if not chosen:
        raise StepfarmError(
            f"Curve {options.id} has no schedule that removes a token. {' '.join(found.missing)}",
            "Ask for a budget (--mean-tokens N), or name a schedule (--schedule FILE).",
        )
    return chosen


def _counted(found: VerificationView) -> str:
    count = len(found.entries)
    return "1 schedule" if count == 1 else f"{count} schedules"


def report(found: VerificationView) -> str:
    """What the device said, in words and a table: predicted and measured side by side."""
    from tabulate import tabulate

    from orchestrator.analysis.shapes import in_blocks
    from orchestrator.proofs import verdict

    job = found.job
    lines = [f"Verification {job.id} on {job.device}, {job.model}: {job.state.value}", ""]
    if job.failure is not None:
        lines += [job.failure.message, f"  {job.failure.advice}", ""]
    headers = ("tokens", "predicted", "measured", "of the plain model", "of uniform pruning", "passes")
    rows = [_row(entry, in_blocks(entry.schedule.leaving)) for entry in found.entries]
    lines += [tabulate(rows, headers, tablefmt="simple", disable_numparse=True), ""]
    lines += [f"{in_blocks(entry.schedule.leaving)}: {verdict(entry.proof)}" for entry in found.entries]
    lines += ["", "Proved: the interval of both ratios, which holds for all of them together, lies below 1."]
    return "\n".join(lines)


def _row(entry: VerifiedView, tokens: str) -> tuple[str, ...]:
    proof = entry.proof
    if proof is None:
        return tokens, _milliseconds(entry.predicted), "-", "-", "-", str(entry.passes)
    return (
        tokens,
        _milliseconds(entry.predicted),
        _milliseconds(proof.measured),
        _ratio(proof.against_plain),
        _ratio(proof.against_uniform),
        str(entry.passes),
    )


def _milliseconds(latency: Latency | None) -> str:
    if latency is None:
        return "-"
    return f"{latency.latency_ns / 1e6:.3f} ms ({latency.low_ns / 1e6:.3f} to {latency.high_ns / 1e6:.3f})"


def _ratio(ratio: Ratio | None) -> str:
    return "-" if ratio is None else f"{ratio.ratio:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"


def _export(options: argparse.Namespace, _settings: Settings) -> int:
    import json

    from agent.wire.codec import to_plain
    from orchestrator.analysis.schedules import Origin
    from orchestrator.client import Client
    from orchestrator.commands.schedule import found_in
    from orchestrator.proofs import schedule_file

    path = None if options.output == STANDARD else Path(options.output)
    if path is not None:
        refuse_taken(path, force=options.force)
    client = Client()
    view = client.curve(options.id)
    found = found_in(options, view, client)
    option = found.option(Origin(options.which))
    if option is None:
        raise StepfarmError(
            f"Curve {options.id} has no schedule {options.which}. {' '.join(found.missing)}",
            f"Choose another with --which: {', '.join(one.origin.value for one in found.options) or 'there is none'}.",
        )
    file = schedule_file(view, option, client.verifications(options.id))
    text = json.dumps(to_plain(file), indent=2, ensure_ascii=False) + "\n"
    if path is None:
        print_pieces([text])
    else:
        write_whole(path, text.encode())
        print(f"{path}: {file.note}")
    return 0
