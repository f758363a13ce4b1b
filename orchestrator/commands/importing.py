"""``stepfarm curves import``: curves that were measured elsewhere."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from agent.clock import SystemClock
from agent.config import Settings
from agent.errors import StepfarmError
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import Workload
from orchestrator.commands.files import reading
from orchestrator.commands.output import print_json, take_json
from orchestrator.commands.workloads import take_workloads, workloads

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.curves.file import CurveFile
    from orchestrator.curves.foreign import Said
    from orchestrator.views import CurveTaken

NEEDED = ("device", "kind", "model")
OTHERS = ("tokens", "prefix_tokens", "blocks")


def add(subcommands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    command = subcommands.add_parser("import", help="curves that were measured elsewhere, from files")
    command.add_argument(
        "files", nargs="+", metavar="FILE", help="a curve as JSON; or CSV with the columns tokens and latency_ns"
    )
    told = command.add_argument_group(
        "what a CSV file is of, which it does not say itself",
        "with the options of the workload above; on a CPU the number of threads must be said",
    )
    told.add_argument("--device", metavar="NAME", help="the device that was measured")
    told.add_argument("--kind", choices=[kind.value for kind in DeviceKind], help="what sort of machine it is")
    told.add_argument("--model", metavar="MODEL", help="name of the timm model")
    told.add_argument("--tokens", type=int, metavar="N", help="tokens of the full model (default: the largest count)")
    told.add_argument("--prefix-tokens", type=int, metavar="N", help="class and register tokens (default: by the name)")
    told.add_argument("--blocks", type=int, metavar="N", help="blocks of the model (default: by the name)")
    take_workloads(command, several=False)
    take_json(command)
    command.set_defaults(run=_import)


def _import(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    # All are read before one is sent: a mistake in the last leaves nothing half done.
    files = [_read(source, options) for source in options.files]
    client = Client()
    taken = [client.import_curve(file) for file in files]
    if options.json:
        print_json(tuple(taken))
        return 0
    for source, one in zip(options.files, taken, strict=True):
        print(f"{source}: {_in_words(one)}")
    return 0


def _read(source: str, options: argparse.Namespace) -> CurveFile:
    from orchestrator.curves.csv_readings import read_csv
    from orchestrator.curves.file import MAX_FILE_BYTES, looks_like_one, read
    from orchestrator.curves.foreign import curve_of

    with reading(source) as (stream, name):
        if looks_like_one(stream.peek()):
            _refuse_options_of_csv(source, options)
            return read(stream.read(MAX_FILE_BYTES + 1), name)
        said = _said(source, options)
        return curve_of(read_csv(stream, name), said, source=name, now_ms=SystemClock().epoch_ms())


def _refuse_options_of_csv(source: str, options: argparse.Namespace) -> None:
    given = [f"--{name.replace('_', '-')}" for name in (*NEEDED, *OTHERS) if getattr(options, name) is not None]
    if workloads(options) != [Workload()]:
        given.append("the options of the workload")
    if given:
        shown = " and ".join(given)
        raise StepfarmError(f"{source} says itself what it is of.", f"Leave out {shown}: that is for CSV files.")


def _said(source: str, options: argparse.Namespace) -> Said:
    from orchestrator.curves.foreign import Said

    missing = [name for name in NEEDED if getattr(options, name) is None]
    if missing:
        shown = " ".join(f"--{name} {name.upper()}" for name in missing)
        raise StepfarmError(f"{source} is a CSV file, which does not say what it is of.", f"Say so: {shown}")
    (workload,) = workloads(options)
    return Said(
        device=options.device,
        kind=DeviceKind(options.kind),
        model=options.model,
        workload=workload,
        tokens=options.tokens,
        prefix_tokens=options.prefix_tokens,
        blocks=options.blocks,
    )


def _in_words(taken: CurveTaken) -> str:
    from orchestrator.commands.curves import title_of_curve

    summary = taken.curve
    if taken.known:
        return f"here already as curve {summary.id}"
    facts = summary.facts
    made_of = f"{facts.tokens} tokens, {facts.prefix_tokens} of them prefix, {facts.blocks} blocks"
    return f"curve {summary.id}, {title_of_curve(summary)}; {made_of}, {facts.image_size} px"
