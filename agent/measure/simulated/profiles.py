"""The profiles of simulated devices: a true curve, and what happens to a device while it measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from agent.measure.simulated.curves import Shape, TrueCurve, TrueStep, true_curve
from agent.measure.simulated.models import model_named
from agent.measure.simulated.noise import Noise
from agent.wire.jobs import Processor, Workload


class ProfileName(str, Enum):
    """What a person asks for."""

    STAIRS = "stairs"
    SAWTOOTH = "sawtooth"
    FLAT_START = "flat-start"
    DRIFT = "drift"
    THROTTLE = "throttle"
    NOISE = "noise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """How warm the device gets, in degrees Celsius, and what that costs.

    ``slow_drift`` is what latency gains evenly over a run, ``throttling`` what it gains at once in the middle of it,
    when the device is as warm as it gets; both over the true latency.
    """

    coolest_c: float = 42.0
    warmest_c: float = 48.0
    slow_drift: float = 0.0
    throttling: float = 0.0

    def slowdown(self, progress: float) -> float:
        """What latency is multiplied with after the part ``progress`` of the run, 0 to 1."""
        return 1.0 + self.slow_drift * progress + (self.throttling if self.throttles(progress) else 0.0)

    def throttles(self, progress: float) -> bool:
        """Whether the device holds its clock back after the part ``progress`` of the run."""
        return self.throttling > 0 and progress >= 0.5

    def celsius(self, progress: float) -> float:
        """The temperature after the part ``progress`` of the run; half way it is as warm as it gets."""
        return self.coolest_c + (self.warmest_c - self.coolest_c) * min(1.0, 2 * progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One sort of simulated device. All devices of a profile have the same true curves; their noise differs."""

    name: ProfileName
    about: str
    shape: Shape = Shape.STAIRS
    processors: frozenset[Processor] = frozenset({Processor.CPU})
    noise: Noise = field(default_factory=Noise)
    heat: Heat = field(default_factory=Heat)

    def curve(self, model: str, workload: Workload) -> TrueCurve:
        """The true curve of the named model, of a device that is cool and left alone.

        Raises:
            MeasurementFailed: the model's name cannot be read, or it does not take the image size.
        """
        return true_curve(self.shape, model_named(model, workload.image_size), workload)

    def steps(self, model: str, workload: Workload) -> tuple[TrueStep, ...]:
        """The steps of `curve`, by ascending tokens."""
        return self.curve(model, workload).steps


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name=ProfileName.STAIRS, about="flat plateaus with steps up between them"),
        Profile(
            name=ProfileName.SAWTOOTH,
            about="slopes that drop at every 16th token, as on many CPUs",
            shape=Shape.SAWTOOTH,
        ),
        Profile(
            name=ProfileName.FLAT_START,
            about="a GPU that waits for its host at small counts, then stairs",
            shape=Shape.FLAT_START,
            processors=frozenset(Processor),
        ),
        Profile(
            name=ProfileName.DRIFT,
            about="stairs on a device that slows down by 10 % over the run",
            heat=Heat(warmest_c=60.0, slow_drift=0.10),
        ),
        Profile(
            name=ProfileName.THROTTLE,
            about="stairs on a device that throttles by 10 % from the middle of the run",
            heat=Heat(warmest_c=85.0, throttling=0.10),
        ),
        Profile(
            name=ProfileName.NOISE,
            about="stairs under heavy-tailed noise and bursts of contention",
            noise=Noise(jitter=0.01, tail_share=0.05, burst_share=0.08),
        ),
    )
}
