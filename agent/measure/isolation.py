"""The parent's side of a measurement: start the measuring child, ask it, wait, and end it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import final

import agent
from agent.clock import Clock
from agent.errors import MeasurementFailed
from agent.measure.baton import ParentsBaton
from agent.measure.child_process import ChildDied, ChildProcess, DeadlinePassed, WaitCancelled
from agent.measure.child_protocol import Answer, Begin, BeginTrial, Count, Measure, PassMeasured, Request, Tallied
from agent.measure.deaths import failure_of_death
from agent.wire.accuracy import Trial
from agent.wire.codec import MAX_BODY_BYTES, WireError, decode, encode
from agent.wire.jobs import FailureReason, ModelFacts, Round, Workload

START_DEADLINE_S = 900.0
"""How long importing torch and building a model may take: minutes on a small board with a slow card."""

COUNT_DEADLINE_S = 3_600.0
"""How long one batch of images may take, through the model and every schedule: much on a small board."""

COMMAND = (sys.executable, "-m", "agent.measure.child")


class MeasurementStopped(Exception):
    """The measurement was cancelled from this side; the child is gone."""


@final
class MeasuringChild:
    """A child process that measures one model, as a context manager. The parent holds no torch and does not spin.

    Whatever goes wrong ends the child; a measurement is tried again with a new one. To be made, used and left in one
    thread; `cancel` alone may be called from others and from signal handlers.
    """

    def __init__(self, *, clock: Clock, command: Sequence[str] = COMMAND) -> None:
        self._clock = clock
        self._command = command
        self._process: ChildProcess | None = None
        self._facts: ModelFacts | None = None
        self._cancelled = threading.Event()
        self._baton: ParentsBaton | None = None

    def __enter__(self) -> MeasuringChild:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        baton, self._baton = self._baton, None
        if baton is not None:
            baton.close()

    @contextlib.contextmanager
    def between_readings(self) -> Iterator[None]:
        """Do what would disturb a timed call: it waits for the end of the present one, and the next one for its end.

        For one other thread at a time, as long as the context of this child lasts.
        """
        baton = self._baton
        if baton is None:
            yield
            return
        with baton.held():
            yield

    @property
    def facts(self) -> ModelFacts:
        """What the child found when it loaded the model.

        Raises:
            RuntimeError: no model is loaded.
        """
        if self._facts is None:
            raise RuntimeError("no model is loaded: call start first")
        return self._facts

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._process.pid if self._process is not None else None

    def start(
        self, model: str, workload: Workload, *, exported: Path | None = None, deadline_s: float = START_DEADLINE_S
    ) -> ModelFacts:
        """Start the child and have it load the model, or the file ``exported`` from it; what it found.

        Raises:
            MeasurementFailed: the model cannot be measured here, with the reason.
            MeasurementStopped: it was cancelled meanwhile.
        """
        try:
            baton = self._baton = self._baton or ParentsBaton()
            file = None if exported is None else str(exported)
            begin = Begin(model=model, workload=workload, exported=file, baton=(baton.read, baton.write))
            request = Request(begin=begin)
        except WireError as error:
            raise MeasurementFailed(
                FailureReason.MODEL_UNKNOWN,
                f"{model[:100]!r} is no name of a model: {error.complaint}",
                "Use a name that timm.list_models() shows, such as deit_tiny_patch16_224.",
            ) from None
        return self._begin(request, deadline_s)

    def start_trial(self, begin: BeginTrial, *, deadline_s: float = START_DEADLINE_S) -> ModelFacts:
        """Start the child and have it load the weights and look for the images; what it found.

        Raises:
            MeasurementFailed: weights or images are missing or do not fit, with the reason.
            MeasurementStopped: it was cancelled meanwhile.
        """
        return self._begin(Request(begin_trial=begin), deadline_s)

    def _begin(self, request: Request, deadline_s: float) -> ModelFacts:
        self.close()
        self._process = self._spawn()
        answer = self._ask(request, deadline_s, "load the model").ready
        if answer is None:
            raise self._nonsense("something else than the model's facts")
        self._facts = answer.facts
        return answer.facts

    def _spawn(self) -> ChildProcess:
        try:
            return ChildProcess(
                self._command,
                cwd=import_root(),
                env=os.environ | {"HF_HUB_OFFLINE": "1"},  # a measurement never downloads
                longest_line=MAX_BODY_BYTES,
                clock=self._clock,
                pass_fds=(self._baton.read, self._baton.write) if self._baton is not None else (),
            )
        except OSError as error:
            raise MeasurementFailed(
                FailureReason.INTERNAL,
                f"the measuring process does not start: {error}",
                "See whether the device has run out of memory or processes; `stepfarm-agent doctor` tells more.",
            ) from None

    def measure_pass(self, round_: Round, number: int, *, deadline_s: float) -> PassMeasured:
        """Pass ``number`` of the round, measured.

        Raises:
            MeasurementFailed: the child failed, died or gave no answer within ``deadline_s``; it is gone.
            MeasurementStopped: it was cancelled meanwhile; the child is gone, and this pass with it.
        """
        request = Request(measure=Measure(round=round_, number=number))
        answer = self._ask(request, deadline_s, "measure one pass").measured
        if answer is None:
            raise self._nonsense("something else than a pass")
        return answer

    def rest(self, seconds: float) -> None:
        """Let ``seconds`` pass with the child idle.

        Raises:
            MeasurementStopped: it was cancelled meanwhile; the child is gone.
        """
        if self._clock.wait(self._cancelled, seconds):
            self.close()
            raise MeasurementStopped

    def count_batch(self, trial: Trial, number: int, *, deadline_s: float = COUNT_DEADLINE_S) -> Tallied:
        """Batch ``number`` of the trial, tallied.

        Raises:
            MeasurementFailed: the child failed, died or gave no answer within ``deadline_s``; it is gone.
            MeasurementStopped: it was cancelled meanwhile; the child is gone, and this batch with it.
        """
        request = Request(count=Count(trial=trial, number=number))
        answer = self._ask(request, deadline_s, "look at one batch of images").tallied
        if answer is None:
            raise self._nonsense("something else than tallies")
        return answer

    def cancel(self) -> None:
        """End the present or next wait at once with `MeasurementStopped`. For other threads and signal handlers."""
        self._cancelled.set()
        process = self._process
        if process is not None:
            process.cancel_wait()

    def close(self) -> None:
        """End the child, if there is one, with all its descendants."""
        process, self._process, self._facts = self._process, None, None
        if process is not None:
            process.close()
            if self._baton is not None:
                self._baton.child_is_gone()

    def _ask(self, request: Request, deadline_s: float, what: str) -> Answer:
        """The child's answer; on any other outcome the child is ended and the outcome raised."""
        try:
            answer = self._exchange(request, deadline_s, what)
        except BaseException:  # Ctrl-C too: a child whose answer nobody reads is of no use
            self.close()
            raise
        if answer.broken is not None:
            self.close()
            failure = answer.broken
            raise MeasurementFailed(failure.reason, failure.message, failure.advice)
        return answer

    def _exchange(self, request: Request, deadline_s: float, what: str) -> Answer:
        process = self._process
        if process is None:
            raise RuntimeError("there is no measuring child: call start first")
        if self._cancelled.is_set():
            raise MeasurementStopped
        try:
            process.send(encode(request))
            return decode(Answer, process.receive(deadline_s))
        except WaitCancelled:
            raise MeasurementStopped from None
        except ChildDied as death:
            raise failure_of_death(death.status, process.last_words) from None
        except DeadlinePassed:
            raise MeasurementFailed(
                FailureReason.TIMED_OUT,
                f"the measuring process took longer than {deadline_s:.0f} s to {what}",
                "Choose a smaller batch size, image size or model, or see what else keeps the device busy.",
            ) from None
        except WireError as error:
            raise self._nonsense(str(error)) from None

    def _nonsense(self, complaint: str) -> MeasurementFailed:
        self.close()
        return MeasurementFailed(
            FailureReason.INTERNAL,
            f"the measuring process gave an answer that is none: {complaint}"[:4_000],
            "This is a fault of Stepfarm: please report it with this message.",
        )


def import_root() -> Path:
    """The folder that holds the package ``agent`` in use.

    ``python -m`` looks into its working folder first, so that the child runs the parent's code wherever the parent was
    started, and never a folder that happens to be called agent.
    """
    return Path(agent.__file__).resolve().parents[1]
