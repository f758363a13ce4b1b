"""Verifications as people see them: what was predicted of a schedule, and what the device said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message
from agent.wire.fields import Identifier, Items, Ordinal, Range
from agent.wire.schedule_files import Latency, Proof
from agent.wire.schedules import Schedule
from orchestrator.views.sweeps import JobView

MOST_VERIFIED = 5
"""The most schedules of one verification: the more, the wider is each interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRequest(Message):
    """Time these schedules on the device of a curve, beside the plain model and uniform pruning."""

    curve_id: Identifier
    schedules: Annotated[tuple[Schedule, ...], Items(MOST_VERIFIED, 1)]
    priority: Annotated[int, Range(-100, 100)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedView(Message):
    """One schedule of a verification.

    ``uniform`` is what it must beat beside the plain model, None where that cannot be made. ``predicted`` and
    ``uniform_predicted`` are None where nothing tells, ``proof`` until the job has ended with enough passes. ``passes``
    counts those that have all three.
    """

    schedule: Schedule
    uniform: Schedule | None
    predicted: Latency | None
    uniform_predicted: Latency | None
    passes: Ordinal
    proof: Proof | None

    @property
    def proved(self) -> bool:
        """Whether the device proved it."""
        return self.proof is not None and self.proof.proved


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationView(Message):
    """A verification: its job, the curve that its schedules were chosen on, and what came of each."""

    job: JobView
    curve_id: Identifier
    entries: tuple[VerifiedView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationList(Message):
    """The verifications of a curve, newest first."""

    verifications: tuple[VerificationView, ...]
