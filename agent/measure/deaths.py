"""Why a measuring child died, as a failure that a person can act on. Rules of values alone."""

from __future__ import annotations

import signal

from agent.errors import MeasurementFailed
from agent.wire.jobs import FailureReason


def failure_of_death(status: int, last_words: str, *, who: str = "the measuring process") -> MeasurementFailed:
    """The failure behind the end of a child that owed an answer.

    Args:
        status: its exit status, or the negative number of the signal that ended it.
        last_words: the end of what it wrote to standard error.
        who: what the child is called.
    """
    if status == -signal.SIGKILL:
        return MeasurementFailed(
            FailureReason.OUT_OF_MEMORY,
            f"{who} was killed (SIGKILL), most likely by the kernel because memory ran out",
            "Choose a smaller batch size, image size or model, or free memory on the device; `dmesg` tells whether "
            "memory was the cause.",
        )
    if status == -signal.SIGILL:
        return MeasurementFailed(
            FailureReason.CRASHED,
            f"{who} met an instruction that this processor does not have (SIGILL)",
            "The installed build of torch does not fit this processor: install another version of torch. "
            "`stepfarm-agent doctor` tells whether one fits.",
        )
    return MeasurementFailed(
        FailureReason.CRASHED,
        f"{who} ended {_how(status)}{_quoted(last_words)}",
        "Run `stepfarm-agent doctor` on the device; if all is well there, try a smaller batch size or another version "
        "of torch.",
    )


def _how(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by signal {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


def _quoted(last_words: str) -> str:
    lines = [line.strip() for line in last_words.splitlines() if line.strip()]
    # The last line of a traceback names the error; the rest is for those who read logs.
    return f": {lines[-1][:1_000]}" if lines else ""
