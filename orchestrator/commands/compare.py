"""``stepfarm compare``: curves side by side."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.errors import StepfarmError
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import DataType, Runtime
from orchestrator.commands.output import print_json, take_json

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.choosing import Matching
    from orchestrator.client import Client
    from orchestrator.comparing import Comparison, Row, StepThere, Value
    from orchestrator.over_time import Timeline

WIDTH = 80

MOST_ROWS = 16
"""Token counts of the table; ``--json`` has all."""

FILTERS = ("model", "batch", "device", "kind", "data_type", "runtime")
OPTIONS = "--model, --batch, --device, --kind, --data-type and --runtime"


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("compare", help="curves side by side: latencies, crossings and shared steps")
    command.add_argument("curves", type=int, nargs="*", metavar="CURVE", help="numbers of curves")
    command.add_argument("--model", nargs="+", default=[], metavar="MODEL", help="all curves of these models")
    command.add_argument("--batch", type=int, nargs="+", default=[], metavar="N", help="of these batch sizes")
    command.add_argument("--device", nargs="+", default=[], metavar="NAME", help="of these devices")
    command.add_argument("--kind", nargs="+", default=[], choices=[kind.value for kind in DeviceKind], metavar="KIND")
    command.add_argument("--data-type", nargs="+", default=[], choices=[one.value for one in DataType], metavar="TYPE")
    command.add_argument("--runtime", nargs="+", default=[], choices=[one.value for one in Runtime], metavar="RUNTIME")
    command.add_argument("--older", action="store_true", help="not only the newest curve of each combination")
    command.add_argument("--simulated", action="store_true", help="of simulated devices too")
    command.add_argument("--ratio", action="store_true", help="relative to the full model")
    take_json(command)
    command.set_defaults(run=_compare)


def _compare(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client
    from orchestrator.comparing import compare, refuse_too_many

    client = Client()
    numbers, left_out = _chosen(options, client)
    refuse_too_many(len(numbers))
    comparison = compare([client.curve(number) for number in numbers])
    if options.json:
        print_json(comparison)
        return 0
    print(report(comparison, ratio=options.ratio))
    if left_out:
        print(f"\n{left_out}")
    return 0


def _chosen(options: argparse.Namespace, client: Client) -> tuple[list[int], str]:
    """The numbers of the curves that ``options`` ask for, and what was left out, in words.

    Raises:
        StepfarmError: they are fewer than two, or asked for in two ways at once.
    """
    from orchestrator.choosing import Wanted, candidates, matching

    filters = [getattr(options, name) for name in FILTERS if getattr(options, name)]
    if options.curves and (filters or options.older):
        raise StepfarmError("Curves are named by number and by what they are of.", f"Give the numbers, or {OPTIONS}.")
    if options.curves:
        # To name a simulated one is to ask for it.
        return _two_at_least(list(dict.fromkeys(options.curves)), "")
    if not filters:
        raise StepfarmError(
            "Nothing says which curves to compare.",
            f"Give their numbers (stepfarm curves list), or {OPTIONS}.",
        )
    wanted = Wanted(
        models=tuple(options.model),
        batch_sizes=tuple(options.batch),
        devices=tuple(options.device),
        kinds=tuple(map(DeviceKind, options.kind)),
        data_types=tuple(map(DataType, options.data_type)),
        runtimes=tuple(map(Runtime, options.runtime)),
        older=options.older,
        simulated=options.simulated,
    )
    found = matching(candidates(client, models=wanted.models, devices=wanted.devices), wanted)
    return _two_at_least([summary.id for summary in found.curves], _left_out(found))


def _two_at_least(numbers: list[int], left_out: str) -> tuple[list[int], str]:
    if len(numbers) < 2:
        found = "No curve matches" if not numbers else f"Curve {numbers[0]} alone is asked for"
        raise StepfarmError(f"{found}; a comparison needs two.", left_out or "See what there is: stepfarm curves list.")
    return numbers, left_out


def _left_out(found: Matching) -> str:
    parts = []
    if found.simulated_left_out:
        parts.append(f"{found.simulated_left_out} of simulated devices (--simulated shows them)")
    if found.older_left_out:
        parts.append(f"{found.older_left_out} older ones (--older shows them)")
    return f"Left out: {', '.join(parts)}." if parts else ""


def report(comparison: Comparison, *, ratio: bool = False) -> str:
    """The comparison in words and tables."""
    parts = [
        _curves(comparison),
        _values(comparison, ratio=ratio),
        _crossings(comparison),
        _steps(comparison),
        *map(_timeline, comparison.timelines),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    from tabulate import tabulate

    return tabulate(rows, headers, tablefmt="simple", disable_numparse=True)


def _curves(comparison: Comparison) -> str:
    rows = [
        (
            one.name,
            one.steps.value,
            ", ".join((*one.doubts, *(("still measured",) if one.growing else ()))) or "none",
        )
        for one in comparison.curves
    ]
    common = f"All: {comparison.common}\n\n" if comparison.common else ""
    return f"{common}{_table(rows, ('curve', 'steps', 'doubts'))}"


def _values(comparison: Comparison, *, ratio: bool) -> str:
    shown = _shown(comparison.rows)
    lacking = [f"#{one.summary.id}" for one in comparison.curves if ratio and not one.relative]
    lines = ["Latency relative to the full model, 95 % interval" if ratio else "Latency in ms, 95 % interval"]
    headers = ("tokens", *(f"#{one.summary.id}" for one in comparison.curves))
    lines.append(
        _table(
            [(f"{row.position:.0f}", *(_cell(value, ratio=ratio) for value in row.values)) for row in shown], headers
        )
    )
    if len(shown) < len(comparison.rows):
        lines.append(f"{len(shown)} of {len(comparison.rows)} token counts; --json has all")
    if any(value is not None and value.doubted for row in shown for value in row.values):
        lines.append("? the device doubted what this rests on")
    if lacking:
        lines.append(f"The full model of {', '.join(lacking)} was not measured, so there is no ratio to it.")
    return "\n".join(lines)


def _shown(rows: Sequence[Row]) -> list[Row]:
    """At most `MOST_ROWS` rows, evenly, of those that most curves have a point in."""
    if not rows:
        return []
    filled = [sum(value is not None for value in row.values) for row in rows]
    best = [row for row, number in zip(rows, filled, strict=True) if number == max(filled)]
    step = max(1, -(-len(best) // MOST_ROWS))
    # From the full model down, which is what all else is measured by.
    return best[::-1][::step]


def _cell(value: Value | None, *, ratio: bool) -> str:
    if value is None:
        return ""
    mark = " ?" if value.doubted else ""
    if not ratio:
        return f"{value.latency_ns / 1e6:.3f} ({value.low_ns / 1e6:.3f}-{value.high_ns / 1e6:.3f}){mark}"
    if value.ratio is None:
        return ""
    return f"{value.ratio:.3f} ({value.ratio_low:.3f}-{value.ratio_high:.3f}){mark}"


def _crossings(comparison: Comparison) -> str:
    if not comparison.crossings:
        return ""
    rows = [
        (
            f"#{one.below}",
            f"up to {one.after_tokens}",
            f"#{one.above}",
            f"from {one.next_tokens}",
            "doubted" if one.doubted else "",
        )
        for one in comparison.crossings
    ]
    title = "Where another becomes the faster one (95 % intervals apart at two counts in a row)"
    return f"{title}\n{_table(rows, ('faster', 'tokens', 'then', 'tokens', ''))}"


def _steps(comparison: Comparison) -> str:
    if not comparison.steps:
        return "No steps were found on any of them."
    shown = sorted(comparison.steps, key=_prominence, reverse=True)[:MOST_ROWS]
    rows = [_step(one) for one in sorted(shown, key=lambda one: one.low_tokens)]
    things = [one.thing for one in comparison.steps[0].along]
    headers = ("after", "", "shared", *things, "change of latency")
    lines = ["Steps, and who has them", _table(rows, headers)]
    if len(shown) < len(comparison.steps):
        lines.append(f"the {len(shown)} most shared and largest of {len(comparison.steps)}; --json has all")
    return "\n".join(lines)


def _prominence(step: StepThere) -> tuple[int, float]:
    return len(step.here), max(abs(here.change_percent) for here in step.here)


def _step(step: StepThere) -> tuple[str, ...]:
    shared = f"{len(step.here)} of {step.looked}" if step.shared else f"only here, of {step.looked}"
    sizes = ", ".join(
        f"#{here.curve} {here.change_percent:+.1f} %{'' if here.confirmed else ' candidate'}" for here in step.here
    )
    along = (one.words for one in step.along)
    return step.place, "up" if step.up else "down", shared, *along, sizes


def _timeline(timeline: Timeline) -> str:
    numbers = ", ".join(f"#{number}" for number in timeline.curves)
    lines = [f"Over time: {timeline.of} ({numbers})"]
    for change in timeline.changes:
        words = f"{change.words} One of these curves is doubted." if change.doubted else change.words
        lines += textwrap.wrap(words, WIDTH, initial_indent="- ", subsequent_indent="  ")
    return "\n".join([*lines, *textwrap.wrap(timeline.words, WIDTH)])
