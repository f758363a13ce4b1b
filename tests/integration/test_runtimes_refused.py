"""What a sweep from the command line asks of a device that cannot do it fails by name, and the agent lives on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("timm")

import torch

from agent.wire.jobs import FailureReason
from orchestrator.jobs.states import JobState
from tests.support.agents import at_work, enrolled
from tests.support.commands import Stepfarm
from tests.support.serving import Served, serving

FALLING_BACK = (
    "import os, sys; os.environ['TORCHDYNAMO_DISABLE'] = '1'; from agent.measure.child import main; sys.exit(main())"
)
"""A child on a machine where torch was told to run eagerly whatever it is asked, without a word."""

PATIENCE_S = 300.0
"""Torch is imported for each job."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("farm")) as running:
        yield running


@pytest.fixture
def stepfarm(capsys: pytest.CaptureFixture[str], served: Served, monkeypatch: pytest.MonkeyPatch) -> Stepfarm:
    monkeypatch.setenv("STEPFARM_URL", served.url)
    monkeypatch.setenv("STEPFARM_KEY", served.operator_key)
    return Stepfarm(capsys)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU: cuda is not refused here")
def test_a_silent_fall_back_and_a_missing_gpu_fail_their_jobs_by_name_and_the_next_job_is_measured(
    stepfarm: Stepfarm, served: Served, tmp_path: Path
) -> None:
    identity = enrolled(served, tmp_path, "board")
    few = ("--device", "board", "--passes", "1", "--stride", "50", "--threads", "1")
    for asked in (("--runtime", "compile-dynamic"), ("--processor", "cuda"), ()):
        assert stepfarm("sweep", "create", "test_vit", *few, *asked).code == 0

    sweeps = [served.client.sweep(number) for number in (1, 2, 3)]
    with at_work(identity.url, identity.key, tmp_path, child=[sys.executable, "-c", FALLING_BACK]):
        for sweep in sweeps:
            sweep.wait(timeout_s=PATIENCE_S)

    assert [job.state for sweep in sweeps for job in sweep.jobs] == [JobState.FAILED, JobState.FAILED, JobState.DONE]
    compiled, cuda, _ = (sweep.jobs[0].failure for sweep in sweeps)
    assert compiled is not None
    assert compiled.reason is FailureReason.RUNTIME_MISSING
    assert compiled.message == "torch did not compile the model although it was asked to"
    assert "TORCHDYNAMO_DISABLE" in compiled.advice
    assert cuda is not None
    assert cuda.reason is FailureReason.WORKLOAD_UNSUPPORTED
    assert cuda.message == "the workload asks for cuda, and torch finds no CUDA device here"
    assert "cpu" in cuda.advice
