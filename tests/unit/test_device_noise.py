"""What `doctor` says of the noise that it sees: a short real measurement, and rules on either side of their limits."""

from __future__ import annotations

import pytest

from agent.clock import SystemClock
from agent.device.checks import Status
from agent.device.noise import Noise, check_noise, noise_now, noise_of
from agent.measure.gauge import ThreadGauge
from agent.measure.turn import Turn


def noise(*, spread: float = 0.01, wall_over_cpu: float = 1.0, rejected: int = 0) -> Noise:
    return Noise(calls=200, spread=spread, switches=3, wall_over_cpu=wall_over_cpu, rejected=rejected)


def test_noise_is_spread_switches_waiting_and_what_would_be_rejected() -> None:
    found = noise_of([(100, 100, 0), (110, 100, 0), (90, 90, 2), (100, 100, 0)])
    assert found.spread == pytest.approx(0.0816, abs=1e-4)
    assert (found.calls, found.switches, found.rejected) == (4, 2, 2)
    assert found.wall_over_cpu == pytest.approx(400 / 390)


@pytest.mark.parametrize(
    ("seen", "status", "words"),
    [
        (noise(), Status.OK, ""),
        (noise(spread=0.03), Status.OK, ""),
        (noise(spread=0.031), Status.WARNING, "wide intervals"),
        (noise(wall_over_cpu=1.03), Status.WARNING, "wants the processor"),
        (noise(rejected=80), Status.OK, ""),
        (noise(rejected=81), Status.WARNING, "wants the processor"),
        (None, Status.WARNING, "when it is over"),
    ],
)
def test_noise_is_told_with_what_would_make_it_less(seen: Noise | None, status: Status, words: str) -> None:
    check = check_noise(seen)
    assert (check.name, check.status) == ("noise", status)
    assert words in check.advice


def test_this_machine_makes_a_noise_that_can_be_told() -> None:
    found = noise_now(SystemClock(), ThreadGauge(), Turn("stepfarm-test-noise"), calls=3)
    assert found is not None
    assert found.calls == 3
    assert found.spread >= 0
    assert found.wall_over_cpu > 0.9


def test_while_something_measures_nothing_is_looked_at() -> None:
    measuring = Turn("stepfarm-test-noise-busy")
    assert measuring.take()
    assert noise_now(SystemClock(), ThreadGauge(), Turn("stepfarm-test-noise-busy")) is None
    measuring.give()
