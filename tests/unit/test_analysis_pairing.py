"""Which steps are timed in pairs, and that a step is confirmed by its pairs and by nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from agent.wire.conditions import Doubt, DoubtReason
from agent.wire.jobs import Order
from orchestrator.analysis.confirmation import LOOKS
from orchestrator.analysis.pairing import pairs_wanted, usual_between, with_pairs
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.steps import Slope, Step, StepsFound, StepsOutcome

THROTTLED = Doubt(reason=DoubtReason.THROTTLED, evidence="the throttle flag was set")
BASE_NS = 1_000_000


def a_step(after: int, *, change_ns: float = 50_000) -> Step:
    return Step(
        after_tokens=after,
        next_tokens=after + 1,
        change_ns=change_ns,
        change_percent=5.0,
        interval_low_ns=change_ns - 1_000,
        interval_high_ns=change_ns + 1_000,
        z=6.0,
    )


def found(*steps: Step, slopes: Sequence[Slope] = ()) -> StepsFound:
    return StepsFound(outcome=StepsOutcome.FOUND, steps=steps, explanation="found", slopes=tuple(slopes))


def a_slope(ns_per_token: float, *, from_tokens: int, to_tokens: int, error_ns: float = 0.0) -> Slope:
    low_ns, high_ns = ns_per_token - error_ns, ns_per_token + error_ns
    return Slope(
        from_tokens=from_tokens, to_tokens=to_tokens, ns_per_token=ns_per_token, low_ns=low_ns, high_ns=high_ns
    )


def pairs(after: int, count: int, *, change_ns: float, noise_ns: float = 2_000) -> list[PassReadings]:
    """``count`` passes of one pair each."""
    generator = np.random.default_rng(after)
    passes = []
    for number in range(count):
        turn = slice(None, None, 1 if number % 2 == 0 else -1)
        latency_ns = BASE_NS + np.array([0, change_ns]) + noise_ns * generator.standard_normal(2)
        passes.append(
            PassReadings(
                fence=1,
                round=3,
                number=number,
                complete=True,
                tokens=np.array([after, after + 1], np.int64)[turn],
                start_ns=np.arange(2, dtype=np.int64),
                latency_ns=np.rint(latency_ns).astype(np.int64)[turn],
                accepted=np.ones(2, np.bool_),
                order=Order.ALTERNATING,
            )
        )
    return passes


def test_a_step_is_confirmed_by_pairs_that_jump_the_same_way() -> None:
    (step,) = with_pairs(found(a_step(96)), pairs(96, 10, change_ns=50_000)).steps

    assert step.confirmed
    assert step.paired is not None
    assert step.paired.pairs == 10


def test_pairs_that_jump_the_other_way_confirm_nothing() -> None:
    (step,) = with_pairs(found(a_step(96)), pairs(96, 10, change_ns=-50_000)).steps

    assert not step.confirmed
    assert step.paired is not None


def test_without_pairs_a_step_stays_as_it_was() -> None:
    assert with_pairs(found(a_step(96)), pairs(40, 10, change_ns=50_000)).steps == (a_step(96),)


@pytest.mark.parametrize(("order", "doubts"), [(Order.SHUFFLED, ()), (Order.ALTERNATING, (THROTTLED,))])
def test_shuffled_neighbours_and_pairs_of_a_throttled_device_confirm_nothing(
    order: Order, doubts: tuple[Doubt, ...]
) -> None:
    passes = [replace(one, order=order, doubts=doubts) for one in pairs(96, 30, change_ns=50_000)]

    assert with_pairs(found(a_step(96)), passes).steps == (a_step(96),)


def test_what_the_slope_brings_from_one_token_to_the_next_confirms_no_step() -> None:
    slopes = [a_slope(50_000, from_tokens=2, to_tokens=96), a_slope(50_000, from_tokens=97, to_tokens=197)]
    passes = pairs(96, 30, change_ns=50_000)

    assert with_pairs(found(a_step(96)), passes).steps[0].confirmed
    assert not with_pairs(found(a_step(96), slopes=slopes), passes).steps[0].confirmed


def test_a_slope_counts_only_as_far_as_it_is_sure() -> None:
    slopes = [
        a_slope(50, from_tokens=2, to_tokens=96, error_ns=20),
        a_slope(-9, from_tokens=97, to_tokens=99, error_ns=10),
    ]

    assert usual_between(a_step(96), slopes) == (0.0, 30.0)


def test_every_candidate_is_timed_until_the_next_look_and_those_behind_come_first() -> None:
    ahead, behind = a_step(40), a_step(96)
    judged = with_pairs(found(ahead, behind), [*pairs(40, 10, change_ns=0), *pairs(96, 4, change_ns=0)])

    wanted = pairs_wanted(judged)

    assert wanted is not None
    assert (wanted.tokens, wanted.passes) == ((96, 97), 6)


def test_a_step_that_is_confirmed_or_was_looked_at_for_the_last_time_is_timed_no_more() -> None:
    sure, undecided = a_step(40), a_step(96)
    passes = [*pairs(40, 10, change_ns=50_000), *pairs(96, LOOKS[-1], change_ns=0)]

    assert pairs_wanted(with_pairs(found(sure, undecided), passes)) is None
    assert pairs_wanted(found()) is None


def test_no_count_is_in_two_pairs_of_one_round() -> None:
    wanted = pairs_wanted(found(a_step(40), a_step(41), a_step(96)))

    assert wanted is not None
    assert wanted.tokens == (40, 41, 96, 97)
