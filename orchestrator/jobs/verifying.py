"""Whether schedules can be verified, and what each must beat: pure decisions."""

from __future__ import annotations

from collections.abc import Sequence

from agent.vit.fitting import misfit
from agent.wire.jobs import ModelFacts, Runtime
from agent.wire.schedules import Schedule
from orchestrator.analysis.proving import Entry
from orchestrator.analysis.schedules import uniform_beside
from orchestrator.errors import BadRequest


def entries_for(schedules: Sequence[Schedule], facts: ModelFacts, runtime: Runtime) -> tuple[Entry, ...]:
    """The schedules with what each must beat, as a device can time them.

    Raises:
        BadRequest: naming the schedule that is for another model, prunes nothing or stands twice, or a runtime to which
            no schedule can be applied.
    """
    if runtime is Runtime.ONNXRUNTIME:
        raise BadRequest(
            "No schedule can be applied to an exported model, and the curve is of the runtime onnxruntime.",
            "Verify on a curve of the runtime eager or compile-static.",
        )
    if len(set(schedules)) != len(schedules):
        raise BadRequest("The same schedule is asked for twice.", "Name each once.")
    return tuple(_entry(place, schedule, facts) for place, schedule in enumerate(schedules))


def _entry(place: int, schedule: Schedule, facts: ModelFacts) -> Entry:
    found = misfit(schedule, blocks=facts.blocks, tokens=facts.tokens, prefix_tokens=facts.prefix_tokens)
    if found is not None:
        raise BadRequest(f"schedules[{place}]: {found.message}", found.advice)
    if not schedule.prunes:
        raise BadRequest(
            f"schedules[{place}] prunes nothing, so there is nothing to prove.", "Name a schedule that removes tokens."
        )
    uniform = uniform_beside(schedule)
    # Uniform pruning itself has only the plain model to beat, as has what removes less than a token a block.
    beaten = uniform is not None and uniform != schedule and uniform.prunes
    return Entry(schedule=schedule, uniform=uniform if beaten else None)
