"""What can be timed, and on what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from agent.clock import Clock
from agent.measure.child_protocol import BeginTrial
from agent.measure.gauge import Gauge
from agent.wire.accuracy import Tally, Trial
from agent.wire.conditions import Conditions
from agent.wire.jobs import ModelFacts, Round, Workload
from agent.wire.schedules import Schedule


class TimedBlocks(Protocol):
    """A call that does the work once and returns when it is finished, and knows what each block took of it."""

    def __call__(self) -> None:
        """Do the work once."""

    def blocks_ns(self) -> tuple[int, ...]:
        """How long each block took in the latest call, in their order; together no longer than the call."""


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

    def prepare_blocks(self, tokens: int, now_ns: Callable[[], int]) -> TimedBlocks:
        """The same work, with its blocks timed in place by ``now_ns``, or by what the processor has for that.

        Raises:
            MeasurementFailed: as `prepare`; or this subject is run as one and its blocks cannot be told apart.
        """

    def prepare_schedule(self, schedule: Schedule) -> Callable[[], None]:
        """A call that runs the whole model once under ``schedule``.

        Raises:
            MeasurementFailed: the schedule does not fit the model, or none can be applied to this subject.
        """


class TalliedModel(Protocol):
    """A model whose answers about images can be counted."""

    @property
    def facts(self) -> ModelFacts:
        """What is known of the model since it was loaded."""

    def tally(self, trial: Trial, number: int) -> tuple[Tally, ...]:
        """What batch ``number`` of the trial came to: the unpruned model first, then each schedule.

        Raises:
            MeasurementFailed: it came to nothing.
        """


class MeasuringDevice(Protocol):
    """Where subjects are timed: this machine, or a simulated one."""

    @property
    def clock(self) -> Clock:
        """What the timed calls are timed by."""

    @property
    def gauge(self) -> Gauge:
        """The counters of the thread that makes them."""

    def load(self, model: str, workload: Workload, exported: Path | None) -> MeasuredSubject:
        """The named model for this workload, or the file ``exported`` from it, ready to be timed.

        Raises:
            MeasurementFailed: the model is unknown, or cannot be run so here.
        """

    def load_trial(self, request: BeginTrial) -> TalliedModel:
        """A model with weights, and the images that it will look at.

        Raises:
            MeasurementFailed: weights or images are missing or do not fit, or there are none on such a device.
        """

    def begin_pass(self, round_: Round, number: int) -> None:
        """Pass ``number`` of the round is about to be measured, of the subject that was loaded last."""

    def conditions(self) -> Conditions:
        """How the device feels now."""
