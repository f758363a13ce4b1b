"""One exported file does the work of the eager runtime at every token count, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from agent.errors import MeasurementFailed
from agent.onnx.metadata import IMAGES, KEPT, ExportFacts
from agent.onnx.subject import load_exported
from agent.vit.cut import forward_cut
from agent.vit.export import export_model
from agent.vit.models import load_model
from agent.wire.jobs import DataType, FailureReason, Processor, Runtime, Workload

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


def test_it_says_what_it_is(exported: Path) -> None:
    subject = load_exported(exported, WORKLOAD)

    assert (subject.facts.tokens, subject.facts.prefix_tokens, subject.facts.blocks) == (101, 1, 6)
    assert subject.facts.runtime_version.startswith("onnxruntime")
    assert "torch" in subject.facts.runtime_version


def test_it_is_loaded_and_run_without_torch(exported: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = sys.modules['timm'] = None\n"
        "from pathlib import Path\n"
        "from agent.onnx.subject import load_exported\n"
        "from agent.wire.jobs import Runtime, Workload\n"
        "subject = load_exported(Path(sys.argv[1]), Workload(runtime=Runtime.ONNXRUNTIME, threads=1))\n"
        "subject.prepare(50)(); print(subject.facts.tokens)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(exported)], capture_output=True, text=True, check=False)

    assert ended.stdout.strip() == "101", ended.stderr


@pytest.mark.parametrize("tokens", [1, 102])
def test_a_count_out_of_range_is_refused_by_name(exported: Path, tokens: int) -> None:
    with pytest.raises(MeasurementFailed, match=f"cut to {tokens} tokens"):
        load_exported(exported, WORKLOAD).prepare(tokens)


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
        load_exported(exported, workload)
    assert refused.value.reason is reason


@pytest.mark.parametrize("content", [b"", b"no model", b"\x00" * 100])
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)

    with pytest.raises(MeasurementFailed, match="cannot load"):
        load_exported(path, WORKLOAD)


def test_a_file_that_does_not_say_what_it_is_is_refused(tmp_path: Path, exported: Path) -> None:
    import onnx

    nameless = onnx.load(str(exported))
    del nameless.metadata_props[:]
    onnx.save(nameless, str(tmp_path / "nameless.onnx"))

    with pytest.raises(MeasurementFailed, match="what it was exported from"):
        load_exported(tmp_path / "nameless.onnx", WORKLOAD)


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
