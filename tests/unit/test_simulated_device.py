from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import threading
from dataclasses import replace
from itertools import pairwise

import pytest

from agent.errors import MeasurementFailed
from agent.measure import child
from agent.measure.child_protocol import Begin, Measure, PassMeasured, Request
from agent.measure.simulated.device import SimulatedDevice, description_of
from agent.measure.simulated.noise import LONGEST_DELAY, MOST_TAKEN
from agent.measure.simulated.profiles import PROFILES, ProfileName
from agent.measure.synthetic import VirtualClock
from agent.wire.codec import encode
from agent.wire.conditions import DoubtReason
from agent.wire.enrolment import DeviceKind
from agent.wire.fields import HOUR_NS
from agent.wire.jobs import FailureReason, Processor, Round, Runtime, Subject, Workload
from agent.wire.readings import Rejection
from agent.wire.schedules import Method, Schedule

MODEL = "deit_tiny_patch16_224"
ONE_THREAD = Workload(threads=1)
PASSES = 8


class CountingClock(VirtualClock):
    """Adds up what was waited for."""

    waited_s = 0.0

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waited_s += seconds
        return super().wait(stop, seconds)


def a_round(number: int = 0, *, tokens: tuple[int, ...] = tuple(range(2, 198))) -> Round:
    return Round(number=number, tokens=tokens, sentinel=197, min_passes=PASSES, max_passes=PASSES, seed=7)


def measured(
    profile: ProfileName,
    *numbers: int,
    name: str = "sim",
    round_: Round | None = None,
    workload: Workload = ONE_THREAD,
    pace_s: float = 0.0,
    clock: CountingClock | None = None,
) -> list[PassMeasured]:
    """What the measuring child answers when it measures on a simulated device."""
    device = SimulatedDevice(PROFILES[profile], name, pace_s=pace_s, clock=clock or CountingClock())
    served = child.Served(device, stop=lambda: False)
    begin = Begin(model=MODEL, workload=workload)
    assert child.answer_to(encode(Request(begin=begin)), served).ready is not None
    wishes = [Request(measure=Measure(round=round_ or a_round(), number=number)) for number in numbers]
    answers = [child.answer_to(encode(wish), served).measured for wish in wishes]
    return [answer for answer in answers if answer is not None]


def ratios(one: PassMeasured) -> list[float]:
    """Each reading of the pass over the true latency at its count."""
    curve = PROFILES[ProfileName.STAIRS].curve(MODEL, ONE_THREAD)
    return [reading.latency_ns / curve.latency_ns(reading.tokens) for reading in one.readings]


def test_readings_lie_closely_about_the_true_curve() -> None:
    (one,) = measured(ProfileName.STAIRS, 0)
    assert one.complete
    assert {reading.tokens for reading in one.readings} == set(range(2, 198))
    assert statistics.fmean(ratios(one)) == pytest.approx(1.0, abs=0.001)
    assert 0.002 < statistics.stdev(ratios(one)) < 0.006
    assert one.doubts == ()


def test_a_pass_measured_again_by_another_process_has_the_same_latencies() -> None:
    _, second = measured(ProfileName.NOISE, 0, 1)
    (again,) = measured(ProfileName.NOISE, 1)
    assert [(one.latency_ns, one.rejected) for one in again.readings] == [
        (one.latency_ns, one.rejected) for one in second.readings
    ]


def test_passes_and_devices_differ_in_their_noise() -> None:
    first, second = measured(ProfileName.STAIRS, 0, 1)
    (other,) = measured(ProfileName.STAIRS, 0, name="another")
    assert len({tuple(sorted(ratios(one))) for one in (first, second, other)}) == 3


def test_drift_slows_the_device_down_evenly_by_a_tenth_over_the_run() -> None:
    first, middle, last = (
        statistics.fmean(ratios(one)) for one in measured(ProfileName.DRIFT, 0, PASSES // 2, PASSES - 1)
    )
    assert first == pytest.approx(1 + 0.1 * 0.5 / PASSES, abs=0.002)
    assert middle == pytest.approx(1.05 + 0.1 * 0.5 / PASSES, abs=0.002)
    assert last == pytest.approx(1.1 - 0.1 * 0.5 / PASSES, abs=0.002)


def test_throttling_costs_a_tenth_from_the_middle_of_the_run_and_the_conditions_show_it() -> None:
    cool, hot = measured(ProfileName.THROTTLE, PASSES // 2 - 1, PASSES // 2)
    assert statistics.fmean(ratios(cool)) == pytest.approx(1.0, abs=0.002)
    assert statistics.fmean(ratios(hot)) == pytest.approx(1.1, abs=0.002)
    assert cool.before.throttled == ()
    assert hot.before.throttled == hot.after.throttled == ("simulated thermal limit",)
    assert cool.before.temperatures[0].celsius < hot.before.temperatures[0].celsius == 85.0
    assert hot.before.clocks[0].mhz < cool.before.clocks[0].mhz
    assert DoubtReason.THROTTLED in {doubt.reason for doubt in hot.doubts}


def test_a_device_that_throttles_in_mid_pass_is_caught_by_its_conditions_and_its_sentinels() -> None:
    odd = Round(number=0, tokens=tuple(range(2, 198)), sentinel=197, min_passes=1, max_passes=1, seed=7)
    (one,) = measured(ProfileName.THROTTLE, 0, round_=odd)
    assert {doubt.reason for doubt in one.doubts} == {
        DoubtReason.THROTTLED,
        DoubtReason.CLOCKS_MOVED,
        DoubtReason.UNSTEADY,
    }


def test_later_rounds_find_the_device_as_the_first_one_left_it() -> None:
    (later,) = measured(ProfileName.THROTTLE, 0, round_=a_round(1))
    assert statistics.fmean(ratios(later)) == pytest.approx(1.1, abs=0.002)


@pytest.fixture(scope="module")
def noisy() -> list[PassMeasured]:
    """A whole run of a noisy device."""
    return measured(ProfileName.NOISE, *range(PASSES))


def test_contention_comes_in_bursts_and_gives_rejected_readings(noisy: list[PassMeasured]) -> None:
    readings = [reading for one in noisy for reading in one.readings]
    rejected = [reading.rejected is not None for reading in readings]
    assert 0.05 < statistics.fmean(rejected) < 0.40
    assert {reading.rejected for reading in readings} == {None, Rejection.PREEMPTED}
    after_rejected = [now for before, now in pairwise(rejected) if before]
    assert statistics.fmean(after_rejected) > 0.9


def test_accepted_readings_of_a_noisy_device_have_a_heavy_tail_upwards_alone(noisy: list[PassMeasured]) -> None:
    accepted = [
        ratio
        for one in noisy
        for ratio, reading in zip(ratios(one), one.readings, strict=True)
        if reading.rejected is None
    ]
    assert statistics.median(accepted) == pytest.approx(1.0, abs=0.005)
    assert max(accepted) - 1 > 5 * (1 - min(accepted))


def test_the_host_shows_nowhere_in_the_conditions() -> None:
    (one,) = measured(ProfileName.STAIRS, 0)
    for conditions in (one.before, one.after):
        assert {temperature.sensor for temperature in conditions.temperatures} == {"simulated"}
        assert {clock.domain for clock in conditions.clocks} == {"simulated"}
        assert (conditions.governor, conditions.cores_allowed, conditions.gaps) == ("simulated", (0, 1, 2, 3), ())


def test_a_pass_is_dated_by_the_machine_and_takes_virtual_time() -> None:
    clock = CountingClock(epoch_ms=1_760_000_000_000)
    first, second = measured(ProfileName.STAIRS, 0, 1, clock=clock)
    assert first.started_ms == second.started_ms == 1_760_000_000_000
    assert second.readings[0].start_ns > sum(reading.latency_ns for reading in first.readings)
    assert clock.waited_s == 0


def test_a_pace_is_what_a_pass_really_takes_spread_over_its_visits() -> None:
    clock = CountingClock()
    paced = measured(ProfileName.STAIRS, 0, 1, pace_s=0.7, clock=clock)
    assert clock.waited_s == pytest.approx(2 * 0.7)
    assert [one.readings[0].latency_ns for one in paced] == [
        one.readings[0].latency_ns for one in measured(ProfileName.STAIRS, 0, 1)
    ]


@pytest.mark.parametrize(
    ("profile", "workload", "reason", "complaint"),
    [
        (ProfileName.STAIRS, Workload(runtime=Runtime.ONNXRUNTIME), FailureReason.RUNTIME_MISSING, "onnxruntime"),
        (ProfileName.STAIRS, Workload(processor=Processor.CUDA), FailureReason.WORKLOAD_UNSUPPORTED, "cuda"),
        (ProfileName.STAIRS, Workload(batch_size=4_096), FailureReason.OUT_OF_MEMORY, "needs 7,092 MiB"),
    ],
)
def test_what_a_simulated_device_cannot_do_is_refused_with_its_reason(
    profile: ProfileName, workload: Workload, reason: FailureReason, complaint: str
) -> None:
    device = SimulatedDevice(PROFILES[profile], "sim", pace_s=0.0, clock=VirtualClock())
    with pytest.raises(MeasurementFailed, match=complaint) as failed:
        device.load(MODEL, workload)
    assert failed.value.reason is reason


def test_a_flat_start_has_the_processor_that_it_simulates() -> None:
    (one,) = measured(ProfileName.FLAT_START, 0, workload=Workload(processor=Processor.CUDA))
    assert one.complete


@pytest.mark.parametrize("tokens", [1, 198])
def test_a_count_that_the_model_cannot_be_cut_to_is_refused(tokens: int) -> None:
    assert measured(ProfileName.STAIRS, 0, round_=a_round(tokens=(tokens,))) == []


@pytest.mark.parametrize("image_size", [224, 882])
@pytest.mark.parametrize("size", ["tiny", "gigantic"])
def test_no_workload_that_fits_into_the_memory_is_too_slow_for_the_wire(size: str, image_size: int) -> None:
    profile, model = PROFILES[ProfileName.NOISE], f"vit_{size}_patch14_224"
    device = SimulatedDevice(profile, "sim", pace_s=0.0, clock=VirtualClock())
    fits = []
    for batch_size in (2**power for power in range(13)):
        workload = Workload(image_size=image_size, batch_size=batch_size, threads=1)
        with contextlib.suppress(MeasurementFailed):
            device.load(model, workload)
            fits.append(workload)
    slowest_ns = profile.curve(model, fits[-1]).latencies_ns[-1]
    assert slowest_ns > 10**9
    assert slowest_ns * (1.2 + LONGEST_DELAY + MOST_TAKEN) < HOUR_NS


@pytest.mark.parametrize("name", ProfileName)
def test_a_simulated_device_says_what_it_is_and_nothing_of_this_machine(name: ProfileName) -> None:
    description = description_of(PROFILES[name])
    assert description.kind is DeviceKind.SIMULATED
    assert description.hardware == f"simulated: {name.value}"
    assert description.processor.startswith("simulated: ")
    assert (description.packages, description.system, description.architecture) == ((), "simulated", "simulated")


def test_a_simulated_device_needs_no_torch() -> None:
    program = (
        "import sys, agent.measure.simulated.child\n"
        "sys.exit(', '.join({'torch', 'timm', 'numpy', 'urllib3'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert done.stderr.strip() == ""


def test_the_blocks_of_a_simulated_device_share_what_a_forward_pass_takes() -> None:
    (one,) = measured(ProfileName.STAIRS, 0, round_=replace(a_round(tokens=(2, 100, 197)), subject=Subject.BLOCKS))
    for reading in one.readings:
        assert len(reading.blocks_ns) == 12
        assert sum(reading.blocks_ns) == pytest.approx(0.95 * reading.latency_ns, rel=1e-5)


def test_a_schedule_takes_between_what_all_its_tokens_and_its_last_ones_would_take() -> None:
    once = Schedule.pruned_once(Method.ONE_MORE, tokens=197, prefix_tokens=1, blocks=12, block=3, keep=100)
    nothing = replace(once, leaving=(197,) * 12)
    round_ = Round(
        number=0,
        subject=Subject.SCHEDULES,
        tokens=(2,),
        sentinel=1,
        min_passes=1,
        max_passes=1,
        seed=3,
        schedules=(nothing, once),
    )
    (one,) = measured(ProfileName.STAIRS, 0, round_=round_)
    curve = PROFILES[ProfileName.STAIRS].curve(MODEL, ONE_THREAD)
    found = {reading.tokens: reading.latency_ns for reading in one.readings}
    assert found[1] == pytest.approx(curve.latency_ns(197), rel=0.03)
    assert curve.latency_ns(100) < found[2] < curve.latency_ns(197)


def test_a_schedule_for_another_model_is_refused_on_a_simulated_device_too() -> None:
    other = Schedule(method=Method.RANDOM, tokens=197, prefix_tokens=1, leaving=(197, 100))
    device = SimulatedDevice(PROFILES[ProfileName.STAIRS], "x", pace_s=0, clock=CountingClock())
    subject = device.load(MODEL, ONE_THREAD)
    with pytest.raises(MeasurementFailed, match="2 blocks, and this one has 12") as refused:
        subject.prepare_schedule(other)
    assert refused.value.reason is FailureReason.SCHEDULE_REFUSED
