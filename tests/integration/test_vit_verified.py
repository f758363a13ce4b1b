"""The real model under one schedule and another, as a subject to be timed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("timm")

import torch

from agent.errors import MeasurementFailed
from agent.vit.compiled import whole_forward_of
from agent.vit.models import load_model
from agent.vit.subject import VitSubject, load_vit_subject
from agent.wire.jobs import FailureReason, Runtime, Workload
from agent.wire.schedules import Method, Schedule
from stepfarm import apply_schedule

ONCE = Schedule.pruned_once(Method.ONE_MORE, tokens=101, prefix_tokens=1, blocks=6, block=1, keep=60)
NOTHING = Schedule(method=Method.ONE_MORE, tokens=101, prefix_tokens=1, leaving=(101,) * 6)


@pytest.fixture(scope="module")
def subject() -> VitSubject:
    return load_vit_subject("test_vit", Workload(threads=1))


@pytest.fixture
def seen(subject: VitSubject) -> Iterator[list[torch.Tensor]]:
    """What comes out of the models that the subject runs."""
    found: list[torch.Tensor] = []
    before = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _given, out: found.append(out) if hasattr(module, "patch_embed") else None
    )
    yield found
    before.remove()


def test_what_is_timed_is_the_model_with_the_schedule_applied(subject: VitSubject, seen: list[Any]) -> None:
    subject.prepare_schedule(ONCE)()
    subject.prepare_schedule(NOTHING)()

    model = load_model("test_vit")
    images = subject._images
    with torch.inference_mode():
        assert torch.equal(seen[0], apply_schedule(model, ONCE)(images))
        assert torch.equal(seen[1], model(images))


def test_a_schedule_for_another_model_ends_the_job_with_its_reason(subject: VitSubject) -> None:
    other = Schedule(method=Method.RANDOM, tokens=101, prefix_tokens=1, leaving=(101, 60))
    with pytest.raises(MeasurementFailed, match="2 blocks, and this one has 6") as refused:
        subject.prepare_schedule(other)
    assert refused.value.reason is FailureReason.SCHEDULE_REFUSED


def test_a_compiled_runtime_runs_the_scheduled_model_as_one_graph() -> None:
    model = apply_schedule(load_model("test_vit"), ONCE)
    images = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        compiled = whole_forward_of(Runtime.COMPILE_STATIC, model, backend="eager")
        torch.testing.assert_close(compiled(images), model(images))
