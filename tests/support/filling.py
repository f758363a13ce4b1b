"""Curves put into a running orchestrator by the road that a device takes: enrol, lease, post batches, finish."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.client import OrchestratorClient
from agent.clock import SystemClock
from agent.measure.order import visits_of_pass
from agent.wire.conditions import ClockRate, Conditions, Doubt, Temperature
from agent.wire.enrolment import DeviceDescription, DeviceKind, EnrolRequest, Package
from agent.wire.jobs import (
    Ending,
    EndReport,
    Failure,
    Lease,
    LeaseRequest,
    ModelFacts,
    Order,
    Round,
    RoundRequest,
    Workload,
)
from agent.wire.readings import Batch, Reading, Rejection
from orchestrator.analysis.planning import Plan
from orchestrator.client import Client
from orchestrator.views import CurveView

FACTS = ModelFacts(tokens=197, prefix_tokens=1, blocks=12, image_size=224, threads=2, runtime_version="2.9.0")
STARTED_MS = 1_760_000_000_000
FEW_COUNTS = Plan(exhaustive=True, confirm=False, passes=5, stride=4)
RUN = "f" * 16


def edge_law(tokens: int) -> float:
    """Latency in ns as a small board has it: a convex slope, rises after 64 and 128 tokens, a drop after 191."""
    base = 6e6 + 1.6e5 * tokens + 250 * tokens**2
    return base + 2.6e6 * (tokens > 64) + 3.4e6 * (tokens > 128) - 2.2e6 * (tokens > 191)


@dataclass(frozen=True)
class FakeDevice:
    """An enrolled device that times nothing: its latencies are a law with noise."""

    client: OrchestratorClient
    name: str
    key: str


def enrolled(
    url: str, operator: Client, name: str, kind: DeviceKind = DeviceKind.LINUX, *, code: str | None = None
) -> FakeDevice:
    """A new device of that name, let in by a join code."""
    key = "sfd_" + hashlib.sha256(name.encode()).hexdigest()
    description = DeviceDescription(
        kind=kind,
        hardware="Raspberry Pi 5 Model B Rev 1.0",
        processor="Cortex-A76",
        architecture="aarch64",
        system="Debian GNU/Linux 12 (bookworm)",
        python="3.11.2",
        agent_version="0.1.0",
        cores=4,
        memory_bytes=8 * 2**30,
        packages=(Package(name="torch", version="2.9.0"), Package(name="timm", version="1.0.22")),
    )
    request = EnrolRequest(
        code=code or operator.new_join_code().code,
        key_sha256=hashlib.sha256(key.encode()).hexdigest(),
        name=name,
        description=description,
    )
    OrchestratorClient(url, None).enrol(request)
    return FakeDevice(OrchestratorClient(url, key), name, key)


@dataclass
class FakeJob:
    """A job in the hands of a device, one round of it asked for."""

    device: FakeDevice
    operator: Client
    job_id: int
    fence: int
    round: Round
    law: Callable[[int], float]
    rejected: float
    doubts: Sequence[Doubt]

    @property
    def curve_id(self) -> int:
        """The curve that the job makes."""
        return next(curve.id for curve in self.operator.curves() if curve.job_id == self.job_id)

    def post(self, number: int) -> None:
        """Hand over pass ``number`` of the round."""
        self.device.client.post_batch(self.job_id, self.batch(number))

    def batch(self, number: int) -> Batch:
        """The readings of pass ``number`` of the round."""
        generator = np.random.default_rng((self.job_id, self.round.number, number))
        order = [int(tokens) for tokens in generator.permutation(self.round.tokens)]
        for place in range(0, len(order), self.round.sentinel_every + 1):
            order.insert(place, self.round.sentinel)
        if self.round.order is Order.ALTERNATING:
            order = list(visits_of_pass(self.round, number))
        readings, now_ns = [], 10**9
        for position, tokens in enumerate(order):
            reading = self._reading(position, tokens, now_ns, generator)
            readings.append(reading)
            now_ns += reading.latency_ns
        return Batch(
            fence=self.fence,
            round=self.round.number,
            number=number,
            started_ms=STARTED_MS + 60_000 * number,
            complete=True,
            before=_conditions(51.0 + number),
            after=_conditions(52.5 + number),
            readings=tuple(readings),
            doubts=tuple(self.doubts) if number < 3 else (),
        )

    def _reading(self, position: int, tokens: int, start_ns: int, generator: np.random.Generator) -> Reading:
        latency_ns = self.law(tokens) * (1 + 0.006 * float(generator.standard_normal()))
        rejected = float(generator.random()) < self.rejected
        return Reading(
            position=position,
            tokens=tokens,
            start_ns=start_ns,
            latency_ns=round(latency_ns * (1 + rejected * abs(float(generator.standard_normal())) * 0.1)),
            rejected=Rejection.PREEMPTED if rejected else None,
        )

    def finish(self) -> CurveView:
        """Measure every round that is asked for; the curve once it is sealed."""
        first = 0
        while True:
            for number in range(first, self.round.max_passes):
                self.post(number)
            request = RoundRequest(fence=self.fence, facts=FACTS, completed=self.round.number)
            following = self.device.client.next_round(self.job_id, request).round
            if following is None:
                return sealed(self.operator, self.curve_id)
            self.round = following

    def fail(self, failure: Failure) -> None:
        """Let go of the job with ``failure``."""
        self.device.client.end(self.job_id, EndReport(fence=self.fence, ending=Ending.FAILED, failure=failure))


def begun(
    device: FakeDevice,
    operator: Client,
    *,
    batch_size: int = 1,
    plan: Plan = FEW_COUNTS,
    law: Callable[[int], float] = edge_law,
    rejected: float = 0.03,
    doubts: Sequence[Doubt] = (),
) -> FakeJob:
    """A job of a new sweep, leased by ``device``, whose curve has no reading yet."""
    operator.create_sweep(
        models=["deit_small_patch16_224"], workloads=[Workload(batch_size=batch_size)], devices=[device.name], plan=plan
    )
    return leased(device, operator, law=law, rejected=rejected, doubts=doubts)


def leased(
    device: FakeDevice,
    operator: Client,
    *,
    law: Callable[[int], float] = edge_law,
    rejected: float = 0.03,
    doubts: Sequence[Doubt] = (),
) -> FakeJob:
    """The next job that waits for ``device``, leased, its first round asked for."""
    lease = next_lease(device)
    answer = device.client.next_round(lease.job_id, RoundRequest(fence=lease.fence, facts=FACTS, completed=None))
    assert answer.round is not None
    return FakeJob(device, operator, lease.job_id, lease.fence, answer.round, law, rejected, doubts)


def next_lease(device: FakeDevice) -> Lease:
    """What ``device`` is given when it asks for work; there is some."""
    lease = device.client.lease(LeaseRequest(claim=secrets.token_hex(16), run=RUN)).lease
    assert lease is not None
    return lease


def fail_next(device: FakeDevice, failure: Failure) -> None:
    """Let ``device`` fail at the next job that waits for it."""
    lease = next_lease(device)
    device.client.end(lease.job_id, EndReport(fence=lease.fence, ending=Ending.FAILED, failure=failure))


def sealed(operator: Client, curve_id: int, *, within_s: float = 20.0) -> CurveView:
    """The curve once its analysis is stored."""
    clock, never = SystemClock(), threading.Event()
    until_ns = clock.monotonic_ns() + round(within_s * 1e9)
    while clock.monotonic_ns() < until_ns:
        view = operator.curve(curve_id)
        if view.sealed:
            return view
        clock.wait(never, 0.02)
    raise AssertionError(f"curve {curve_id} was not analysed within {within_s} s")


def _conditions(celsius: float) -> Conditions:
    return Conditions(
        temperatures=(Temperature(sensor="cpu-thermal", celsius=celsius),),
        clocks=tuple(ClockRate(domain=f"cpu{core}", mhz=2_400, min_mhz=1_500, max_mhz=2_400) for core in range(4)),
        governor="ondemand",
        load=1.2,
        memory_available_bytes=6 * 2**30,
        gaps=("power mode: this machine names none",),
    )
