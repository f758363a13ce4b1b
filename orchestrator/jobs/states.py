"""The life of a job: one table of moves. The docs draw it, CHECK constraints hold it, a test compares the three."""

from __future__ import annotations

from enum import Enum


class JobState(str, Enum):
    """Where a job stands."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more comes."""
        return not MOVES[self]


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.LEASED, JobState.CANCELLED}),
    JobState.LEASED: frozenset({JobState.QUEUED, JobState.DONE, JobState.FAILED, JobState.CANCELLED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""From each state, where a job may go. Back to ``queued`` go an expired lease and a job that was given back."""


WORTH_RETRYING = frozenset({JobState.FAILED, JobState.CANCELLED})
"""The jobs of a sweep that are queued again when it is tried again."""


class AttemptEnding(str, Enum):
    """How one attempt at a job came to its end."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    GIVEN_BACK = "given-back"
    EXPIRED = "expired"
    RESTARTED = "restarted"
    """The device asked for work anew while it held this job: it had been restarted."""
