"""One exported file does the work of the eager runtime at every token count, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("timm")

import numpy as np
import onnxruntime
import timm
import torch
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

from agent.errors import MeasurementFailed
from agent.onnx.external import has_external_data
from agent.onnx.metadata import IMAGES, KEPT, ExportFacts
from agent.onnx.subject import load_exported
from agent.vit.cut import CuttableVit, forward_cut
from agent.vit.export import export_model, onnx_file
from agent.vit.kept import kept_tokens
from agent.vit.loading import load_subject
from agent.vit.models import all_tokens, load_model
from agent.vit.subject import DTYPES
from agent.wire.jobs import DataType, FailureReason, Processor, Runtime, Workload
from tests.support.memory import memory_for_more, needs_linux

NAME = "test_vit"
WORKLOAD = Workload(batch_size=2, runtime=Runtime.ONNXRUNTIME, threads=1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports") / "model.onnx"
    path.write_bytes(export_model(NAME))
    return path


def test_at_every_count_and_batch_it_computes_what_eager_computes(exported: Path) -> None:
    session = onnxruntime.InferenceSession(str(exported))
    model = load_model(NAME)
    generator = np.random.default_rng(4)

    for batch, tokens in ((1, 101), (1, 2), (3, 50), (3, 101)):
        images = generator.random((batch, 3, 160, 160), np.float32)
        kept = np.sort(generator.permutation(101)[:tokens])
        (logits,) = session.run(None, {IMAGES: images, KEPT: kept})
        with torch.inference_mode():
            eager = forward_cut(model, torch.from_numpy(images), torch.from_numpy(kept)).numpy()

        np.testing.assert_allclose(logits, eager, atol=1e-5)


def small(name: str, **traits: Any) -> CuttableVit:
    size: dict[str, Any] = {"img_size": 48, "depth": 1, "embed_dim": 64, "num_heads": 2}
    model = timm.create_model(name, **{**size, **traits}).eval()
    assert isinstance(model, VisionTransformer | Eva)
    return model


EACH_TRAIT = pytest.mark.parametrize(
    ("name", "traits", "data_type"),
    [
        ("test_vit", {"class_token": False, "reg_tokens": 4, "global_pool": "map"}, DataType.FLOAT16),
        ("vit_small_patch16_dinov3", {"head_init_scale": 1.0}, DataType.FLOAT32),
    ],
    ids=["attention pooling in half precision", "rotary embedding and registers"],
)


@EACH_TRAIT
def test_every_kind_of_model_that_can_be_cut_is_exported(
    name: str, traits: dict[str, Any], data_type: DataType, tmp_path: Path
) -> None:
    torch.manual_seed(7)
    model = small(name, **traits)
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_file(model, name, data_type))
    session = onnxruntime.InferenceSession(str(path))
    tokens, prefix = all_tokens(model), int(model.num_prefix_tokens)

    for batch, count in ((1, tokens), (2, prefix + 1), (3, tokens - 2)):
        size = int(model.patch_embed.img_size[0])
        images = torch.rand((batch, 3, size, size), generator=torch.Generator().manual_seed(9)).to(DTYPES[data_type])
        kept = torch.tensor(kept_tokens(count, all_tokens=tokens, prefix_tokens=prefix))
        (logits,) = session.run(None, {IMAGES: images.numpy(), KEPT: kept.numpy()})
        with torch.inference_mode():
            eager = forward_cut(model, images, kept).numpy()
        close = {"atol": 1e-5, "rtol": 0} if data_type is DataType.FLOAT32 else {"atol": 5e-3 * np.abs(eager).max()}
        np.testing.assert_allclose(logits, eager, **close)

    subject = load_exported(path, name, Workload(runtime=Runtime.ONNXRUNTIME, data_type=data_type, threads=1))
    subject.prepare(prefix + 1)()
    assert (subject.facts.tokens, subject.facts.prefix_tokens) == (tokens, prefix)


def test_the_door_to_the_runtimes_takes_the_exported_file(exported: Path) -> None:
    assert load_subject(NAME, WORKLOAD, exported).facts.runtime_version.startswith("onnxruntime")


def test_an_exported_model_that_yields_nan_is_refused_before_anything_is_timed(exported: Path, tmp_path: Path) -> None:
    import onnx

    file = onnx.load(str(exported))
    weights = max(file.graph.initializer, key=lambda weights: len(weights.raw_data))
    weights.raw_data = np.full(tuple(weights.dims), np.nan, np.float32).tobytes()
    onnx.save(file, str(tmp_path / "broken.onnx"))

    with pytest.raises(MeasurementFailed, match="test_vit yields NaN") as refused:
        load_exported(tmp_path / "broken.onnx", NAME, WORKLOAD)
    assert refused.value.reason is FailureReason.WORKLOAD_UNSUPPORTED


def test_a_model_that_the_exporter_cannot_follow_is_refused_with_the_cause() -> None:
    model = small(NAME)
    model.blocks[0].register_forward_pre_hook(lambda _, inputs: inputs if inputs[0].sum().item() > 0 else None)

    with pytest.raises(MeasurementFailed, match=r"test_vit cannot be exported to ONNX: .*data-dependent") as refused:
        onnx_file(model, NAME, DataType.FLOAT32)
    assert refused.value.reason is FailureReason.MODEL_UNSUPPORTED


def test_a_model_too_large_for_one_file_is_refused_before_the_export() -> None:
    with torch.device("meta"):
        model = timm.create_model("vit_giant_patch14_dinov2")
    assert isinstance(model, VisionTransformer)

    with pytest.raises(MeasurementFailed, match=r"vit_giant_patch14_dinov2 has 4\.5 GB of weights") as refused:
        onnx_file(model, "vit_giant_patch14_dinov2", DataType.FLOAT32)
    assert "float16" in refused.value.advice


def test_a_data_type_that_onnxruntime_does_not_know_is_refused_at_both_ends(exported: Path) -> None:
    workload = Workload(runtime=Runtime.ONNXRUNTIME, data_type=DataType.BFLOAT16, threads=1)
    with pytest.raises(MeasurementFailed, match="no ViT in bfloat16"):
        export_model(NAME, data_type=DataType.BFLOAT16)
    with pytest.raises(MeasurementFailed, match="no ViT in bfloat16"):
        load_exported(exported, NAME, workload)


def test_a_file_of_another_model_is_refused_by_both_names(exported: Path) -> None:
    with pytest.raises(MeasurementFailed, match="exported from test_vit, not from test_vit2"):
        load_exported(exported, "test_vit2", WORKLOAD)


@needs_linux
def test_a_batch_that_does_not_fit_is_its_own_failure(exported: Path) -> None:
    workload = Workload(batch_size=4096, runtime=Runtime.ONNXRUNTIME, threads=1)
    with memory_for_more(2**28), pytest.raises(MeasurementFailed) as failed:
        load_exported(exported, NAME, workload)
    assert failed.value.reason is FailureReason.OUT_OF_MEMORY


def test_it_says_what_it_is(exported: Path) -> None:
    subject = load_exported(exported, NAME, WORKLOAD)

    assert (subject.facts.tokens, subject.facts.prefix_tokens, subject.facts.blocks) == (101, 1, 6)
    assert subject.facts.runtime_version.startswith("onnxruntime")
    assert "torch" in subject.facts.runtime_version


def test_it_is_loaded_and_run_without_torch(exported: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = sys.modules['timm'] = None\n"
        "from pathlib import Path\n"
        "from agent.onnx.subject import load_exported\n"
        "from agent.wire.jobs import Runtime, Workload\n"
        "subject = load_exported(Path(sys.argv[1]), 'test_vit', Workload(runtime=Runtime.ONNXRUNTIME, threads=1))\n"
        "subject.prepare(50)(); print(subject.facts.tokens)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(exported)], capture_output=True, text=True, check=False)

    assert ended.stdout.strip() == "101", ended.stderr


@pytest.mark.parametrize("tokens", [1, 102])
def test_a_count_out_of_range_is_refused_by_name(exported: Path, tokens: int) -> None:
    with pytest.raises(MeasurementFailed, match=f"cut to {tokens} tokens"):
        load_exported(exported, NAME, WORKLOAD).prepare(tokens)


@pytest.mark.parametrize(
    ("workload", "said", "reason"),
    [
        (Workload(data_type=DataType.FLOAT16), "float32 images of 160", FailureReason.WORKLOAD_UNSUPPORTED),
        (Workload(image_size=224), "float32 images of 160", FailureReason.WORKLOAD_UNSUPPORTED),
        (Workload(processor=Processor.CUDA), "CUDAExecutionProvider", FailureReason.RUNTIME_MISSING),
    ],
)
def test_another_workload_is_refused_by_name(
    exported: Path, workload: Workload, said: str, reason: FailureReason
) -> None:
    with pytest.raises(MeasurementFailed, match=said) as refused:
        load_exported(exported, NAME, workload)
    assert refused.value.reason is reason


@pytest.mark.parametrize("content", [b"", b"no model", b"\x00" * 100])
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)

    with pytest.raises(MeasurementFailed, match="cannot load"):
        load_exported(path, NAME, WORKLOAD)


def test_a_file_that_does_not_say_what_it_is_is_refused(tmp_path: Path, exported: Path) -> None:
    import onnx

    nameless = onnx.load(str(exported))
    del nameless.metadata_props[:]
    onnx.save(nameless, str(tmp_path / "nameless.onnx"))

    with pytest.raises(MeasurementFailed, match="what it was exported from"):
        load_exported(tmp_path / "nameless.onnx", NAME, WORKLOAD)


def test_the_facts_survive_the_file() -> None:
    facts = ExportFacts(
        model=NAME,
        data_type=DataType.FLOAT32,
        image_size=160,
        channels=3,
        tokens=101,
        prefix_tokens=1,
        blocks=6,
        made_with="torch 2, timm 1",
    )
    assert ExportFacts.of(facts.text()) == facts


@pytest.mark.parametrize("where", ["initializer", "constant", "function"])
def test_a_file_whose_weights_lie_elsewhere_is_refused_before_it_is_loaded(tmp_path: Path, where: str) -> None:
    import onnx

    weights = onnx.numpy_helper.from_array(np.ones(4, np.float32), "w")
    onnx.external_data_helper.set_external_data(weights, "secrets.txt")
    constant = onnx.helper.make_node("Constant", [], ["w"])
    constant.attribute.add(name="value", type=onnx.AttributeProto.TENSOR, t=weights)
    x = onnx.helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [4])
    graph = onnx.helper.make_graph([constant] if where == "constant" else [], "g", [], [x])
    functions = []
    if where == "initializer":
        graph.initializer.append(weights)
    elif where == "function":
        functions = [onnx.helper.make_function("d", "f", [], ["w"], [constant], [onnx.helper.make_opsetid("", 18)])]
    path = tmp_path / "pointing.onnx"
    path.write_bytes(onnx.helper.make_model(graph, functions=functions).SerializeToString())

    with pytest.raises(MeasurementFailed, match=r"pointing\.onnx has weights in another file"):
        load_exported(path, NAME, WORKLOAD)


def test_no_export_of_ours_points_elsewhere(exported: Path) -> None:
    assert not has_external_data(exported)
