"""What can be timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.wire.jobs import ModelFacts


class MeasuredSubject(Protocol):
    """Something whose latency depends on a number of tokens."""

    @property
    def facts(self) -> ModelFacts:
        """What is known of the subject since it was loaded."""

    def prepare(self, tokens: int) -> Callable[[], None]:
        """A call that does the work once at ``tokens`` tokens and returns when it is finished.

        All that the work needs, inputs and indices, is made here, so that the call holds the work alone.

        Raises:
            MeasurementFailed: the subject cannot be run at so few or so many tokens.
        """
