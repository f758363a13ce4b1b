"""What a device is doing, as far as its silence tells: a pure decision."""

from __future__ import annotations

from orchestrator.views import DeviceState

QUIET_AFTER_MS = 90_000
"""A device that has not spoken for so long has gone quiet."""


def is_quiet(*, last_seen_ms: int, now_ms: int) -> bool:
    """Whether a device that spoke last at ``last_seen_ms`` has gone quiet."""
    return now_ms - last_seen_ms > QUIET_AFTER_MS


def device_state(*, revoked: bool, last_seen_ms: int, measuring: bool, now_ms: int) -> DeviceState:
    """What is said of a device. Revoked comes first, then silence: a lease alone is no sign of work."""
    if revoked:
        return DeviceState.REVOKED
    if is_quiet(last_seen_ms=last_seen_ms, now_ms=now_ms):
        return DeviceState.QUIET
    return DeviceState.MEASURING if measuring else DeviceState.IDLE
