"""The process that exports: whatever becomes of it is told, and costs one export. None of these comes to torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import MeasurementFailed
from agent.vit.exporting import ExportWish, export_apart
from agent.wire.jobs import DataType, FailureReason, Runtime, Workload

WISH = ExportWish(model="test_vit", image_size=None, data_type=DataType.FLOAT32)


def with_a_torch_that(does: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "torch.py").write_text(f"import os, signal\n{does}\n")
    patch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize(
    ("does", "reason", "said"),
    [
        ("raise ImportError('no libcudart')", FailureReason.RUNTIME_MISSING, "torch cannot be imported: no libcudart"),
        ("os.kill(os.getpid(), signal.SIGILL)", FailureReason.CRASHED, "the exporting process met an instruction"),
        ("os.kill(os.getpid(), signal.SIGKILL)", FailureReason.OUT_OF_MEMORY, "the exporting process was killed"),
        ("print('noise'); os._exit(3)", FailureReason.CRASHED, "the exporting process ended with status 3"),
    ],
)
def test_a_torch_that_dies_on_import_costs_one_export_and_is_told(
    does: str, reason: FailureReason, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_torch_that(does, tmp_path, monkeypatch)
    with pytest.raises(MeasurementFailed, match=said) as failed:
        export_apart(WISH)
    assert failed.value.reason is reason


def test_a_data_type_that_onnxruntime_does_not_know_is_refused_before_torch_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_torch_that("os._exit(3)", tmp_path, monkeypatch)
    with pytest.raises(MeasurementFailed, match="no ViT in bfloat16"):
        export_apart(ExportWish.of("test_vit", Workload(runtime=Runtime.ONNXRUNTIME, data_type=DataType.BFLOAT16)))
