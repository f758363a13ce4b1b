"""What Prometheus reads: the farm in figures, and how long requests take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.clock import Clock
from orchestrator.storage.figures import Figures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

NOWHERE = "none"
"""The route of a request that led to none: what was asked for is anybody's to choose, and each would be a series."""


class Requests:
    """The requests that this process has answered."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.seconds = Histogram(
            "stepfarm_request_seconds",
            "How long requests took, by method, route and status.",
            ["method", "route", "status"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )


class Timed:
    """Notes how long each request takes."""

    def __init__(self, app: ASGIApp, requests: Requests, clock: Clock) -> None:
        self._app = app
        self._requests = requests
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_ns = self._clock.monotonic_ns()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", NOWHERE)
            seconds = (self._clock.monotonic_ns() - began_ns) / 1e9
            self._requests.seconds.labels(scope["method"] if route != NOWHERE else NOWHERE, route, status).observe(
                seconds
            )


class _Farm:
    """``figures`` as a collector of Prometheus."""

    def __init__(self, figures: Figures, spooled: Mapping[int, int]) -> None:
        self._figures = figures
        self._spooled = spooled

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        found = self._figures
        devices = GaugeMetricFamily("stepfarm_devices", "Devices, by state.", labels=["state"])
        for device_state, number in found.devices.items():
            devices.add_metric([device_state.value], number)
        yield devices
        jobs = GaugeMetricFamily("stepfarm_jobs", "Jobs, by state.", labels=["state"])
        for job_state, number in found.jobs.items():
            jobs.add_metric([job_state.value], number)
        yield jobs
        attempts = CounterMetricFamily("stepfarm_attempts_ended", "Leases that ended, by how.", labels=["ending"])
        for ending, number in found.attempts.items():
            attempts.add_metric([ending.value], number)
        yield attempts
        readings = CounterMetricFamily("stepfarm_readings", "Readings stored, rejected or not.", labels=["rejected"])
        readings.add_metric(["false"], found.accepted)
        readings.add_metric(["true"], found.readings - found.accepted)
        yield readings
        yield CounterMetricFamily("stepfarm_passes", "Passes stored.", value=found.passes)
        yield GaugeMetricFamily("stepfarm_curves", "Curves.", value=found.curves)
        yield GaugeMetricFamily(
            "stepfarm_unsealed_passes",
            "Passes that are not in the blob of their curve yet.",
            value=found.unsealed_passes,
        )
        yield GaugeMetricFamily(
            "stepfarm_oldest_queued_seconds", "How long the oldest queued job waits.", value=found.oldest_queued_s
        )
        spooled = GaugeMetricFamily(
            "stepfarm_spooled_passes", "Passes that a device has not handed over, as it told last.", labels=["device"]
        )
        for number, name in found.names.items():
            if number in self._spooled:
                spooled.add_metric([name], self._spooled[number])
        yield spooled


def text_of(figures: Figures, spooled: Mapping[int, int], requests: Requests) -> bytes:
    """All that is measured, as Prometheus reads it. ``spooled`` is how many passes wait on each device, by number."""
    farm = CollectorRegistry()
    farm.register(_Farm(figures, spooled))
    return generate_latest(farm) + generate_latest(requests.registry)
