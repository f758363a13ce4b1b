"""``stepfarm steps``: the steps and sweet spots of a stored curve, or of readings in a file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.wire.codec import to_plain
from orchestrator.commands.options import take_counts
from orchestrator.commands.output import need, take_json

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.analysis.analyse import Analysis
    from orchestrator.analysis.confirmation import Confirmation
    from orchestrator.analysis.steps import Step
    from orchestrator.analysis.sweet_spots import SweetSpot

TOLD = {
    "column": "told by the file's columns",
    "appearance": "not told by the file: the k-th reading of a count was taken for one of pass k",
    "curve": "as they were measured",
}
"""How it was told which readings belong together, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found, and in what. ``told`` is a key of `TOLD`."""

    source: str
    title: str
    simulated: bool
    told: str
    analysis: Analysis


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("steps", help="steps and sweet spots of a stored curve, or of readings in a file")
    command.add_argument(
        "source",
        metavar="CURVE|FILE",
        help="the number of a stored curve; or a file, CSV with the columns tokens and latency_ns, one row a reading, "
        "or a curve as JSON; - is standard input",
    )
    take_counts(command)
    take_json(command)
    command.set_defaults(run=_steps)


def _steps(options: argparse.Namespace, _settings: Settings) -> int:
    stored = options.source.isascii() and options.source.isdigit()
    found = _of_curve(int(options.source)) if stored else _of_file(options.source)
    if options.json:
        print(json.dumps(as_plain(found, options.tokens), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(as_text(found, options.tokens))
    return 0


def _of_curve(curve_id: int) -> Found:
    from orchestrator.client import Client
    from orchestrator.commands.curves import title_of_curve

    view = Client().curve(curve_id)
    return Found(
        source=f"curve {curve_id}",
        title=title_of_curve(view.summary),
        simulated=view.summary.simulated,
        told="curve",
        analysis=view.analysis,
    )


def _of_file(source: str) -> Found:
    from orchestrator.analysis.analyse import analyse
    from orchestrator.commands.files import reading
    from orchestrator.commands.workloads import title_of
    from orchestrator.curves.csv_readings import read_csv
    from orchestrator.curves.file import MAX_FILE_BYTES, analysable, looks_like_one, read

    with reading(source) as (stream, name):
        if looks_like_one(stream.peek()):
            one = read(stream.read(MAX_FILE_BYTES + 1), name)
            title = title_of(one.model, one.workload, f"{one.device} ({one.device_kind.value})")
            passes, told, simulated = one.passes, "curve", one.simulated
        else:
            readings = read_csv(stream, name)
            passes, told, simulated = readings.passes, readings.told.value, readings.simulated
            title = f"{name} (simulated)" if simulated else name
    return Found(source=name, title=title, simulated=simulated, told=told, analysis=analyse(analysable(passes)))


def as_plain(found: Found, counts: Sequence[int] = ()) -> dict[str, Any]:
    """What ``--json`` prints, with advice for the ``counts`` in mind."""
    from orchestrator.analysis.advice import advice_for

    analysis = found.analysis
    return {
        "source": found.source,
        "simulated": found.simulated,
        "outcome": analysis.steps.outcome.value,
        "explanation": analysis.steps.explanation,
        "steps": [_plain_step(step) for step in analysis.steps.steps],
        "unsure": [list(one) for one in analysis.steps.unsure],
        "budget_used_up": analysis.steps.budget_used_up,
        "sweet_spots": [_plain_spot(spot) for spot in analysis.sweet_spots],
        "advice": [to_plain(advice_for(analysis, tokens)) for tokens in counts],
        "doubts": [{"reason": doubt.reason.value, "evidence": doubt.evidence} for doubt in analysis.curve.doubts],
        "point_doubts": [
            {"reason": doubt.reason.value, "evidence": doubt.evidence, "tokens": list(doubt.tokens)}
            for doubt in analysis.curve.point_doubts
        ],
        "passes": {"count": len(analysis.curve.factors), "told_by": found.told},
        "token_counts": len(analysis.curve.points),
        "readings": analysis.curve.readings,
        "rejected": analysis.curve.rejected,
        "method": analysis.method,
        "method_version": analysis.method_version,
    }


def _plain_step(step: Step) -> dict[str, Any]:
    from orchestrator.analysis.comparison import position_of

    return {
        "after_tokens": step.after_tokens,
        "next_tokens": step.next_tokens,
        "change_ns": step.change_ns,
        "change_percent": step.change_percent,
        "interval": [step.interval_low_ns, step.interval_high_ns],
        "lies_after": [position_of(step).low_tokens, position_of(step).high_tokens],
        "confidence": step.confidence,
        "doubted": step.doubted,
        "state": "confirmed" if step.confirmed else "candidate",
        "confirmed": step.confirmed,
        "paired": None if step.paired is None else _plain_paired(step.paired),
    }


def _plain_paired(paired: Confirmation) -> dict[str, Any]:
    interval = None if paired.low_ns is None else [paired.low_ns, paired.high_ns]
    return {"pairs": paired.pairs, "change_ns": paired.change_ns, "interval": interval}


def _plain_spot(spot: SweetSpot) -> dict[str, Any]:
    return {
        "tokens": spot.tokens,
        "kind": spot.kind.value,
        "latency_ns": spot.latency_ns,
        "interval": [spot.low_ns, spot.high_ns],
        "saves_percent": spot.saves_percent,
        "next_tokens": spot.next_tokens,
    }


def as_text(found: Found, counts: Sequence[int] = ()) -> str:
    """What is printed for a person."""
    need("tabulate", "orchestrator")
    from orchestrator.report import advice_list, doubts_list, headline, steps_table, sweet_spots_table

    analysis = found.analysis
    parts = [
        headline(analysis.curve, title=found.title),
        f"passes: {TOLD[found.told]}",
        steps_table(analysis.steps),
        sweet_spots_table(analysis.sweet_spots),
        advice_list(analysis, counts),
        doubts_list(analysis.curve),
    ]
    return "\n\n".join(part for part in parts if part)
