from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.curve import curve_of
from orchestrator.analysis.prediction import (
    ATTENTION_SHARE,
    CHOOSING_SHARE,
    BlocksMeasured,
    OutOfReach,
    blocks_of,
    predict,
    upper_costs,
)
from tests.support.curves import DEIT_COUNTS, passes_of_blocks, sawtooth, slope, some_passes

FULL, BLOCKS = 197, 12


@functools.cache
def timed(slower_by: float = 0.0, noise: float = 0.002, shares: tuple[float, ...] | None = None) -> BlocksMeasured:
    found = blocks_of(
        passes_of_blocks(sawtooth, slower_by=slower_by, noise=noise, shares=shares),
        curve_of(some_passes(sawtooth, noise=noise)),
    )
    assert found is not None
    return found


def a_schedule(*leaving: int, method: Method = Method.RANDOM) -> Schedule:
    return Schedule(method=method, tokens=FULL, prefix_tokens=1, leaving=(leaving + (leaving[-1],) * BLOCKS)[:BLOCKS])


def true_ns(schedule: Schedule, outside: float = 0.05) -> float:
    """What the model of `passes_of_blocks` takes under ``schedule``."""
    pairs = zip(schedule.entering, schedule.leaving, strict=True)
    blocks = sum(ATTENTION_SHARE * sawtooth(into) + (1 - ATTENTION_SHARE) * sawtooth(out) for into, out in pairs)
    choosing = sum(
        CHOOSING_SHARE[schedule.method] * sawtooth(into)
        for into, out in zip(schedule.entering, schedule.leaving, strict=True)
        if out < into
    )
    return (1 - outside) * (blocks + choosing) / BLOCKS + outside * sawtooth(schedule.leaving[-1])


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("leaving", [(197, 197, 197, 141), (190, 170, 150, 130, 128), (197,), (197, 64)])
def test_a_schedule_is_predicted_from_its_blocks_and_the_interval_holds_the_truth(
    method: Method, leaving: tuple[int, ...]
) -> None:
    if method is Method.TOKEN_MERGING and 64 in leaving:
        leaving = (197, 128, 96)
    schedule = a_schedule(*leaving, method=method)
    found = predict(timed(), schedule)
    assert found.latency_ns == pytest.approx(true_ns(schedule), rel=0.005)
    assert found.low_ns < true_ns(schedule) < found.high_ns


def test_one_scale_factor_takes_out_what_the_marks_between_the_blocks_add() -> None:
    marked = timed(slower_by=0.05)
    assert marked.scale == pytest.approx(1 / 1.05, rel=0.003)
    once = a_schedule(197, 197, 197, 141)
    assert predict(marked, once).latency_ns == pytest.approx(predict(timed(), once).latency_ns, rel=0.004)


def test_blocks_that_differ_are_each_taken_as_they_are() -> None:
    shares = (2.0, *(10 / 11,) * 11)
    late, early = a_schedule(*(197,) * 11, 100), a_schedule(100)
    uneven = timed(shares=shares)
    assert uneven.shares == pytest.approx(shares, rel=0.01)
    # Only the last block is pruned, and it is a small one here.
    saved = predict(uneven, a_schedule(197)).latency_ns - predict(uneven, late).latency_ns
    evenly = predict(timed(), a_schedule(197)).latency_ns - predict(timed(), late).latency_ns
    assert saved < evenly
    assert predict(uneven, early).latency_ns < predict(uneven, late).latency_ns


def test_noisier_blocks_give_a_wider_interval() -> None:
    once = a_schedule(197, 197, 197, 141)
    assert predict(timed(noise=0.05), once).error > predict(timed(), once).error


def test_between_two_counts_that_were_timed_a_block_is_on_the_line_between_them() -> None:
    counts = tuple(range(5, 198, 8))
    coarse = blocks_of(passes_of_blocks(slope, counts=counts), curve_of(some_passes(slope)))
    assert coarse is not None
    found = predict(coarse, a_schedule(197, 143))
    assert found.latency_ns == pytest.approx(
        predict(
            blocks_of(passes_of_blocks(slope), curve_of(some_passes(slope))) or coarse, a_schedule(197, 143)
        ).latency_ns,
        rel=0.01,
    )


def test_what_the_blocks_were_not_timed_at_is_refused_by_its_tokens() -> None:
    with pytest.raises(OutOfReach, match="timed at 2 to 197 tokens, and the schedule leaves 1"):
        predict(timed(), Schedule(method=Method.RANDOM, tokens=197, prefix_tokens=0, leaving=(1,) * BLOCKS))
    with pytest.raises(OutOfReach, match="a model of 2 blocks, and 12 were timed"):
        predict(timed(), Schedule(method=Method.RANDOM, tokens=197, prefix_tokens=1, leaving=(197, 100)))


def test_without_passes_of_blocks_or_a_curve_at_their_counts_there_is_nothing_to_predict_from() -> None:
    assert blocks_of(some_passes(), curve_of(some_passes())) is None
    assert blocks_of(passes_of_blocks(counts=(64, 197)), curve_of(some_passes(counts=(100, 110)))) is None
    rejected = [dataclasses.replace(one, accepted=np.zeros_like(one.accepted)) for one in passes_of_blocks()]
    assert blocks_of(rejected, curve_of(some_passes())) is None


def test_the_costs_that_are_searched_are_the_worst_that_blocks_may_take_and_never_let_tokens_grow() -> None:
    counts = np.array([197, 141, 64])
    costs, last = upper_costs(timed(), Method.ONE_MORE, counts)
    assert costs.shape == (BLOCKS, 3, 3)
    assert np.isinf(costs[:, 1, 0]).all()
    once = a_schedule(197, 141, method=Method.ONE_MORE)
    path = costs[0, 0, 0] + costs[1, 0, 1] + costs[2:, 1, 1].sum() + last[1]
    assert predict(timed(), once).latency_ns < path < 1.03 * predict(timed(), once).latency_ns


def test_the_same_passes_in_any_order_give_the_same_blocks() -> None:
    passes, curve = passes_of_blocks(sawtooth, counts=DEIT_COUNTS[::8]), curve_of(some_passes(sawtooth))
    assert blocks_of(passes[::-1], curve) == blocks_of(passes, curve)
