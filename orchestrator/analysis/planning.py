"""What a device is asked to measure next: a pure function of the plan, the model and what came back so far.

A plan that is exhaustive asks for every count, then for what is still missing. Any other searches: a coarse grid, then
the places that are not sure (`orchestrator.analysis.searching`). Either way the steps found are timed in pairs, where
the plan wants them confirmed, and blocks in place come last. A budget cuts what is asked short, and that is said.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from agent.wire.codec import Message, WireError, from_plain
from agent.wire.fields import MOST_TOKENS, Range, Tokens
from agent.wire.jobs import MOST_BUDGET_READINGS, ModelFacts, Order, Round, Subject
from orchestrator.analysis.blocks import blocks_round
from orchestrator.analysis.budget import Left, left_of
from orchestrator.analysis.curve import ENOUGH_READINGS, Measured, PassReadings, accepted_per_count, measured_of
from orchestrator.analysis.pairing import MOST_PAIR_ROUNDS, pairs_wanted, with_pairs
from orchestrator.analysis.pieces import pieces_of
from orchestrator.analysis.searching import Effort, Look, grid_of, looks_of, spacing_of
from orchestrator.analysis.steps import find_steps

MOST_REPAIRS = 3
"""Rounds that ask again for a count whose readings were rejected. A device that is busy by then stays so."""

MOST_ROUNDS = 24
"""Rounds of a search; places are given up long before, so this is a promise that every job ends."""

USUAL_NARROWEST = 8
"""Tokens of the narrowest plateau that a search looks for by itself: no hardware tile is known to be smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Message):
    """What a person may choose for a sweep; None for as few or as many tokens as the model allows, or for no limit.

    ``stride`` is the distance between counts, from the largest down. The untouched model is always measured too. With
    ``exhaustive`` every count is visited ``passes`` times; else a search looks for steps, on a grid that no plateau of
    ``narrowest`` tokens slips through, and ``passes`` is about what a count beside a step gets. With ``confirm`` each
    step found is timed in pairs. ``budget_readings`` and ``budget_s``, seconds of the device, limit all of it. With
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
    exhaustive: bool = False
    narrowest: Annotated[int, Range(1, MOST_TOKENS)] = USUAL_NARROWEST
    confirm: bool = True
    budget_s: Annotated[float, Range(1, 86_400)] | None = None
    budget_readings: Annotated[int, Range(10, MOST_BUDGET_READINGS)] | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.min_tokens is not None and self.max_tokens is not None and self.min_tokens > self.max_tokens:
            raise WireError("min_tokens", f"must not be above max_tokens, {self.max_tokens}")


BEFORE_SEARCHES = {"exhaustive": True, "confirm": False}
"""What a plan meant that was stored before there was a search."""


def stored_plan(plain: Mapping[str, Any]) -> Plan:
    """The plan that was stored as ``plain``, with the meaning it had when it was."""
    return from_plain(Plan, {**BEFORE_SEARCHES, **plain})


def counts_of(plan: Plan, facts: ModelFacts) -> tuple[int, ...]:
    """The token counts that ``plan`` may ask for, ascending: at least 2, one beyond the prefix, and always all."""
    fewest = max(2, facts.prefix_tokens + 1, plan.min_tokens or 0)
    most = min(facts.tokens, plan.max_tokens or facts.tokens)
    return tuple(sorted({*range(most, fewest - 1, -plan.stride), facts.tokens}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked so far: ``visits`` of each count, in how many ``rounds`` it was, and how many of either order.

    Visits asked for count, not those that came back: a device that rejects everything ends its job too.
    """

    number: int = 0
    shuffled: int = 0
    paired: int = 0
    visits: Mapping[int, int] = field(default_factory=dict)
    rounds: Mapping[int, int] = field(default_factory=dict)


def asked_in(rounds: Iterable[Round]) -> Asked:
    """What ``rounds`` asked of the whole model."""
    visits: Counter[int] = Counter()
    times: Counter[int] = Counter()
    number = shuffled = paired = 0
    for one in rounds:
        number = max(number, one.number + 1)
        if one.subject is not Subject.MODEL:
            continue
        if one.order is Order.ALTERNATING:
            paired += 1
            continue
        shuffled += 1
        visits.update(dict.fromkeys(one.tokens, one.max_passes))
        times.update(one.tokens)
    return Asked(number=number, shuffled=shuffled, paired=paired, visits=visits, rounds=times)


def next_round(plan: Plan, facts: ModelFacts, rounds: Sequence[Round], passes: Sequence[PassReadings]) -> Round | None:
    """The round that follows ``rounds``, all of them done, of which ``passes`` came back; None when the job is done."""
    if any(asked.subject is Subject.BLOCKS for asked in rounds):
        return None
    following = _of_the_model(plan, facts, asked_in(rounds), passes)
    if following is None and plan.blocks:
        return blocks_round(facts, passes, number=len(rounds), passes_asked=plan.passes, seed=plan.seed)
    return following


def budget_used_up(plan: Plan, facts: ModelFacts, rounds: Sequence[Round], passes: Sequence[PassReadings]) -> bool:
    """Whether nothing more is asked of the model because the budget does not allow it."""
    if plan.budget_s is None and plan.budget_readings is None:
        return False
    unlimited = dataclasses.replace(plan, budget_s=None, budget_readings=None)
    asked = asked_in(rounds)
    if _of_the_model(plan, facts, asked, passes) is not None:
        return False
    return _of_the_model(unlimited, facts, asked, passes) is not None


def _of_the_model(plan: Plan, facts: ModelFacts, asked: Asked, passes: Sequence[PassReadings]) -> Round | None:
    counts = counts_of(plan, facts)
    measured = measured_of(passes)
    wish = _Wish(plan, facts, asked, left_of(plan.budget_readings, plan.budget_s, passes, measured.curve))
    if not asked.shuffled:
        return wish.first(counts)
    repair = _repair(plan, counts, asked, passes)
    if repair is not None:
        return wish.cut([repair])
    if not plan.exhaustive and asked.shuffled < MOST_ROUNDS:
        looks = looks_of(measured.curve, counts, asked.visits, _effort(plan, counts), asked.shuffled)
        if looks:
            return wish.cut(looks)
    return wish.pairs(measured, passes) if plan.confirm and asked.paired < MOST_PAIR_ROUNDS else None


def _effort(plan: Plan, counts: Sequence[int]) -> Effort:
    spacing = spacing_of(plan.narrowest, plan.stride, len(counts))
    return Effort.of(plan.passes, len(grid_of(counts, spacing)))


def _repair(plan: Plan, counts: Sequence[int], asked: Asked, passes: Sequence[PassReadings]) -> Look | None:
    """The counts with too few accepted readings, with one pass more than is missing: what was rejected may be again."""
    enough = min(ENOUGH_READINGS, plan.passes if plan.exhaustive else _effort(plan, counts).first)
    found = accepted_per_count(passes)
    missing = {
        tokens: enough - found.get(tokens, 0)
        for tokens in counts
        if 0 < asked.rounds.get(tokens, 0) <= MOST_REPAIRS and found.get(tokens, 0) < enough
    }
    return Look(tokens=tuple(missing), passes=max(missing.values()) + 1) if missing else None


@dataclass(frozen=True, slots=True)
class _Wish:
    """Rounds as they are wished for, cut to what is left of the budget."""

    plan: Plan
    facts: ModelFacts
    asked: Asked
    left: Left

    def first(self, counts: Sequence[int]) -> Round:
        """The first round, however small the budget: a job without a reading says nothing at all."""
        if self.plan.exhaustive:
            spacing, passes = 1, self.plan.passes
        else:
            spacing = spacing_of(self.plan.narrowest, self.plan.stride, len(counts))
            passes = _effort(self.plan, counts).first
        tokens = grid_of(counts, spacing)
        while len(tokens) > 2 and self.left.passes_for(tokens, self.facts.tokens) < min(passes, 2):
            spacing *= 2
            tokens = grid_of(counts, spacing)
        affordable = max(self.left.passes_for(tokens, self.facts.tokens), 1)
        return self._round(tokens, int(min(passes, affordable)))

    def cut(self, looks: Sequence[Look]) -> Round | None:
        """One round for as many of ``looks``, the first foremost, as can be paid for; None for none of them."""
        chosen: set[int] = set()
        passes = max(look.passes for look in looks)
        for look in looks:
            wider = sorted(chosen | set(look.tokens))
            if self.left.passes_for(wider, self.facts.tokens) >= passes:
                chosen.update(wider)
        return self._round(tuple(sorted(chosen)), passes) if chosen else None

    def pairs(self, measured: Measured, passes: Sequence[PassReadings]) -> Round | None:
        """The steps to time in pairs, the clearest first where not all can be paid for."""
        found = find_steps(measured.curve, pieces_of(measured.curve), measured.per_pass_ns)
        wanted = pairs_wanted(with_pairs(found, passes))
        if wanted is None:
            return None
        tokens = wanted.tokens
        while tokens and self.left.passes_for(tokens, self.facts.tokens, Order.ALTERNATING) < wanted.passes:
            tokens = tokens[:-2]
        return self._round(tokens, wanted.passes, Order.ALTERNATING) if tokens else None

    def _round(self, tokens: tuple[int, ...], passes: int, order: Order = Order.SHUFFLED) -> Round:
        limited = not self.left.unlimited
        return Round(
            number=self.asked.number,
            order=order,
            tokens=tokens,
            sentinel=self.facts.tokens,
            min_passes=1 if limited else passes,
            max_passes=passes,
            budget_s=self.left.seconds,
            budget_readings=self.left.readings,
            seed=(self.plan.seed + self.asked.number) % 2**32,
        )
