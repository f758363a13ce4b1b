"""In what order a pass visits its token counts."""

from __future__ import annotations

import random

from agent.wire.jobs import Order, Round


def visits_of_pass(round_: Round, number: int) -> tuple[int, ...]:
    """The token counts that pass ``number`` visits, in order.

    Every count of the round comes once: shuffled, or two and two where the order is alternating. The sentinel comes
    first, then after every ``sentinel_every`` counts, and last, so that drift within the pass shows at both ends. The
    round's seed and the number give the order: the same pass measured again visits in the same order.
    """
    generator = random.Random(f"{round_.seed}/{number}")  # noqa: S311  # an order, no secret
    counts = _pairs(round_, number, generator) if round_.order is Order.ALTERNATING else _shuffled(round_, generator)
    every = round_.sentinel_every
    if round_.order is Order.ALTERNATING:
        every += every % 2  # so that no sentinel parts a pair
    visits: list[int] = []
    for start in range(0, len(counts), every):
        visits.append(round_.sentinel)
        visits.extend(counts[start : start + every])
    visits.append(round_.sentinel)
    return tuple(visits)


def _shuffled(round_: Round, generator: random.Random) -> list[int]:
    counts = list(round_.tokens)
    generator.shuffle(counts)
    return counts


def _pairs(round_: Round, number: int, generator: random.Random) -> list[int]:
    """Pair after pair, the pairs shuffled; each pass turns every pair round, so that neither count is always first."""
    pairs = list(zip(round_.tokens[::2], round_.tokens[1::2], strict=True))
    generator.shuffle(pairs)
    return [tokens for pair in pairs for tokens in (pair if number % 2 == 0 else pair[::-1])]
