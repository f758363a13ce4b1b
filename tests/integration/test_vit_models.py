from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("timm")

import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from agent.errors import MeasurementFailed
from agent.vit.cut import forward_cut
from agent.vit.kept import kept_tokens
from agent.vit.loading import load_subject, require
from agent.vit.models import all_tokens, load_model, not_plain
from agent.vit.subject import VitSubject
from agent.wire.fields import MOST_TOKENS
from agent.wire.jobs import DataType, FailureReason, Processor, Runtime, Workload
from tests.support.vits import PLAIN, a_vit, logits_with_patches_dropped


def a_vit_of_timms() -> VisionTransformer:
    model = timm.create_model("test_vit", img_size=48)
    assert isinstance(model, VisionTransformer)
    return model.eval()


def assert_bit_equal(model: VisionTransformer, size: int) -> None:
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    kept = torch.tensor(
        kept_tokens(all_tokens(model), all_tokens=all_tokens(model), prefix_tokens=int(model.num_prefix_tokens))
    )
    with torch.inference_mode():
        assert torch.equal(forward_cut(model, images, kept), model(images))


@pytest.mark.parametrize("traits", PLAIN.values(), ids=PLAIN.keys())
def test_with_all_tokens_kept_the_logits_are_bit_for_bit_the_plain_models(traits: dict[str, Any]) -> None:
    model = a_vit(**traits)
    assert not_plain(model) is None
    assert_bit_equal(model, 48)


def test_a_distilled_model_with_its_two_prefix_tokens_is_bit_equal_too() -> None:
    model = timm.create_model("deit_tiny_distilled_patch16_224", img_size=48, depth=1, embed_dim=32, num_heads=2)
    assert isinstance(model, VisionTransformer)
    assert not_plain(model) is None
    assert_bit_equal(model.eval(), 48)


@pytest.mark.parametrize("traits", PLAIN.values(), ids=PLAIN.keys())
def test_the_blocks_see_exactly_so_many_tokens(traits: dict[str, Any]) -> None:
    model = a_vit(**traits)
    prefix = int(model.num_prefix_tokens)
    seen: list[int] = []
    model.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    for tokens in range(prefix + 1, all_tokens(model) + 1):
        kept = torch.tensor(kept_tokens(tokens, all_tokens=all_tokens(model), prefix_tokens=prefix))
        assert torch.isfinite(forward_cut(model, torch.rand(1, 3, 48, 48), kept)).all()
    assert seen == list(range(prefix + 1, all_tokens(model) + 1))


@pytest.mark.parametrize("traits", PLAIN.values(), ids=PLAIN.keys())
def test_with_fewer_tokens_it_is_the_model_whose_patches_timm_dropped(traits: dict[str, Any]) -> None:
    model = a_vit(**traits)
    images = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    kept = torch.tensor(
        kept_tokens(all_tokens(model) - 3, all_tokens=all_tokens(model), prefix_tokens=int(model.num_prefix_tokens))
    )
    with torch.inference_mode():
        expected = logits_with_patches_dropped(model, images, kept)
        torch.testing.assert_close(forward_cut(model, images, kept), expected, atol=1e-6, rtol=1e-5)


def test_a_model_has_the_same_random_weights_every_time_and_leaves_torchs_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = load_model("test_vit"), load_model("test_vit")
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not first.training


def test_a_name_with_a_tag_is_the_same_architecture() -> None:
    assert all_tokens(load_model("test_vit.r160_in1k")) == all_tokens(load_model("test_vit")) == 101


@pytest.mark.parametrize("name", ["test_vitt", "test_vit.nonsense", "hf-hub:timm/test_vit", "local-dir:/tmp/x"])
def test_an_unknown_model_is_refused(name: str) -> None:
    with pytest.raises(MeasurementFailed) as refused:
        load_model(name)
    assert refused.value.reason is FailureReason.MODEL_UNKNOWN


def test_close_names_are_offered_for_an_unknown_model() -> None:
    with pytest.raises(MeasurementFailed) as refused:
        load_model("deit_tiny_patch16_24")
    assert "deit_tiny_patch16_224" in refused.value.advice


@pytest.mark.parametrize(
    ("name", "image_size", "why"),
    [
        ("resnet18", None, "ResNet"),
        ("resnet18", 64, "ResNet"),
        ("test_vit_relpos", None, "VisionTransformerRelPos"),
        ("test_efficientnet", None, "EfficientNet"),
    ],
)
def test_a_model_that_is_no_plain_vit_is_refused_by_name(name: str, image_size: int | None, why: str) -> None:
    with pytest.raises(MeasurementFailed, match=f"{name} .*{why}") as refused:
        load_model(name, image_size=image_size)
    assert refused.value.reason is FailureReason.MODEL_UNSUPPORTED


def test_a_vit_with_foreign_blocks_or_a_foreign_attention_is_not_plain() -> None:
    class OtherBlock(timm.models.vision_transformer.Block):
        pass

    other_blocks, other_attention = a_vit(block_fn=OtherBlock), a_vit()
    other_attention.blocks[1].attn = torch.nn.Identity()
    assert "OtherBlock" in (not_plain(other_blocks) or "")
    assert "Identity" in (not_plain(other_attention) or "")
    assert "drops patches" in (not_plain(a_vit(patch_drop_rate=0.5)) or "")


def test_another_image_size_makes_another_number_of_tokens() -> None:
    subject = load_subject("test_vit", Workload(image_size=64, threads=1))
    assert (subject.facts.tokens, subject.facts.image_size) == (17, 64)


@pytest.mark.parametrize("image_size", [8, 100, 16 * (int(MOST_TOKENS**0.5) + 1)])
def test_an_image_size_that_does_not_fit_is_refused(image_size: int) -> None:
    with pytest.raises(MeasurementFailed) as refused:
        load_subject("test_vit", Workload(image_size=image_size, threads=1))
    assert refused.value.reason is FailureReason.WORKLOAD_UNSUPPORTED


def test_a_model_of_images_that_are_not_square_is_refused_and_a_size_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = timm.create_model("test_vit", img_size=(48, 32))
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: model)
    with pytest.raises(MeasurementFailed, match="48 x 32") as refused:
        load_model("test_vit")
    assert refused.value.reason is FailureReason.WORKLOAD_UNSUPPORTED
    assert "image size" in refused.value.advice


@pytest.mark.parametrize("data_type", list(DataType))
def test_a_model_runs_in_every_data_type_at_its_fewest_and_most_tokens(data_type: DataType) -> None:
    subject = load_subject("test_vit", Workload(batch_size=2, data_type=data_type, threads=1))
    for tokens in (2, subject.facts.tokens):
        subject.prepare(tokens)()


def test_the_same_call_runs_the_very_batch_that_was_asked_for() -> None:
    model = a_vit_of_timms()
    seen: list[tuple[torch.Size, torch.dtype]] = []
    model.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append((inputs[0].shape, inputs[0].dtype)))
    VitSubject(model, Workload(batch_size=3), threads=1).prepare(4)()
    assert seen == [(torch.Size((3, 4, 64)), torch.float32)]


def test_threads_are_as_many_as_the_workload_says() -> None:
    subject = load_subject("test_vit", Workload(image_size=32, threads=1))
    assert subject.facts.threads == torch.get_num_threads() == 1
    assert torch.get_num_interop_threads() == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(MeasurementFailed, match="cuda") as refused:
        load_subject("test_vit", Workload(processor=Processor.CUDA))
    assert refused.value.reason is FailureReason.WORKLOAD_UNSUPPORTED


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_call_returns_when_the_work_is_done() -> None:
    subject = load_subject("test_vit", Workload(batch_size=64, processor=Processor.CUDA))
    subject.prepare(101)()
    assert torch.cuda.current_stream().query()


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
@pytest.mark.parametrize("data_type", [DataType.FLOAT32, DataType.FLOAT16])
def test_a_model_that_yields_nan_or_infinity_is_refused_before_anything_is_timed(
    weight: float, data_type: DataType, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = a_vit_of_timms()
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.fill_(weight)
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: model)

    with pytest.raises(MeasurementFailed, match=f"test_vit yields NaN or infinity in {data_type.value}") as refused:
        load_subject("test_vit", Workload(data_type=data_type, threads=1))

    assert refused.value.reason is FailureReason.WORKLOAD_UNSUPPORTED
    assert ("float32" in refused.value.advice) == (data_type is DataType.FLOAT16)


def test_a_data_type_that_the_processor_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = a_vit_of_timms()
    # One of the many that torch's CPU has no half-precision code for.
    model.blocks[0].register_forward_pre_hook(lambda _, inputs: torch.linalg.qr(inputs[0]) and None)
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: model)

    with pytest.raises(MeasurementFailed, match=r"does not run with this workload: .*Half") as refused:
        load_subject("test_vit", Workload(data_type=DataType.FLOAT16, threads=1))

    assert refused.value.reason is FailureReason.WORKLOAD_UNSUPPORTED
    assert "data type" in refused.value.advice


def test_a_runtime_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(MeasurementFailed, match="onnxruntime") as refused:
        load_subject("test_vit", Workload(runtime=Runtime.ONNXRUNTIME))
    assert refused.value.reason is FailureReason.RUNTIME_MISSING


@pytest.mark.parametrize("package", ["torch", "timm"])
def test_a_missing_package_is_told_with_the_command_that_installs_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MeasurementFailed, match=package) as refused:
        load_subject("test_vit", Workload())
    assert refused.value.reason is FailureReason.RUNTIME_MISSING
    assert "pip install stepfarm[torch]" in refused.value.advice


@pytest.mark.parametrize("package", ["torch", "timm", "onnxruntime"])
@pytest.mark.parametrize(
    "death", ["raise OSError('libcudart.so.12: cannot open')", "raise RuntimeError('built for another numpy')"]
)
def test_a_package_that_dies_on_import_is_told_in_its_own_words(
    package: str, death: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{package}.py").write_text(death)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package, raising=False)

    with pytest.raises(MeasurementFailed, match=f"{package} cannot be imported: (libcudart|built)") as refused:
        require(package, extra="torch")

    assert refused.value.reason is FailureReason.RUNTIME_MISSING


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("could not create a primitive"),
        RuntimeError("std::bad_alloc"),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
    ],
)
def test_memory_that_runs_out_in_a_call_is_its_own_failure(error: RuntimeError) -> None:
    def run_out(*_: object) -> None:
        raise error

    model = a_vit_of_timms()
    model.blocks[0].register_forward_pre_hook(run_out)
    with pytest.raises(MeasurementFailed) as failed:
        VitSubject(model, Workload(), threads=1).prepare(4)()
    assert failed.value.reason is FailureReason.OUT_OF_MEMORY


def test_an_operation_that_is_not_there_is_no_matter_of_memory() -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("could not create a primitive descriptor for the matmul primitive")

    model = a_vit_of_timms()
    model.blocks[0].register_forward_pre_hook(refuse)
    with pytest.raises(RuntimeError, match="descriptor"):
        VitSubject(model, Workload(), threads=1).prepare(4)()
