"""A schedule as a file, with all of its fields filled in."""

from __future__ import annotations

from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import Workload
from agent.wire.schedule_files import Latency, Proof, Ratio, ScheduleFile
from agent.wire.schedules import Method, Schedule

ONCE = Schedule.pruned_once(Method.ONE_MORE, tokens=197, prefix_tokens=1, blocks=12, block=3, keep=141)
TIMED = Latency(latency_ns=2e7, low_ns=1.9e7, high_ns=2.1e7)
PROOF = Proof(
    job_id=7,
    readings_sha256="ab" * 32,
    measured_ms=1_700_000_000_000,
    passes=20,
    measured=TIMED,
    plain=TIMED,
    uniform=TIMED,
    against_plain=Ratio(ratio=0.8, low=0.79, high=0.81),
    against_uniform=Ratio(ratio=0.97, low=0.96, high=0.98),
)
FILE = ScheduleFile(
    schedule=ONCE,
    model="deit_small_patch16_224",
    workload=Workload(threads=1),
    device="orin",
    device_kind=DeviceKind.JETSON,
    curve_id=3,
    curve_sha256="cd" * 32,
    predicted=TIMED,
    proof=PROOF,
    note="",
)
