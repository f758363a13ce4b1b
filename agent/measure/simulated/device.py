"""A device without hardware: it spends virtual time, and its conditions are as made up as its latencies."""

from __future__ import annotations

import platform
import random
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from agent.clock import Clock
from agent.errors import MeasurementFailed
from agent.measure.child_protocol import BeginTrial
from agent.measure.order import visits_of_pass
from agent.measure.simulated.curves import CORES, TrueCurve
from agent.measure.simulated.models import SimulatedModel, model_named
from agent.measure.simulated.noise import Disturbance, SimulatedClock
from agent.measure.simulated.profiles import Profile
from agent.measure.subject import TalliedModel
from agent.vit.fitting import refuse_misfit
from agent.vit.kept import kept_tokens
from agent.wire.codec import encode
from agent.wire.conditions import ClockRate, Conditions, Temperature
from agent.wire.enrolment import DeviceDescription, DeviceKind
from agent.wire.jobs import DataType, FailureReason, ModelFacts, Round, Runtime, Workload
from agent.wire.schedules import Schedule

MEMORY_BYTES = 1024**3
VALUES_OF_A_TOKEN = 12
"""Activations that a block holds for each feature of a token: queries, keys, values, the MLP's inside, and copies."""

CLOCK_MHZ = 1_500.0

ATTENTION_SHARE = 0.45
"""Of what a block takes; the rest is its MLP's."""

CHOOSING_SHARE = 0.12
"""What a block takes more where tokens go, by whatever method."""

OUTSIDE_SHARE = 0.05
"""Of a forward pass, what embedding, norm and head take; the blocks share the rest alike."""


def description_of(profile: Profile) -> DeviceDescription:
    """What a device of this profile says of itself. Nothing in it is this machine's but the agent."""
    return DeviceDescription(
        kind=DeviceKind.SIMULATED,
        hardware=f"simulated: {profile.name.value}",
        processor=f"simulated: {profile.about}",
        architecture="simulated",
        system="simulated",
        python=platform.python_version(),
        agent_version=version("stepfarm"),
        cores=CORES,
        memory_bytes=MEMORY_BYTES,
    )


class SimulatedDevice:
    """What a measuring child measures on in place of this machine: an `agent.measure.subject.MeasuringDevice`.

    A pass depends on the profile, the device's name, the model, the workload, the round and its own number alone:
    measured again, it has the same latencies.

    Args:
        name: the device's, so that two devices of a profile differ in their noise.
        pace_s: seconds that a pass really takes, so that a person can watch; 0 is as fast as can be.
        clock: real time, for the date and the pace.
    """

    def __init__(self, profile: Profile, name: str, *, pace_s: float, clock: Clock) -> None:
        self._profile = profile
        self._name = name
        self._pace_s = pace_s
        self._real = clock
        self._never = threading.Event()
        self._subject: SimulatedSubject | None = None
        self._seed = ""
        self.clock = SimulatedClock(clock.epoch_ms)
        self.gauge = self.clock

    def load(self, model: str, workload: Workload, exported: Path | None = None) -> SimulatedSubject:  # noqa: ARG002
        """The model that the name describes.

        Raises:
            MeasurementFailed: the name cannot be read, or this workload does not run on a device of this profile.
        """
        described = model_named(model, workload.image_size)
        _refuse_unsupported(self._profile, described, model, workload)
        facts = ModelFacts(
            tokens=described.tokens,
            prefix_tokens=described.prefix_tokens,
            blocks=described.blocks,
            image_size=described.image_size,
            threads=workload.threads or CORES,
            runtime_version=f"simulated: {self._profile.name.value}",
        )
        self._seed = f"{self._profile.name.value}/{self._name}/{model}/{encode(workload).decode()}"
        self._subject = SimulatedSubject(facts, self._profile, self._profile.curve(model, workload), self.clock)
        return self._subject

    def load_trial(self, request: BeginTrial) -> TalliedModel:
        """Nothing.

        Raises:
            MeasurementFailed: always. What a model answers is not made up.
        """
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"a simulated device of the profile {self._profile.name.value} looks at no images",
            f"Ask a real device for the accuracy of {request.weights.model}.",
        )

    def begin_pass(self, round_: Round, number: int) -> None:
        """Make the noise of this pass, and say how far the run is."""
        assert self._subject is not None
        visits = len(visits_of_pass(round_, number))
        rng = random.Random(f"{self._seed}/{round_.seed}/{round_.number}/{number}")  # noqa: S311  # noise
        pause_s = self._pace_s / visits

        def pause() -> None:
            if pause_s:
                self._real.wait(self._never, pause_s)

        self._subject.begin_pass(rng, progress=_progress(round_, number), visits=visits, pause=pause)

    def conditions(self) -> Conditions:
        """How the device feels: warm by what it did, and quiet but for what its noise says."""
        progress = self._subject.progress if self._subject is not None else 0.0
        heat = self._profile.heat
        throttles = heat.throttles(progress)
        rate = CLOCK_MHZ / (1 + heat.throttling) if throttles else CLOCK_MHZ
        return Conditions(
            temperatures=(Temperature(sensor="simulated", celsius=round(heat.celsius(progress), 1)),),
            clocks=(ClockRate(domain="simulated", mhz=round(rate, 1), min_mhz=CLOCK_MHZ / 3, max_mhz=CLOCK_MHZ),),
            governor="simulated",
            throttled=("simulated thermal limit",) if throttles else (),
            cores_allowed=tuple(range(CORES)),
            load=0.0,
            memory_available_bytes=MEMORY_BYTES,
        )


class SimulatedSubject:
    """A model that spends its true latency, its share of heat and noise in virtual time."""

    def __init__(self, facts: ModelFacts, profile: Profile, curve: TrueCurve, clock: SimulatedClock) -> None:
        self._facts = facts
        self._profile = profile
        self._curve = curve
        self._clock = clock
        self.begin_pass(random.Random(0), progress=(0.0, 0.0), visits=1, pause=lambda: None)  # noqa: S311  # noise

    @property
    def facts(self) -> ModelFacts:
        """What the model's name says."""
        return self._facts

    @property
    def progress(self) -> float:
        """How much of the run is done, 0 to 1."""
        begin, end = self._range
        return begin + (end - begin) * min(1.0, self._visited / self._visits)

    def begin_pass(
        self, rng: random.Random, *, progress: tuple[float, float], visits: int, pause: Callable[[], None]
    ) -> None:
        """Take the noise of a pass with so many ``visits`` from ``rng``; ``pause`` is called before each.

        ``progress`` is how much of the run is done before the pass and after it.
        """
        self._disturbance = Disturbance(self._profile.noise, rng, self._clock)
        self._range = progress
        self._visits = visits
        self._visited = 0
        self._pause = pause

    def prepare(self, tokens: int) -> Callable[[], None]:
        """A call that lets the latency of ``tokens`` pass.

        Raises:
            MeasurementFailed: the model cannot be cut to so many.
        """
        kept_tokens(tokens, all_tokens=self._facts.tokens, prefix_tokens=self._facts.prefix_tokens)
        self._pause()
        latency_ns = self._curve.latency_ns(tokens) * self._profile.heat.slowdown(self.progress)
        self._visited += 1
        return lambda: self._disturbance.spend(latency_ns)

    def prepare_blocks(self, tokens: int, now_ns: Callable[[], int]) -> SimulatedBlocks:
        """The same call; each block takes an equal share of whatever it comes to take."""
        return SimulatedBlocks(self.prepare(tokens), now_ns, self._facts.blocks)

    def prepare_schedule(self, schedule: Schedule) -> Callable[[], None]:
        """A call that lets the latency of the model under ``schedule`` pass.

        Raises:
            MeasurementFailed: the schedule is for another model.
        """
        refuse_misfit(schedule, self._facts)
        self._pause()
        latency_ns = _under(schedule, self._curve) * self._profile.heat.slowdown(self.progress)
        self._visited += 1
        return lambda: self._disturbance.spend(latency_ns)


def _under(schedule: Schedule, curve: TrueCurve) -> float:
    """What the model takes under ``schedule``: each block its attention on what enters, its MLP on what leaves."""
    of_blocks = 0.0
    for entering, leaving in zip(schedule.entering, schedule.leaving, strict=True):
        into, out = curve.latency_ns(entering), curve.latency_ns(leaving)
        of_blocks += ATTENTION_SHARE * into + (1 - ATTENTION_SHARE) * out
        if leaving < entering:
            of_blocks += CHOOSING_SHARE * into
    outside = OUTSIDE_SHARE * curve.latency_ns(schedule.leaving[-1])
    return (1 - OUTSIDE_SHARE) * of_blocks / len(schedule.leaving) + outside


class SimulatedBlocks:
    """A ``call`` of which each of the ``blocks`` takes an equal share."""

    def __init__(self, call: Callable[[], None], now_ns: Callable[[], int], blocks: int) -> None:
        self._call = call
        self._now_ns = now_ns
        self._blocks = blocks
        self._took_ns = 0

    def __call__(self) -> None:
        """Let the latency pass."""
        began_ns = self._now_ns()
        self._call()
        self._took_ns = self._now_ns() - began_ns

    def blocks_ns(self) -> tuple[int, ...]:
        """What each block took of the latest call."""
        return (max(1, int((1 - OUTSIDE_SHARE) * self._took_ns / self._blocks)),) * self._blocks


def _progress(round_: Round, number: int) -> tuple[float, float]:
    """How much of the run is done before and after a pass. The run is the first round; later ones find it done."""
    if round_.number > 0:
        return 1.0, 1.0
    return min(1.0, number / round_.max_passes), min(1.0, (number + 1) / round_.max_passes)


def _refuse_unsupported(profile: Profile, described: SimulatedModel, model: str, workload: Workload) -> None:
    who = f"a simulated device of the profile {profile.name.value}"
    if workload.runtime is not Runtime.EAGER:
        raise MeasurementFailed(
            FailureReason.RUNTIME_MISSING,
            f"{who} has no runtime {workload.runtime.value}, only eager",
            "Ask for the runtime eager.",
        )
    if workload.processor not in profile.processors:
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"{who} has no processor {workload.processor.value}",
            f"Ask for {' or '.join(sorted(processor.value for processor in profile.processors))}.",
        )
    bytes_of_a_value = 4 if workload.data_type is DataType.FLOAT32 else 2
    needed = workload.batch_size * described.tokens * described.width * VALUES_OF_A_TOKEN * bytes_of_a_value
    if needed > MEMORY_BYTES:
        raise MeasurementFailed(
            FailureReason.OUT_OF_MEMORY,
            f"{model} at batch {workload.batch_size} needs {needed / 2**20:,.0f} MiB, and {who} has "
            f"{MEMORY_BYTES / 2**20:,.0f}",
            "Choose a smaller batch size, image size or model.",
        )
