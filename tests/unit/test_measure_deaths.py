from __future__ import annotations

import signal

import pytest

from agent.measure.deaths import failure_of_death
from agent.wire.jobs import FailureReason


@pytest.mark.parametrize(
    ("status", "reason", "message", "advice"),
    [
        (-signal.SIGKILL, FailureReason.OUT_OF_MEMORY, "memory", "smaller batch"),
        (-signal.SIGILL, FailureReason.CRASHED, "SIGILL", "does not fit this processor"),
        (-signal.SIGSEGV, FailureReason.CRASHED, "SIGSEGV", "doctor"),
        (3, FailureReason.CRASHED, "status 3", "doctor"),
        (-250, FailureReason.CRASHED, "signal 250", "doctor"),
    ],
)
def test_every_death_has_a_reason_and_advice(status: int, reason: FailureReason, message: str, advice: str) -> None:
    failure = failure_of_death(status, "")
    assert failure.reason is reason
    assert message in failure.message
    assert advice in failure.advice


def test_the_last_line_of_standard_error_is_quoted() -> None:
    failure = failure_of_death(1, "Traceback\n  File x\nImportError: libfoo.so is missing\n\n")
    assert failure.message.endswith("ended with status 1: ImportError: libfoo.so is missing")


def test_a_failure_of_death_fits_the_wire() -> None:
    failure_of_death(1, "x" * 100_000).as_failure()
