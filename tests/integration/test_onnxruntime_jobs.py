"""A device without torch measures by onnxruntime what the orchestrator exported, from the sweep to the curve."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("timm")

from agent.client import OrchestratorClient
from agent.errors import Refused
from agent.identity import Identity
from agent.wire.exports import ExportFile, ExportRequest
from agent.wire.jobs import DataType, FailureReason, LeaseRequest, Runtime, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState
from orchestrator.sweep import Sweep
from tests.support.agents import at_work, enrolled
from tests.support.plain_http import ask
from tests.support.serving import Served, serving

BLOCKING_TORCH = (
    "import sys; sys.modules['torch'] = sys.modules['timm'] = None; "
    "from agent.measure.child import main; sys.exit(main())"
)
WITHOUT_TORCH = [sys.executable, "-c", BLOCKING_TORCH]
PATIENCE_S = 240.0
"""Torch is imported and a model exported on the way."""
WORKLOAD = Workload(runtime=Runtime.ONNXRUNTIME, threads=1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("farm")) as running:
        yield running


@pytest.fixture(scope="module")
def measured(served: Served, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Identity, Path]:
    """A sweep whose jobs an agent without torch has worked off, and that agent's state."""
    home = tmp_path_factory.mktemp("board")
    identity = enrolled(served, home, "board")
    sweep = served.client.create_sweep(
        models=["test_vit"],
        workloads=[WORKLOAD, replace(WORKLOAD, data_type=DataType.BFLOAT16)],
        devices=["board"],
        plan=Plan(passes=2, stride=40),
    )
    with at_work(identity.url, identity.key, home, child=WITHOUT_TORCH):
        sweep.wait(timeout_s=PATIENCE_S)
    assert sweep.ended
    return sweep, identity, home


def test_a_device_without_torch_measures_the_exported_model_at_every_count(
    measured: tuple[Sweep, Identity, Path],
) -> None:
    sweep, _, _ = measured
    job = next(job for job in sweep.jobs if job.workload == WORKLOAD)
    assert job.state is JobState.DONE, job.failure
    (curve,) = sweep.curves()
    assert curve.summary.facts.runtime_version.startswith("onnxruntime")
    assert curve.summary.facts.tokens == 101
    assert {point.tokens for point in curve.analysis.curve.points} == {21, 61, 101}


def test_a_model_that_cannot_be_exported_fails_its_job_by_name_and_the_agent_lives_on(
    measured: tuple[Sweep, Identity, Path],
) -> None:
    sweep, _, _ = measured
    job = next(job for job in sweep.jobs if job.workload != WORKLOAD)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is FailureReason.WORKLOAD_UNSUPPORTED
    assert job.failure.message == "the orchestrator could not export the model: onnxruntime runs no ViT in bfloat16"


def test_the_file_is_fetched_whole_or_from_any_byte_by_whoever_has_a_key(
    served: Served, measured: tuple[Sweep, Identity, Path]
) -> None:
    _, identity, home = measured
    (kept,) = (home / "exports").iterdir()
    content = kept.read_bytes()
    file = ExportFile(sha256=kept.stem, size_bytes=len(content))
    client = OrchestratorClient(identity.url, identity.key)

    assert b"".join(client.fetch_export(file, 0)) == content
    assert b"".join(client.fetch_export(file, len(content) - 10)) == content[-10:]
    assert ask(served.url, "GET", f"/v1/exports/{file.sha256}").status == 401


def test_a_job_of_another_runtime_has_no_exported_model(served: Served, tmp_path: Path) -> None:
    identity = enrolled(served, tmp_path, "other")
    served.client.create_sweep(models=["test_vit"], workloads=[Workload()], devices=["other"], plan=Plan())
    client = OrchestratorClient(identity.url, identity.key)
    lease = client.lease(LeaseRequest(claim="0" * 16, run="0" * 16)).lease
    assert lease is not None

    with pytest.raises(Refused, match="runtime eager, which needs no exported model"):
        client.export(lease.job_id, ExportRequest(fence=lease.fence))
