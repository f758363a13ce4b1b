"""``stepfarm schedule``: which tokens to prune on a device, and what else one might have chosen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.errors import StepfarmError
from agent.wire.schedules import Method
from orchestrator.commands import common_schedule, verifying
from orchestrator.commands.output import print_json, take_json
from orchestrator.commands.workloads import choices, one_of, title_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Sequence

    from agent.wire.jobs import ModelFacts
    from orchestrator.analysis.accuracy import AccuracyCurve
    from orchestrator.analysis.schedules import Option, Saving, SchedulesFound
    from orchestrator.client import Client
    from orchestrator.views import AccuracyView, CurveSummary, CurveView

MOST_ACCURACY_BYTES = 1024 * 1024
"""A stated accuracy curve of 4,096 counts is a tenth of this."""


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    command = commands.add_parser("schedule", help="which tokens to prune")
    subcommands = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = subcommands.add_parser(
        "recommend", help="the best schedules of a curve, beside a single prune, uniform pruning and the paper's choice"
    )
    take_choice(command)
    take_json(command)
    command.set_defaults(run=_recommend)
    common_schedule.add(subcommands)
    verifying.add(subcommands)


def take_choice(command: argparse.ArgumentParser) -> None:
    """Let ``command`` take what schedules are chosen from, and by what."""
    command.add_argument("id", type=int, metavar="CURVE", help="the number of the curve")
    budget = take_budget(command)
    budget.add_argument("--within-ms", type=float, metavar="MS", help="keep the most that surely takes at most this")
    command.add_argument(
        "--alpha", type=float, metavar="A", help="what latency weighs in the paper's utility, 0 to 1 (default: 0.5)"
    )


def take_budget(command: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """Let ``command`` take the method, what is to be kept, and what that is counted in; the group of budgets."""
    command.add_argument(
        "--method",
        type=one_of(Method),
        default=Method.ONE_MORE,
        metavar="METHOD",
        help=f"how blocks choose the tokens that go: {choices(Method)} (default: {Method.ONE_MORE.value})",
    )
    budget = command.add_mutually_exclusive_group()
    budget.add_argument("--mean-tokens", type=float, metavar="N", help="the fastest that leaves so many on average")
    budget.add_argument(
        "--least-accuracy", type=float, metavar="A", help="the fastest that keeps this share of accuracy, 0 to 1"
    )
    accuracy = command.add_mutually_exclusive_group()
    accuracy.add_argument(
        "--accuracy",
        type=Path,
        metavar="FILE.csv",
        help="a stated accuracy curve, columns tokens,accuracy (default: the token density)",
    )
    accuracy.add_argument(
        "--accuracy-job", type=int, metavar="JOB", help="the accuracy that this job measured (stepfarm accuracy list)"
    )
    return budget


def _recommend(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    view = client.curve(options.id)
    found = found_in(options, view, client)
    if options.json:
        print_json(found)
    else:
        print(report(found, view.summary, client.accuracies(model=view.summary.model)))
    return 0


def found_in(options: argparse.Namespace, view: CurveView, client: Client) -> SchedulesFound:
    """The schedules of a curve that ``options`` ask for."""
    from orchestrator.analysis.frontier import Wish
    from orchestrator.analysis.schedules import schedules_of
    from orchestrator.analysis.utility import ALPHA

    wished = (options.within_ms, options.mean_tokens, options.least_accuracy)
    latency_ns = None if options.within_ms is None else 1e6 * options.within_ms
    wish = Wish(latency_ns=latency_ns, mean_tokens=options.mean_tokens, accuracy=options.least_accuracy)
    facts = view.summary.facts
    return schedules_of(
        view.analysis,
        full_tokens=facts.tokens,
        prefix_tokens=facts.prefix_tokens,
        blocks=facts.blocks,
        method=options.method,
        alpha=ALPHA if options.alpha is None else options.alpha,
        accuracy=accuracy_in(options, facts, client),
        wish=wish if any(value is not None for value in wished) else None,
    )


def accuracy_in(options: argparse.Namespace, facts: ModelFacts, client: Client) -> AccuracyCurve | None:
    """The accuracy curve that ``options`` state, or name the job of, for a curve with these ``facts``; or None.

    Raises:
        StepfarmError: it cannot be read, or is not of such a model.
    """
    from orchestrator.measured_accuracy import accuracy_curve

    if options.accuracy_job is not None:
        return accuracy_curve(client.accuracy(options.accuracy_job), facts, options.method)
    return None if options.accuracy is None else _stated(options.accuracy)


def _stated(path: Path) -> AccuracyCurve:
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


def report(found: SchedulesFound, summary: CurveSummary, accuracies: Sequence[AccuracyView] = ()) -> str:
    """The options in words and a table, with the top-1 of those that are among ``accuracies``, newest first."""
    from tabulate import tabulate

    from orchestrator.commands.accuracy import percent
    from orchestrator.measured_accuracy import accuracy_of

    device = f"{summary.device} ({summary.device_kind.value})"
    lines = [title_of(summary.model, summary.workload, device), ""]
    if found.options:
        headers: tuple[str, ...] = (
            "",
            "keeps",
            "tokens",
            "cut first, measured",
            "saves",
            "pruned, predicted",
            "saves",
            "95 %",
        )
        rows = [_row(option) for option in found.options]
        known = [accuracy_of(option.schedule, accuracies) for option in found.options]
        if any(known):
            headers = (*headers, "top-1, measured (%)")
            rows = [(*row, "-" if one is None else percent(one.top_1)) for row, one in zip(rows, known, strict=True)]
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
    from orchestrator.analysis.shapes import in_blocks

    kept = f"{100 * option.density:.1f} %"
    latency, saves, _ = _saving(option.measured)
    return option.origin.value, kept, in_blocks(option.leaving), latency, saves, *_saving(option.predicted)


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
    return (
        "Tokens: those that leave each block, x as many blocks. Keeps: their mean, of all tokens.",
        f"The paper's utility weighs {weights}; accuracy is the {found.accuracy}.",
        "Measured: the model cut to so many tokens before its first block, the most that a prune can save.",
        f"Predicted: the method {found.method.value} in those blocks, from blocks timed in place on the device.",
        "None of it is proved by that: have the device time the pruned model (stepfarm schedule verify CURVE --wait).",
    )
