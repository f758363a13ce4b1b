"""One message of every kind that crosses the wire, each with all of its fields filled in."""

from __future__ import annotations

from agent.wire.accuracy import Tally, TallyBatch, Trial, TrialAnswer, TrialRequest
from agent.wire.codec import Message
from agent.wire.conditions import ClockRate, Conditions, Counter, Doubt, DoubtReason, Temperature
from agent.wire.enrolment import DeviceDescription, DeviceKind, Enrolled, EnrolRequest, NextKey, Package
from agent.wire.exports import ExportAnswer, ExportFile, ExportRequest
from agent.wire.holdings import DatasetHeld, Holdings, Material, WeightsHeld
from agent.wire.jobs import (
    DataType,
    Done,
    Ending,
    EndReport,
    Failure,
    FailureReason,
    Heartbeat,
    HeartbeatAnswer,
    Lease,
    LeaseAnswer,
    LeaseRequest,
    ModelFacts,
    Order,
    Processor,
    Round,
    RoundAnswer,
    RoundRequest,
    Runtime,
    Subject,
    Task,
    Workload,
)
from agent.wire.problems import Problem
from agent.wire.readings import Accepted, Batch, Reading, Rejection
from agent.wire.schedules import Method, Schedule

CLAIM = "00112233445566778899aabbccddeeff"
RUN = "ffeeddccbbaa99887766554433221100"

WORKLOAD = Workload(
    batch_size=4,
    image_size=224,
    data_type=DataType.FLOAT32,
    runtime=Runtime.EAGER,
    processor=Processor.CPU,
    threads=2,
)

FACTS = ModelFacts(tokens=197, prefix_tokens=1, blocks=12, image_size=224, threads=2, runtime_version="torch 2.9.0")

ROUND = Round(
    number=1,
    subject=Subject.MODEL,
    order=Order.SHUFFLED,
    tokens=(2, 64, 197),
    sentinel=197,
    sentinel_every=30,
    min_passes=7,
    max_passes=20,
    stop_error=0.01,
    budget_s=600.0,
    seed=4_294_967_295,
)

LEASE = Lease(
    job_id=7, fence=3, task=Task.SWEEP, model="deit_tiny_patch16_224", workload=WORKLOAD, lease_s=90.0, heartbeat_s=15.0
)

DESCRIPTION = DeviceDescription(
    kind=DeviceKind.RASPBERRY_PI,
    hardware="Raspberry Pi 5 Model B Rev 1.0",
    processor="Cortex-A76",
    architecture="aarch64",
    system="Debian GNU/Linux 12 (bookworm)",
    python="3.11.2",
    agent_version="0.1.0",
    cores=4,
    memory_bytes=8_589_934_592,
    packages=(Package(name="torch", version="2.9.0"),),
    gaps=("onnxruntime: not installed, übersprungen",),
    holdings=Holdings(
        weights=(WeightsHeld(model="deit_tiny_patch16_224", sha256="0a" * 32, classes=1_000),),
        datasets=(
            DatasetHeld(name="imagenet-val", images=50_000, classes=1_000, listing_sha256="1b" * 32),
            DatasetHeld(name="doorbell", images=700, classes=None, listing_sha256="2c" * 32),
        ),
    ),
)

ACCURACY_LEASE = Lease(
    job_id=8,
    fence=1,
    task=Task.ACCURACY,
    model="deit_tiny_patch16_224",
    workload=WORKLOAD,
    lease_s=90.0,
    heartbeat_s=15.0,
    material=Material(weights_sha256="0a" * 32, dataset="imagenet-val", listing_sha256="1b" * 32),
)

TRIAL = Trial(
    images=5_000,
    batch_images=32,
    seed=7,
    schedules=(Schedule(method=Method.EVIT, tokens=197, prefix_tokens=1, leaving=(197, 197, 197, *(99,) * 9)),),
)

TALLIES = TallyBatch(
    fence=1,
    number=156,
    started_ms=1_760_000_000_000,
    tallies=(
        Tally(images=8, agreeing=8, divergence=0.0, divergence_squares=0.0, top_1=6, top_5=8, lost=0, gained=0),
        Tally(images=8, agreeing=7, divergence=0.5, divergence_squares=0.125, top_1=5, top_5=7, lost=1, gained=0),
    ),
)

CONDITIONS = Conditions(
    temperatures=(Temperature(sensor="cpu-thermal", celsius=51.25),),
    clocks=(ClockRate(domain="cpu0", mhz=2_400.0, min_mhz=1_500.0, max_mhz=2_400.0),),
    governor="ondemand",
    power_mode="15W",
    throttled=("under-voltage",),
    counters=(Counter(name="under-voltage since boot", count=1),),
    cores_allowed=(0, 1, 2, 3),
    cores_quota=1.5,
    group="foreground",
    load=0.25,
    memory_available_bytes=6_442_450_944,
    gaps=("fan: none",),
)

BATCH = Batch(
    fence=3,
    round=1,
    number=4,
    started_ms=1_760_000_000_000,
    complete=True,
    before=CONDITIONS,
    after=Conditions(),
    readings=(
        Reading(position=0, tokens=197, start_ns=1_000, latency_ns=80_000_001),
        Reading(position=1, tokens=64, start_ns=80_002_000, latency_ns=30_000_000, rejected=Rejection.PREEMPTED),
    ),
    doubts=(Doubt(reason=DoubtReason.THROTTLED, evidence="under-voltage before pass 4"),),
)

BATCH_OF_BLOCKS = Batch(
    fence=3,
    round=2,
    number=0,
    started_ms=1_760_000_000_000,
    complete=True,
    before=Conditions(),
    after=Conditions(),
    readings=(
        Reading(position=0, tokens=197, start_ns=1_000, latency_ns=80_000_001, blocks_ns=(37_000_000, 36_000_001)),
        Reading(position=1, tokens=64, start_ns=80_002_000, latency_ns=30_000_000, blocks_ns=(13_000_000, 12_000_000)),
    ),
)

ROUND_OF_SCHEDULES = Round(
    number=0,
    subject=Subject.SCHEDULES,
    tokens=(2,),
    sentinel=1,
    min_passes=10,
    max_passes=10,
    seed=0,
    schedules=(
        Schedule(method=Method.ONE_MORE, tokens=197, prefix_tokens=1, leaving=(197, 197)),
        Schedule(method=Method.ONE_MORE, tokens=197, prefix_tokens=1, leaving=(197, 141)),
    ),
)

FAILURE = Failure(
    reason=FailureReason.OUT_OF_MEMORY,
    message="the process was killed",
    advice="Choose a smaller batch size.",
)

MESSAGES: dict[str, Message] = {
    "enrol-request": EnrolRequest(code="0123-ABCD-WXYZ", key_sha256="5f" * 32, name="pi-5", description=DESCRIPTION),
    "next-key": NextKey(key_sha256="6e" * 32),
    "enrolled": Enrolled(device_id=1, name="pi-5"),
    "device-description": DESCRIPTION,
    "lease-request": LeaseRequest(claim=CLAIM, run=RUN),
    "lease-answer": LeaseAnswer(lease=LEASE, retry_after_s=0.0),
    "lease-answer-accuracy": LeaseAnswer(lease=ACCURACY_LEASE, retry_after_s=0.0),
    "lease-answer-none": LeaseAnswer(lease=None, retry_after_s=2.5, rotate_key=True),
    "heartbeat": Heartbeat(fence=3, spooled=2),
    "heartbeat-answer": HeartbeatAnswer(lease_s=90.0, cancel=True),
    "round-request": RoundRequest(fence=3, facts=FACTS, completed=0),
    "round-answer": RoundAnswer(round=ROUND, passes_done=2),
    "round-answer-schedules": RoundAnswer(round=ROUND_OF_SCHEDULES, passes_done=0),
    "round-answer-done": RoundAnswer(round=None, passes_done=0),
    "trial-request": TrialRequest(fence=1, facts=FACTS),
    "trial-answer": TrialAnswer(trial=TRIAL, batches_done=156),
    "trial-answer-done": TrialAnswer(trial=None, batches_done=157),
    "tally-batch": TALLIES,
    "tally-batch-unlabelled": TallyBatch(
        fence=1,
        number=0,
        started_ms=0,
        tallies=(Tally(images=1, agreeing=1, divergence=0.0, divergence_squares=0.0),),
    ),
    "batch": BATCH,
    "batch-of-blocks": BATCH_OF_BLOCKS,
    "accepted": Accepted(readings=2),
    "export-request": ExportRequest(fence=3),
    "export-answer": ExportAnswer(
        file=ExportFile(sha256="5f" * 32, size_bytes=23_000_001), failure=None, retry_after_s=0.0
    ),
    "export-answer-later": ExportAnswer(file=None, failure=None, retry_after_s=2.0),
    "export-answer-never": ExportAnswer(file=None, failure=FAILURE, retry_after_s=0.0),
    "end-report-failed": EndReport(fence=3, ending=Ending.FAILED, failure=FAILURE),
    "end-report-given-back": EndReport(fence=3, ending=Ending.GIVEN_BACK),
    "done": Done(),
    "problem": Problem(type="lease-lost", title="lease lost", detail="Lease 3 is over.", advice="Ask for a lease."),
}
"""By the name of the file under ``tests/data/wire`` that holds its JSON."""


def a_batch(*, number: int = 0, fence: int = 1, round_number: int = 0, tokens: tuple[int, ...] = (5, 2)) -> Batch:
    """The readings of one pass over ``tokens``, 1 ms a token."""
    return Batch(
        fence=fence,
        round=round_number,
        number=number,
        started_ms=1_760_000_000_000,
        complete=True,
        before=Conditions(),
        after=Conditions(),
        readings=tuple(
            Reading(position=position, tokens=count, start_ns=position * 10**9, latency_ns=count * 10**6)
            for position, count in enumerate(tokens)
        ),
    )
