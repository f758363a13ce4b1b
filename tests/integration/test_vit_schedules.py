"""A schedule applied to a real model: what stays the same, what goes, and who decides."""

from __future__ import annotations

import copy
import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("timm")

import onnxruntime
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from agent.errors import ScheduleRefused
from agent.vit.models import all_tokens
from agent.vit.scheduled import MergingBlock, PruningBlock
from agent.wire.codec import encode, to_plain
from agent.wire.schedules import Method, Schedule
from stepfarm import apply_schedule
from tests.support.schedule_files import FILE
from tests.support.vits import PLAIN, a_vit

DEPTH = 4


def images(count: int = 3, size: int = 96) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(5))


def a_model(**traits: Any) -> VisionTransformer:
    return a_vit(**{"img_size": 96, "depth": DEPTH, "embed_dim": 64, "num_heads": 4, **traits})


def a_schedule(model: VisionTransformer, method: Method, *leaving_less: int) -> Schedule:
    """Fewer and fewer tokens: ``leaving_less[i]`` go in block i."""
    left, leaving = all_tokens(model), []
    for gone in (*leaving_less, *(0,) * (len(model.blocks) - len(leaving_less))):
        left -= gone
        leaving.append(left)
    return Schedule(
        method=method,
        tokens=all_tokens(model),
        prefix_tokens=int(model.num_prefix_tokens),
        leaving=tuple(leaving),
    )


def tokens_that_leave(model: VisionTransformer) -> list[int]:
    """How many tokens come out of each block when the model runs."""
    seen: list[int] = []

    def note(_block: Any, _given: Any, given_out: Any) -> None:
        x = given_out[0] if isinstance(given_out, tuple) else given_out
        seen.append(x.shape[1])

    hooks = [block.register_forward_hook(note) for block in model.blocks]
    with torch.inference_mode():
        model(images(1))
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("traits", PLAIN.values(), ids=PLAIN.keys())
def test_with_nothing_pruned_the_result_is_bit_for_bit_the_plain_models(traits: dict[str, Any], method: Method) -> None:
    model = a_model(**traits)

    with torch.inference_mode():
        assert torch.equal(apply_schedule(model, a_schedule(model, method))(images()), model(images()))


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("traits", PLAIN.values(), ids=PLAIN.keys())
def test_exactly_as_many_tokens_leave_each_block_as_the_schedule_says(traits: dict[str, Any], method: Method) -> None:
    model = a_model(**traits)
    schedule = a_schedule(model, method, 0, 7, 1, 4)
    if method.needs_class_token and not model.has_class_token:
        with pytest.raises(ScheduleRefused, match="class token"):
            apply_schedule(model, schedule)
        return

    assert tokens_that_leave(apply_schedule(model, schedule)) == list(schedule.leaving)


@pytest.mark.parametrize("method", Method)
def test_an_image_gets_the_same_logits_alone_and_among_others(method: Method) -> None:
    model = a_model()
    pruned = apply_schedule(model, a_schedule(model, method, 5, 0, 6))

    with torch.inference_mode():
        together = pruned(images(8))
        alone = torch.cat([pruned(image[None]) for image in images(8)])

    torch.testing.assert_close(together, alone, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("method", Method)
def test_the_model_that_was_given_goes_on_as_before_and_shares_its_parameters(method: Method) -> None:
    model = a_model()
    names, before = list(model.state_dict()), model(images())

    pruned = apply_schedule(model, a_schedule(model, method, 5))

    assert torch.equal(model(images()), before)
    assert list(pruned.state_dict()) == names
    assert [parameter.data_ptr() for parameter in pruned.parameters()] == [
        parameter.data_ptr() for parameter in model.parameters()
    ]
    assert not any(isinstance(block, PruningBlock | MergingBlock) for block in model.blocks)


@pytest.mark.parametrize("method", Method)
def test_it_is_copied_saved_and_loaded_like_any_model(method: Method) -> None:
    model = a_model()
    pruned = apply_schedule(model, a_schedule(model, method, 5, 2))
    expected = pruned(images())
    file = io.BytesIO()

    torch.save(pruned.state_dict(), file)
    file.seek(0)
    other = a_model()
    torch.nn.init.normal_(next(other.parameters()))
    loaded = apply_schedule(other, a_schedule(other, method, 5, 2))
    loaded.load_state_dict(torch.load(file))

    whole = io.BytesIO()
    torch.save(pruned, whole)
    whole.seek(0)

    assert torch.equal(copy.deepcopy(pruned)(images()), expected)
    assert torch.equal(loaded(images()), expected)
    assert torch.equal(torch.load(whole, weights_only=False)(images()), expected)


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_it_runs_in_half_precision_and_under_autocast(method: Method, kind: torch.dtype) -> None:
    model = a_model()
    schedule = a_schedule(model, method, 5, 2)

    with torch.inference_mode(), torch.autocast("cpu", dtype=kind):
        automatic = apply_schedule(model, schedule)(images())
    with torch.inference_mode():
        cast = apply_schedule(model.to(kind), schedule)(images().to(kind))

    assert cast.dtype is kind
    assert torch.isfinite(automatic).all()
    assert torch.isfinite(cast).all()


# Each export takes seconds; these two hold every operation of the others.
@pytest.mark.parametrize("method", [Method.EVIT, Method.TOKEN_MERGING])
def test_it_is_exported_to_onnx_and_computes_the_same_there(method: Method) -> None:
    model = a_model()
    pruned = apply_schedule(model, a_schedule(model, method, 5, 2))

    program = torch.onnx.export(pruned, (images(1),), dynamo=True, verbose=False)
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    (logits,) = session.run(None, {session.get_inputs()[0].name: images(1).numpy()})

    torch.testing.assert_close(torch.from_numpy(logits), pruned(images(1)).detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", [Method.ONE_MORE, Method.TOKEN_MERGING])
def test_it_compiles_as_one_graph(method: Method) -> None:
    model = a_model(depth=2)
    pruned = apply_schedule(model, a_schedule(model, method, 5))

    with torch.inference_mode():
        # The backend that generates no code: what is promised is that nothing breaks the graph.
        compiled = torch.compile(pruned, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(images(1)), pruned(images(1)))


def test_training_works_through_what_was_kept() -> None:
    model = a_model().train()
    pruned = apply_schedule(model, a_schedule(model, Method.TOKEN_MERGING, 5, 2))

    pruned(images()).sum().backward()

    assert pruned.training
    assert all(parameter.grad is not None for parameter in model.blocks[0].parameters())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"leaving": (37, 37)}, "2 blocks, and this one has 4"),
        ({"tokens": 40, "leaving": (40, 40, 40, 40)}, "40 tokens, and this one has 37"),
        ({"prefix_tokens": 2}, "2 prefix tokens, and this one has 1"),
    ],
)
def test_a_schedule_for_another_model_is_refused_by_name_before_anything_runs(
    changed: dict[str, Any], said: str
) -> None:
    fields = {"method": Method.RANDOM, "tokens": 37, "prefix_tokens": 1, "leaving": (37, 30, 30, 20)}

    with pytest.raises(ScheduleRefused, match=said):
        apply_schedule(a_model(), Schedule(**{**fields, **changed}))


def test_an_exported_file_is_applied_in_one_line_and_only_to_the_model_it_was_made_for(tmp_path: Path) -> None:
    schedule = Schedule.pruned_once(Method.TOP_K, tokens=101, prefix_tokens=1, blocks=6, block=1, keep=60)
    path = tmp_path / "schedule.json"
    path.write_bytes(encode(dataclasses.replace(FILE, schedule=schedule, model="test_vit.r160_in1k")))
    model = timm.create_model("test_vit")

    pruned = apply_schedule(model, path)

    assert torch.equal(pruned(images(1, 160)), apply_schedule(model, to_plain(schedule))(images(1, 160)))
    path.write_bytes(encode(dataclasses.replace(FILE, schedule=schedule, model="test_vit2")))
    with pytest.raises(ScheduleRefused, match="made for test_vit2, and this model is test_vit"):
        apply_schedule(model, path)


def test_what_is_no_plain_vit_is_refused_by_name() -> None:
    fields: Any = {"method": Method.RANDOM, "tokens": 37, "prefix_tokens": 1, "leaving": (37,)}

    with pytest.raises(ScheduleRefused, match="Linear"):
        apply_schedule(torch.nn.Linear(3, 3), Schedule(**fields))


def test_images_of_another_size_than_the_schedules_are_refused() -> None:
    model = a_model(dynamic_img_size=True)
    pruned = apply_schedule(model, a_schedule(model, Method.ONE_MORE, 5))

    with pytest.raises(ScheduleRefused, match="10 tokens came"):
        pruned(images(1, 48))
