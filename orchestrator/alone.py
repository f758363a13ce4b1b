"""Measuring this machine alone: the agent's child, the planner and the analysis in one process, without a server."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from agent.clock import Clock, SystemClock
from agent.device.describe import describe
from agent.measure.cooling import CoolDown
from agent.measure.isolation import MeasuringChild
from agent.measure.rounds import measure_round
from agent.measure.turn import Turn
from agent.vit.exporting import ExportWish, export_apart
from agent.wire.enrolment import DeviceDescription
from agent.wire.jobs import ModelFacts, Round, Runtime, Workload
from agent.wire.readings import Batch
from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.analysis.blocks import refusal_of_blocks
from orchestrator.analysis.passes import PassReadings, pass_of
from orchestrator.analysis.planning import Plan, budget_used_up, next_round
from orchestrator.analysis.steps import with_budget_used_up
from orchestrator.curves.file import CurveFile, view_of
from orchestrator.errors import BadRequest

FENCE = 1
"""Without leases there is one attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was measured on this machine, every reading of it, and what the analysis makes of it."""

    model: str
    workload: Workload
    facts: ModelFacts
    rounds: tuple[Round, ...]
    batches: tuple[Batch, ...]
    analysis: Analysis

    def curve_file(self, device: str, description: DeviceDescription | None = None) -> CurveFile:
        """The measurement as it is kept in files, and as an orchestrator imports it.

        Args:
            device: what this machine shall be called.
            description: what it is; by default what it says of itself.
        """
        described = description or describe()
        return CurveFile(
            source=f"stepfarm {version('stepfarm')}, measured alone",
            origin=None,
            device=device,
            device_kind=described.kind,
            description=described,
            model=self.model,
            workload=self.workload,
            facts=self.facts,
            created_ms=self.batches[0].started_ms,
            passes=tuple(view_of(batch, self.rounds[batch.round]) for batch in self.batches),
            analysis=self.analysis,
        )


@contextlib.contextmanager
def _exported(model: str, workload: Workload) -> Iterator[Path | None]:
    """The exported file that this workload measures, for as long as the context lasts; None where it measures none."""
    if workload.runtime is not Runtime.ONNXRUNTIME:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="stepfarm-measure-") as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(export_apart(ExportWish.of(model, workload)))
        yield path


def _turn_of(clock: Clock, say: Callable[[str], None]) -> AbstractContextManager[None]:
    never = threading.Event()  # a person who does not want to wait interrupts

    def wait(seconds: float) -> None:
        clock.wait(never, seconds)

    return Turn().waited_for(wait, say)


def measure(
    model: str,
    workload: Workload | None = None,
    *,
    plan: Plan | None = None,
    clock: Clock | None = None,
    told: Callable[[Round, int], None] | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> Measurement:
    """The token-latency curve of ``model``, a name of timm's, on this machine.

    Args:
        workload: what it is run with; by default batch 1 of float32 images on all cores, eager.
        plan: which counts, and in how many passes; by default a search for steps that are then confirmed.
        told: called after each pass with its round and how many passes of it are done.
        say: gets a line for people where the device cools down, or waits for another measurement of this machine.

    Raises:
        MeasurementFailed: the model cannot be measured here; the message says why and what to do.
        BadRequest: the plan does not fit the workload.
    """
    clock, workload, plan = clock or SystemClock(), workload or Workload(), plan or Plan()
    refusal = refusal_of_blocks(workload) if plan.blocks else None
    if refusal is not None:
        raise BadRequest(f"The runtime {refusal}.", "Leave --blocks out, or choose the runtime eager.")
    batches: list[Batch] = []
    passes: list[PassReadings] = []
    rounds: list[Round] = []
    with _exported(model, workload) as exported, _turn_of(clock, say), MeasuringChild(clock=clock) as child:
        facts = child.start(model, workload, exported=exported)
        cool_down = CoolDown(child.rest, say)
        while (round_ := next_round(plan, facts, rounds, passes)) is not None:

            def keep(batch: Batch, round_: Round = round_) -> None:
                batches.append(batch)
                passes.append(pass_of(batch, round_))
                if told is not None:
                    told(round_, batch.number + 1)

            measure_round(child, round_, passes_done=0, fence=FENCE, clock=clock, keep=keep, cool_down=cool_down)
            rounds.append(round_)
    return Measurement(
        model=model,
        workload=workload,
        facts=facts,
        rounds=tuple(rounds),
        batches=tuple(batches),
        analysis=_analysed(plan, facts, rounds, passes),
    )


def _analysed(plan: Plan, facts: ModelFacts, rounds: list[Round], passes: list[PassReadings]) -> Analysis:
    analysis = analyse(passes)
    if budget_used_up(plan, facts, rounds, passes):
        return replace(analysis, steps=with_budget_used_up(analysis.steps))
    return analysis
