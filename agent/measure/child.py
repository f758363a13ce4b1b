"""The measuring child, ``python -m agent.measure.child``: it owns torch, and a crash of it costs one job.

Requests come on its standard input, answers go to its standard output. Whatever a library prints goes to standard
error. It ends when its input does.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from agent.clock import SystemClock
from agent.device.commands import UntilItFails, run_command
from agent.device.conditions import read_conditions
from agent.errors import MeasurementFailed
from agent.measure.baton import Baton
from agent.measure.child_protocol import (
    Answer,
    Begin,
    BeginTrial,
    Count,
    Measure,
    PassMeasured,
    Ready,
    Request,
    Tallied,
)
from agent.measure.gauge import ThreadGauge
from agent.measure.quality import doubts_of_pass
from agent.measure.sampling import Sampler
from agent.measure.subject import MeasuredSubject, MeasuringDevice, TalliedModel
from agent.vit.loading import load_subject, load_trial
from agent.wire.codec import MAX_BODY_BYTES, decode, encode
from agent.wire.conditions import Conditions
from agent.wire.jobs import Failure, FailureReason, Processor, Round, Workload

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h: the signal that a process gets when its parent dies."""


def main() -> int:
    """Measure on this machine until the parent goes away or a request fails; the exit status."""
    return serve_parent(ThisDevice())


class ThisDevice:
    """The machine that this process runs on."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.gauge = ThreadGauge()
        self._run = UntilItFails(run_command)
        self._with_gpu = True

    def load(self, model: str, workload: Workload, exported: Path | None) -> MeasuredSubject:
        """The model, on torch, or the file exported from it, on onnxruntime."""
        self._with_gpu = workload.processor is not Processor.CPU
        set_threads_of_libraries(workload)
        return load_subject(model, workload, exported)

    def load_trial(self, request: BeginTrial) -> TalliedModel:
        """The model with its weights, on torch."""
        set_threads_of_libraries(request.workload)
        return load_trial(
            request.weights, Path(request.weights_file), request.material, Path(request.folder), request.workload
        )

    def begin_pass(self, round_: Round, number: int) -> None:
        """Nothing: it is as it is."""

    def conditions(self) -> Conditions:
        """What the system tells of temperatures, clocks and load."""
        return read_conditions(run=self._run, gpu=self._with_gpu)


def serve_parent(device: MeasuringDevice) -> int:
    """Serve the parent until it goes away or a request fails; the exit status."""
    # First of all: nothing that is imported later may read the requests or write among the answers.
    requests, answers = take_standard_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    return serve(requests, answers, device)


def take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for our own use; in their place stand an empty input and standard error."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def die_with_parent() -> None:
    """Have the kernel end this process with its parent, where it can (Linux). Elsewhere the end of input must do."""
    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):  # no Linux: its C library has no prctl
        return
    if os.getppid() != parent:
        sys.exit(1)


def serve(requests: BinaryIO, answers: BinaryIO, device: MeasuringDevice) -> int:
    """Answer requests until they end (status 0) or one fails (status 1)."""
    served = Served(device, stop=lambda: has_ended(requests))
    while line := requests.readline(MAX_BODY_BYTES):
        answer = answer_to(line, served)
        try:
            answers.write(encode(answer) + b"\n")
            answers.flush()
        except BrokenPipeError:
            return 1
        if answer.broken is not None:
            return 1
    return 0


def has_ended(requests: BinaryIO) -> bool:
    """Whether the parent is gone. It sends nothing while it waits for an answer, so anything to read is the end."""
    poll = select.poll()
    poll.register(requests, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(0))


class Served:
    """The child's state: the model that was begun."""

    def __init__(self, device: MeasuringDevice, *, stop: Callable[[], bool]) -> None:
        self._device = device
        self._stop = stop
        self._sampler: Sampler | None = None
        self._tallied: TalliedModel | None = None

    def begin(self, request: Begin) -> Ready:
        """Load the model; any that was loaded before is dropped."""
        exported = None if request.exported is None else Path(request.exported)
        subject = self._device.load(request.model, request.workload, exported)
        on_cpu = request.workload.processor is Processor.CPU
        self._sampler = Sampler(
            subject=subject,
            clock=self._device.clock,
            gauge=self._device.gauge,
            threads=subject.facts.threads if on_cpu else None,
            baton=Baton(*request.baton) if request.baton else None,
        )
        return Ready(facts=subject.facts)

    def measure(self, request: Measure) -> PassMeasured:
        """Measure one pass, and read the conditions before and after it, never within."""
        if self._sampler is None:
            raise RuntimeError("a pass was asked for before a model was begun")
        self._device.begin_pass(request.round, request.number)
        before = self._device.conditions()
        started_ms = self._device.clock.epoch_ms()
        sampled = self._sampler.measure_pass(request.round, request.number, self._stop)
        after = self._device.conditions()
        return PassMeasured(
            started_ms=started_ms,
            complete=sampled.complete,
            before=before,
            after=after,
            readings=sampled.readings,
            doubts=doubts_of_pass(sampled.readings, request.round.sentinel, before, after),
        )

    def begin_trial(self, request: BeginTrial) -> Ready:
        """Load a model with its weights; any that was loaded before is dropped."""
        self._tallied = self._device.load_trial(request)
        return Ready(facts=self._tallied.facts)

    def count(self, request: Count) -> Tallied:
        """Tally one batch of images."""
        if self._tallied is None:
            raise RuntimeError("a batch of images was asked for before a trial was begun")
        started_ms = self._device.clock.epoch_ms()
        return Tallied(started_ms=started_ms, tallies=self._tallied.tally(request.trial, request.number))


def set_threads_of_libraries(workload: Workload) -> None:
    """Tell OpenMP and MKL how many threads to make; they read this once, when torch is imported."""
    if workload.threads is not None:
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(workload.threads)


def answer_to(line: bytes, served: Served) -> Answer:
    """The answer to one request; failures of any kind are answers too."""
    try:
        return _answered(decode(Request, line), served)
    except MeasurementFailed as error:
        return Answer(broken=error.as_failure())
    except MemoryError:
        return Answer(broken=out_of_memory())
    except Exception as error:  # noqa: BLE001  # the parent is told, whatever it is
        return Answer(broken=unforeseen(error))


def _answered(request: Request, served: Served) -> Answer:
    if request.begin is not None:
        return Answer(ready=served.begin(request.begin))
    if request.begin_trial is not None:
        return Answer(ready=served.begin_trial(request.begin_trial))
    if request.count is not None:
        return Answer(tallied=served.count(request.count))
    assert request.measure is not None
    return Answer(measured=served.measure(request.measure))


def out_of_memory() -> Failure:
    """The failure of a process that asked for more memory than there is."""
    return Failure(
        reason=FailureReason.OUT_OF_MEMORY,
        message="the measurement needs more memory than the device has free",
        advice="Choose a smaller batch size, image size or model.",
    )


def unforeseen(error: Exception) -> Failure:
    """The failure that an error of no known kind makes, with the place where it was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__} in {place.name} ({place.filename}:{place.lineno}): {error}"
    # Wire texts hold neither NUL nor lone surrogates; a library's message may.
    clean = message.replace("\x00", "").encode(errors="replace").decode()
    return Failure(
        reason=FailureReason.INTERNAL,
        message=clean[:4_000],
        advice="This is a fault of Stepfarm or of a library below it: please report it with this message.",
    )


if __name__ == "__main__":
    sys.exit(main())
