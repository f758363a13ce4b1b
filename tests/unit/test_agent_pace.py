from __future__ import annotations

import random

import pytest

from agent.pace import BACK_OFF_CAP_S, SHORTEST_S, back_off, jittered


def test_a_wait_is_spread_by_a_fifth_to_either_side() -> None:
    waits = [jittered(10.0, random.Random(seed)) for seed in range(200)]
    assert 8.0 <= min(waits) < 8.2
    assert 11.8 < max(waits) <= 12.0


def test_a_wait_of_nothing_is_no_busy_loop() -> None:
    assert jittered(0.0, random.Random(0)) == SHORTEST_S


@pytest.mark.parametrize(("failures", "ceiling_s"), [(1, 1.0), (2, 2.0), (5, 16.0), (6, BACK_OFF_CAP_S)])
def test_back_off_doubles_up_to_its_cap_with_full_jitter(failures: int, ceiling_s: float) -> None:
    waits = [back_off(failures, random.Random(seed)) for seed in range(300)]
    assert SHORTEST_S <= min(waits) < 0.1 * ceiling_s + SHORTEST_S
    assert 0.95 * ceiling_s < max(waits) <= ceiling_s


def test_back_off_after_very_many_failures_is_still_the_cap() -> None:
    assert back_off(10**6, random.Random(0)) <= BACK_OFF_CAP_S
