"""What is said of a device."""

from __future__ import annotations

import pytest

from orchestrator.jobs.presence import QUIET_AFTER_MS, device_state, is_quiet
from orchestrator.views import DeviceState


def state(*, revoked: bool = False, silent_ms: int = 0, measuring: bool = False) -> DeviceState:
    return device_state(revoked=revoked, last_seen_ms=1_000, measuring=measuring, now_ms=1_000 + silent_ms)


def test_a_device_is_heard_to_the_last_millisecond_and_quiet_after_it() -> None:
    assert not is_quiet(last_seen_ms=5, now_ms=5 + QUIET_AFTER_MS)
    assert is_quiet(last_seen_ms=5, now_ms=6 + QUIET_AFTER_MS)


def test_a_device_measures_with_a_lease_and_is_idle_without() -> None:
    assert state(measuring=True) is DeviceState.MEASURING
    assert state() is DeviceState.IDLE


def test_a_lease_is_no_sign_of_work_once_the_device_is_quiet() -> None:
    assert state(measuring=True, silent_ms=QUIET_AFTER_MS + 1) is DeviceState.QUIET


@pytest.mark.parametrize("silent_ms", [0, QUIET_AFTER_MS + 1])
def test_revoked_goes_before_everything_else(silent_ms: int) -> None:
    assert state(revoked=True, measuring=True, silent_ms=silent_ms) is DeviceState.REVOKED
