"""Which schedules an accuracy job tries: a pure decision, made when the device has said what it loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.accuracy import MOST_TRIED, Trial
from agent.wire.codec import Message, WireError
from agent.wire.fields import Items, Range, Tokens
from agent.wire.holdings import DatasetHeld, DatasetName, Images
from agent.wire.jobs import ModelFacts
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.shapes import DEPTH_SHARE

SHARES_KEPT = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""The single prunes that are tried where nobody names counts: what they keep of all tokens."""

IMAGES_AT_A_TIME = 32
"""The batch size of an accuracy job where nobody says: what a model answers does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyPlan(Message):
    """What a person wants to know: of so many images of a dataset, by these methods at these counts of a single prune.

    Without ``tokens`` the counts are spread evenly. ``schedules`` are tried beside them, as they are.
    """

    dataset: DatasetName
    images: Images = 5_000
    methods: Annotated[tuple[Method, ...], Items(len(Method))] = (Method.ONE_MORE,)
    tokens: Annotated[tuple[Tokens, ...], Items(MOST_TRIED)] = ()
    schedules: Annotated[tuple[Schedule, ...], Items(MOST_TRIED)] = ()
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        for name, values in (("methods", self.methods), ("tokens", self.tokens), ("schedules", self.schedules)):
            if len(set(values)) != len(values):
                raise WireError(name, "must not name the same twice")
        tried = len(self.methods) * len(self.tokens or SHARES_KEPT) + len(self.schedules)
        if tried > MOST_TRIED:
            raise WireError("tokens", f"makes {tried} schedules with the others; {MOST_TRIED} are the most")


def trial_of(plan: AccuracyPlan, facts: ModelFacts, dataset: DatasetHeld, *, batch_images: int) -> Trial:
    """The trial that ``plan`` means for the model that was loaded.

    Counts that a method cannot reach in one block are left out where nobody named them.

    Raises:
        WireError: a count that was named cannot be kept in this model, by name of the method.
    """
    schedules = [
        schedule
        for method in plan.methods
        for schedule in _single_prunes(method, plan.tokens, facts)
        if schedule.prunes
    ]
    return Trial(
        images=min(plan.images, dataset.images),
        batch_images=batch_images,
        seed=plan.seed,
        schedules=tuple(dict.fromkeys((*schedules, *plan.schedules))),
    )


def _single_prunes(method: Method, named: tuple[int, ...], facts: ModelFacts) -> list[Schedule]:
    def pruned_to(keep: int) -> Schedule:
        return Schedule.pruned_once(
            method,
            tokens=facts.tokens,
            prefix_tokens=facts.prefix_tokens,
            blocks=facts.blocks,
            block=facts.blocks // DEPTH_SHARE,
            keep=keep,
        )

    if named:
        return [pruned_to(keep) for keep in sorted(named, reverse=True)]
    fewest = pruned_to(facts.tokens).fewest_leaving(facts.tokens)
    return [pruned_to(keep) for share in SHARES_KEPT if (keep := round(share * facts.tokens)) >= fewest]
