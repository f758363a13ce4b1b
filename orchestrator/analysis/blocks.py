"""Blocks timed in place: what is asked of a device, so that the latency of a schedule can be predicted."""

from __future__ import annotations

from collections.abc import Sequence

from agent.wire.jobs import ModelFacts, Round, Runtime, Subject, Workload
from agent.wire.readings import most_readings
from orchestrator.analysis.curve import accepted_per_count
from orchestrator.analysis.passes import PassReadings

SENTINEL_EVERY = 30
"""As in a round of the whole model."""


def blocks_round(
    facts: ModelFacts, passes: Sequence[PassReadings], *, number: int, passes_asked: int, seed: int
) -> Round | None:
    """The round ``number`` that times the blocks at the counts at which ``passes`` timed the whole model.

    A prediction needs both at the same counts. Where they are more than a pass has room for, every second or third is
    left out from the largest down. None where not one reading of the whole model was accepted.
    """
    counts = sorted(tokens for tokens, accepted in accepted_per_count(passes).items() if accepted)
    if not counts:
        return None
    # One visit a count, a sentinel before every 30, and one last.
    room = (most_readings(facts.blocks) - 2) * SENTINEL_EVERY // (SENTINEL_EVERY + 1)
    stride = -(-len(counts) // room)
    return Round(
        number=number,
        subject=Subject.BLOCKS,
        tokens=tuple(sorted(counts[::-stride])),
        sentinel=facts.tokens,
        sentinel_every=SENTINEL_EVERY,
        min_passes=passes_asked,
        max_passes=passes_asked,
        seed=(seed + number) % 2**32,
    )


def refusal_of_blocks(workload: Workload) -> str | None:
    """Why the blocks of a model cannot be timed in place at this workload; None where they can."""
    if workload.runtime is Runtime.EAGER:
        return None
    return f"must be eager where blocks are timed in place: {workload.runtime.value} executes the model as one piece"
