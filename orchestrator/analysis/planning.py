"""What a device is asked to measure next. This planner asks for everything, then for what is still missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import MOST_TOKENS, Range, Tokens
from agent.wire.jobs import ModelFacts, Round, Subject
from orchestrator.analysis.blocks import blocks_round
from orchestrator.analysis.curve import ENOUGH_READINGS, PassReadings, accepted_per_count

MOST_REPAIRS = 3
"""Rounds that ask again for counts whose readings were rejected. A device that is busy by then stays so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Message):
    """What a person may choose for a sweep; None for as few or as many tokens as the model allows.

    ``stride`` is the distance between counts, from the largest down. The untouched model is always measured too. With
    ``blocks``, a round that times the blocks in place follows those of the whole model, as prediction needs it.

    Raises:
        WireError: a ValueError that names the field and what is wrong with it.
    """

    passes: Annotated[int, Range(1, 100)] = 7
    min_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    stride: Annotated[int, Range(1, MOST_TOKENS)] = 1
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0
    blocks: bool = False

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.min_tokens is not None and self.max_tokens is not None and self.min_tokens > self.max_tokens:
            raise WireError("min_tokens", f"must not be above max_tokens, {self.max_tokens}")


def counts_of(plan: Plan, facts: ModelFacts) -> tuple[int, ...]:
    """The token counts that ``plan`` asks of a model, ascending: at least 2, one beyond the prefix, and always all."""
    fewest = max(2, facts.prefix_tokens + 1, plan.min_tokens or 0)
    most = min(facts.tokens, plan.max_tokens or facts.tokens)
    return tuple(sorted({*range(most, fewest - 1, -plan.stride), facts.tokens}))


def next_round(plan: Plan, facts: ModelFacts, rounds: Sequence[Round], passes: Sequence[PassReadings]) -> Round | None:
    """The round that follows ``rounds``, all of them done, of which ``passes`` came back; None when the job is done."""
    if any(asked.subject is Subject.BLOCKS for asked in rounds):
        return None
    following = _of_the_model(plan, facts, rounds, passes)
    if following is None and plan.blocks:
        return blocks_round(facts, passes, number=len(rounds), passes_asked=plan.passes, seed=plan.seed)
    return following


def _of_the_model(
    plan: Plan, facts: ModelFacts, rounds: Sequence[Round], passes: Sequence[PassReadings]
) -> Round | None:
    counts = counts_of(plan, facts)
    if not rounds:
        return _round(plan, facts, number=0, counts=counts, passes=plan.passes)
    if len(rounds) > MOST_REPAIRS:
        return None
    enough = min(ENOUGH_READINGS, plan.passes)
    found = accepted_per_count(passes)
    missing = {tokens: enough - found.get(tokens, 0) for tokens in counts if found.get(tokens, 0) < enough}
    if not missing:
        return None
    # One pass more than is missing: what was rejected before may well be again.
    number = rounds[-1].number + 1
    return _round(plan, facts, number=number, counts=tuple(missing), passes=max(missing.values()) + 1)


def _round(plan: Plan, facts: ModelFacts, *, number: int, counts: tuple[int, ...], passes: int) -> Round:
    return Round(
        number=number,
        tokens=counts,
        sentinel=facts.tokens,
        min_passes=passes,
        max_passes=passes,
        seed=(plan.seed + number) % 2**32,
    )
