"""What Prometheus reads of the farm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.wire.jobs import Heartbeat, LeaseRequest, Workload
from orchestrator.analysis.planning import Plan
from tests.support.filling import begun, enrolled
from tests.support.plain_http import ask
from tests.support.serving import Served, serving

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("measured")) as running:
        yield running


def scraped(served: Served) -> Samples:
    """Every sample, by its name and labels."""
    answer = ask(served.url, "GET", "/metrics", key=served.operator_key, protocol=None)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.data.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_the_farm_is_told_in_figures(served: Served) -> None:
    device = enrolled(served.url, served.client, "measured")
    job = begun(device, served.client, plan=Plan(passes=1, min_tokens=190, stride=4))
    served.client.create_sweep(models=["b"], workloads=[Workload()], devices=["measured"])
    device.client.heartbeat(job.job_id, Heartbeat(fence=job.fence, spooled=5))

    samples = scraped(served)

    assert value(samples, "stepfarm_devices", state="measuring") == 1
    assert value(samples, "stepfarm_jobs", state="leased") == 1
    assert value(samples, "stepfarm_jobs", state="queued") == 1
    assert value(samples, "stepfarm_spooled_passes", device="measured") == 5
    before = value(samples, "stepfarm_readings_total", rejected="false")
    job.finish()
    device.client.lease(LeaseRequest(claim="ab" * 16, run="cd" * 16))
    samples = scraped(served)
    assert value(samples, "stepfarm_attempts_ended_total", ending="done") == 1
    assert value(samples, "stepfarm_readings_total", rejected="false") > before
    assert value(samples, "stepfarm_spooled_passes", device="measured") == 0


def test_requests_are_counted_by_their_route_and_strange_paths_make_no_series_of_their_own(served: Served) -> None:
    for number in range(3):
        ask(served.url, "GET", f"/nowhere/{number}", key=served.operator_key)
    served.client.devices()

    samples = scraped(served)

    name = "stepfarm_request_seconds_count"
    assert value(samples, name, method="none", route="none", status="404") >= 3
    assert value(samples, name, method="GET", route="/v1/devices", status="200") >= 1
    assert {labels for sample, labels in samples if "nowhere" in str(labels)} == set()
