"""``stepfarm schedule``: which tokens to prune on a device, and what else one might have chosen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.errors import StepfarmError
from orchestrator.commands.output import print_json, take_json
from orchestrator.commands.workloads import title_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.analysis.accuracy import AccuracyCurve
    from orchestrator.analysis.schedules import Option, Saving, SchedulesFound
    from orchestrator.views import CurveSummary

MOST_ACCURACY_BYTES = 1024 * 1024
"""A stated accuracy curve of 4,096 counts is a tenth of this."""


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("schedule", help="which tokens to prune")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = subcommands.add_parser(
        "recommend", help="the recommended single prune beside uniform pruning and the paper's choice"
    )
    command.add_argument("id", type=int, metavar="CURVE", help="the number of the curve")
    command.add_argument(
        "--alpha", type=float, metavar="A", help="what latency weighs in the paper's utility, 0 to 1 (default: 0.5)"
    )
    command.add_argument(
        "--accuracy",
        type=Path,
        metavar="FILE.csv",
        help="a stated accuracy curve, columns tokens,accuracy (default: the token density)",
    )
    take_json(command)
    command.set_defaults(run=_recommend)


def _recommend(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.analysis.schedules import ALPHA, schedules_of
    from orchestrator.client import Client

    accuracy = None if options.accuracy is None else _accuracy(options.accuracy)
    view = Client().curve(options.id)
    found = schedules_of(
        view.analysis,
        full_tokens=view.summary.facts.tokens,
        blocks=view.summary.facts.blocks,
        alpha=ALPHA if options.alpha is None else options.alpha,
        accuracy=accuracy,
    )
    if options.json:
        print_json(found)
    else:
        print(report(found, view.summary))
    return 0


def _accuracy(path: Path) -> AccuracyCurve:
    from orchestrator.analysis.accuracy import ADVICE, read_accuracy

    try:
        with path.open("rb") as file:
            content = file.read(MOST_ACCURACY_BYTES + 1)
    except OSError as error:
        raise StepfarmError(f"The accuracy file {path} cannot be read: {error.strerror}.", ADVICE) from error
    if len(content) > MOST_ACCURACY_BYTES:
        raise StepfarmError(f"The accuracy file {path} is larger than {MOST_ACCURACY_BYTES:,} bytes.", ADVICE)
    try:
        return read_accuracy(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise StepfarmError(f"The accuracy file {path} is no text in UTF-8.", ADVICE) from error


def report(found: SchedulesFound, summary: CurveSummary) -> str:
    """The options in words and a table."""
    from tabulate import tabulate

    device = f"{summary.device} ({summary.device_kind.value})"
    lines = [title_of(summary.model, summary.workload, device), ""]
    if found.options:
        headers = ("", "tokens", "cut first, measured", "saves", "95 %", "pruned, predicted", "saves", "95 %")
        rows = [_row(option) for option in found.options]
        lines += [tabulate(rows, headers, tablefmt="simple", disable_numparse=True), ""]
        lines += [f"{option.origin.value}: {_why(option)}" for option in found.options]
    lines += found.missing
    if found.options:
        lines += ["", *_notes(found)]
    if summary.simulated:
        lines.append("Simulated: no hardware was timed, so nothing here is to be deployed.")
    if found.doubts:
        lines.append(f"Doubted: {', '.join(dict.fromkeys(doubt.reason.value for doubt in found.doubts))}.")
    return "\n".join(lines)


def _row(option: Option) -> tuple[str, ...]:
    tokens = f"mean {option.mean_tokens:.1f}" if option.tokens is None else str(option.tokens)
    return option.origin.value, tokens, *_saving(option.measured), *_saving(option.predicted)


def _saving(saving: Saving | None) -> tuple[str, str, str]:
    if saving is None:
        return "-", "-", "-"
    return (
        f"{saving.latency_ns / 1e6:.3f} ms",
        f"{saving.saves_percent:.1f} %",
        f"{saving.saves_low_percent:.1f} to {saving.saves_high_percent:.1f}",
    )


def _why(option: Option) -> str:
    from orchestrator.analysis.curve import in_words

    if not option.as_good:
        return option.reason
    return f"{option.reason}; within the noise as good: {in_words(option.as_good)}"


def _notes(found: SchedulesFound) -> tuple[str, ...]:
    weights = f"latency {found.alpha:g} and accuracy {1 - found.alpha:g}"
    where = f"in block {found.pruned_in_block} of {found.blocks} (uniform: in every block)"
    return (
        f"The paper's utility weighs {weights}; accuracy is the {found.accuracy}.",
        "Measured: the model cut to so many tokens before its first block, the most that a prune can save.",
        f"Predicted: pruned {where}, each block an equal share of the curve.",
        "None of it is proved: nothing has timed the pruned model on the device.",
    )
