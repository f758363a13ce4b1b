"""``stepfarm measure``: this machine alone, no server."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.errors import StepfarmError
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
        "--json", type=Path, metavar="FILE", help="write readings and analysis as JSON (- for the screen)"
    )
    command.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curve")
    from orchestrator.commands.workloads import take_plan, take_workloads

    take_workloads(command)
    take_plan(command)
    command.set_defaults(run=_measure)


def _measure(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.commands.workloads import plan, workloads

    for module in ("numpy", "torch", "timm"):
        need(module, "torch")
    wanted = workloads(options)
    if len(wanted) > 1:
        raise StepfarmError("One curve has one batch size.", "Run the command once for each, or queue a sweep.")
    for path in (options.json, options.plot):
        _refuse_unwritable(path)
    measurement = _with_progress(options.model, wanted[0], plan(options))
    _show(measurement, options)
    return 0


def _with_progress(model: str, workload: Workload, plan: Any) -> Measurement:
    from tqdm import tqdm

    from orchestrator.alone import measure

    with tqdm(total=plan.passes, desc=model, unit="pass", dynamic_ncols=True) as bar:

        def told(round_: Round, passes: int) -> None:
            bar.total = plan.passes + (round_.max_passes if round_.number else 0)
            bar.n = passes + (plan.passes if round_.number else 0)
            bar.refresh()

        return measure(model, workload, plan=plan, told=told)


def _refuse_unwritable(path: Path | None) -> None:
    # Before measuring: minutes of measurements must not end in a typing error.
    if path is None or str(path) == "-":
        return
    try:
        there = path.exists()
        with path.open("ab"):
            pass
        if not there:
            path.unlink()
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: Path, error: OSError) -> StepfarmError:
    return StepfarmError(f"{path} cannot be written: {error.strerror}.", "Choose another file.")


def _show(measurement: Measurement, options: argparse.Namespace) -> None:
    from agent.wire.codec import to_plain
    from orchestrator.commands.workloads import title_of
    from orchestrator.report import curve_table

    title = title_of(measurement.model, measurement.workload, platform.node() or "this machine")
    if options.json is not None and str(options.json) == "-":
        print(json.dumps(to_plain(measurement), indent=1, allow_nan=False))
    else:
        print(curve_table(measurement.analysis, title=title, unicode=shows_unicode()))
        if options.json is not None:
            _write_json(options.json, json.dumps(to_plain(measurement), indent=1, allow_nan=False))
    if options.plot is not None:
        from orchestrator.picture import draw

        draw(measurement.analysis, title, options.plot)


def _write_json(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise _cannot_write(path, error) from None
