"""Blocks timed in place: one forward pass that is the model's own, marked between its blocks."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("timm")

import torch

from agent.clock import SystemClock
from agent.errors import MeasurementFailed
from agent.measure.gauge import ThreadGauge
from agent.measure.isolation import MeasuringChild
from agent.measure.sampling import Sampler
from agent.measure.stamps import Stamps
from agent.vit.blocks import BlocksInPlace, forward_marking
from agent.vit.cut import CuttableVit, forward_cut
from agent.vit.kept import kept_tokens
from agent.vit.models import all_tokens, load_model
from agent.vit.subject import VitSubject
from agent.wire.jobs import FailureReason, Round, Runtime, Subject, Workload
from tests.support.vits import EVA, PLAIN, a_vit, an_eva

MODELS = [a_vit(depth=3, **PLAIN["registers"]), an_eva(depth=3, **EVA["rotary embedding of each block and head"])]
FAMILIES = ["plain", "rotary"]


def some_images() -> torch.Tensor:
    return torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def kept_of(model: CuttableVit, tokens: int) -> torch.Tensor:
    return torch.tensor(kept_tokens(tokens, all_tokens=all_tokens(model), prefix_tokens=int(model.num_prefix_tokens)))


@pytest.mark.parametrize("model", MODELS, ids=FAMILIES)
def test_marks_leave_the_logits_as_they_are_bit_for_bit(model: CuttableVit) -> None:
    images, kept = some_images(), kept_of(model, 7)
    marks: list[None] = []
    with torch.inference_mode():
        logits = forward_marking(model, images, kept, lambda: marks.append(None))
        assert torch.equal(logits, forward_cut(model, images, kept))
    assert len(marks) == len(model.blocks) + 1


@pytest.mark.parametrize("model", MODELS, ids=FAMILIES)
def test_each_block_has_the_time_between_its_marks_and_embedding_and_head_have_none(model: CuttableVit) -> None:
    now = itertools.count(0, 5)
    timed = BlocksInPlace(model, some_images(), kept_of(model, 7), Stamps(lambda: next(now)))
    timed()
    timed()
    assert timed.blocks_ns() == (5, 5, 5)


def test_one_reading_of_a_real_model_holds_every_block_within_the_whole_forward_pass() -> None:
    subject = VitSubject(load_model("test_vit", image_size=48), Workload(), threads=1)
    round_ = Round(number=0, subject=Subject.BLOCKS, tokens=(2, 5), sentinel=10, min_passes=1, max_passes=1, seed=0)
    sampled = Sampler(subject=subject, clock=SystemClock(), gauge=ThreadGauge(), threads=1).measure_pass(round_, 0)
    assert {reading.tokens for reading in sampled.readings} == {2, 5, 10}
    for reading in sampled.readings:
        assert len(reading.blocks_ns) == subject.facts.blocks
        assert 0 < sum(reading.blocks_ns) < reading.latency_ns


@pytest.mark.parametrize("runtime", [Runtime.COMPILE_DYNAMIC, Runtime.COMPILE_STATIC])
def test_a_compiled_model_has_no_blocks_to_time_and_is_refused_by_name(runtime: Runtime) -> None:
    subject = VitSubject(load_model("test_vit", image_size=48), Workload(runtime=runtime), threads=1)
    with pytest.raises(MeasurementFailed, match=f"the runtime {runtime.value} executes the model as one piece") as told:
        subject.prepare_blocks(4, SystemClock().monotonic_ns)
    assert told.value.reason is FailureReason.WORKLOAD_UNSUPPORTED
    assert "eager" in told.value.advice


def test_the_measuring_child_times_blocks_where_the_round_asks_for_them() -> None:
    round_ = Round(number=0, subject=Subject.BLOCKS, tokens=(2, 101), sentinel=101, min_passes=1, max_passes=1, seed=0)
    with MeasuringChild(clock=SystemClock()) as child:
        facts = child.start("test_vit", Workload(threads=1))
        measured = child.measure_pass(round_, 0, deadline_s=120)
    assert {len(reading.blocks_ns) for reading in measured.readings} == {facts.blocks}
