"""The errors a person can meet, each with what to do next.

Every error of Stepfarm that is not a bug is a `StepfarmError`. The command lines print its message and advice and exit
with a non-zero code; the orchestrator's one table (``orchestrator.api.problems``) turns it into an HTTP status.
"""

from __future__ import annotations

from agent.wire.jobs import Failure, FailureReason


class StepfarmError(Exception):
    """Something that a person can mend: ``message`` says what happened, ``advice`` what to do next."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message}\n  {self.advice}" if self.advice else self.message


class ConfigError(StepfarmError):
    """A setting that does not exist or does not parse."""


class StateError(StepfarmError):
    """The state directory is damaged, locked by another process, or not there."""


class NoRoom(StateError):
    """The disk or the spool is full: no new work until there is room; what was kept before is safe."""


class Unwanted(StateError):
    """The orchestrator will have nothing to do with this agent any more: starting it again changes nothing."""


class OrchestratorAway(StepfarmError):
    """The orchestrator cannot be reached or is not ready; try again later."""


class Refused(StepfarmError):
    """The orchestrator understood and said no. ``status`` is HTTP's, ``type`` the stable name of the problem."""

    def __init__(self, message: str, advice: str, *, status: int, type: str) -> None:  # noqa: A002  # RFC 9457's name
        super().__init__(message, advice)
        self.status = status
        self.type = type


class MeasurementFailed(StepfarmError):
    """A job cannot be measured on this device; ``reason`` is what the orchestrator is told."""

    def __init__(self, reason: FailureReason, message: str, advice: str) -> None:
        super().__init__(message, advice)
        self.reason = reason

    def as_failure(self) -> Failure:
        """The failure as it goes over the wire, cut to the wire's limits."""
        return Failure(reason=self.reason, message=self.message[:4_000], advice=self.advice[:4_000])


class ScheduleRefused(StepfarmError):
    """A schedule does not fit the model that it is applied to; nothing was changed."""
