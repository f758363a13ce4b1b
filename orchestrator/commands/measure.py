"""``stepfarm measure``: this machine alone, no server."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.errors import StepfarmError
from orchestrator.commands.files import STANDARD, print_pieces, write_whole
from orchestrator.commands.output import need, shows_unicode

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from agent.wire.jobs import Round, Workload
    from orchestrator.alone import Measurement


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("measure", help="measure a model on this machine alone: curve, steps, sweet spots")
    command.add_argument("model", metavar="MODEL", help="name of a timm model, such as deit_tiny_patch16_224")
    command.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write readings and analysis as stepfarm curves import takes them (- for the screen)",
    )
    command.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curve")
    from orchestrator.commands.workloads import take_plan, take_workloads

    take_workloads(command, several=False)
    take_plan(command)
    command.set_defaults(run=_measure)


def _measure(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.commands.workloads import plan, workloads

    for module in ("numpy", "torch", "timm"):
        need(module, "torch")
    (workload,) = workloads(options)
    for path in (options.json, options.plot):
        _refuse_unwritable(path)
    measurement = _with_progress(options.model, workload, plan(options))
    _show(measurement, options)
    return 0


def _with_progress(model: str, workload: Workload, plan: Any) -> Measurement:
    from tqdm import tqdm

    from orchestrator.alone import measure

    planned: dict[int, int] = {}
    with tqdm(total=plan.passes, desc=model, unit="pass", dynamic_ncols=True) as bar:

        def told(round_: Round, passes: int) -> None:
            planned[round_.number] = max(round_.max_passes, passes)
            bar.total = sum(planned.values())
            bar.n = bar.total - planned[round_.number] + passes
            bar.set_postfix_str(f"round {round_.number}, {len(round_.tokens)} counts")

        return measure(model, workload, plan=plan, told=told, say=bar.write)


def _refuse_unwritable(path: Path | None) -> None:
    # Before measuring: minutes of measurements must not end in a typing error.
    if path is None or str(path) == STANDARD:
        return
    try:
        there = path.exists()
        with path.open("ab"):
            pass
        if not there:
            path.unlink()
    except OSError as error:
        raise StepfarmError(f"{path} cannot be written: {error.strerror}.", "Choose another file.") from None


def _show(measurement: Measurement, options: argparse.Namespace) -> None:
    from orchestrator.commands.workloads import title_of
    from orchestrator.report import curve_table

    title = title_of(measurement.model, measurement.workload, platform.node() or "this machine")
    on_screen = options.json is not None and str(options.json) == STANDARD
    if not on_screen:
        print(curve_table(measurement.analysis, title=title, unicode=shows_unicode()))
    if options.json is not None:
        text = _as_json(measurement)
        print_pieces([text]) if on_screen else write_whole(options.json, text.encode())
    if options.plot is not None:
        from orchestrator.picture import draw

        draw(measurement.analysis, title, options.plot)


def _as_json(measurement: Measurement) -> str:
    from agent.cli import default_name
    from orchestrator.curves.file import write

    return write(measurement.curve_file(default_name()))
