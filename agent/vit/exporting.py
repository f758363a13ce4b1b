"""Exporting a model in a process of its own, ``python -m agent.vit.exporting WISH FILE``: a crash costs that alone.

Needs no torch to import; the process that does the work does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from agent.errors import MeasurementFailed
from agent.measure.child import die_with_parent, out_of_memory, take_standard_streams, unforeseen
from agent.measure.deaths import failure_of_death
from agent.measure.isolation import import_root
from agent.onnx.metadata import refuse_unexportable
from agent.vit.loading import require, require_torch
from agent.wire.codec import Message, WireError, decode, encode
from agent.wire.fields import ModelName, Range
from agent.wire.jobs import DataType, Failure, FailureReason, Workload

LONGEST_S = 1_800.0
"""The largest models take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWish(Message):
    """What decides what is in an exported file. Batch size and token count are open in it."""

    model: ModelName
    image_size: Annotated[int, Range(8, 4_096)] | None
    data_type: DataType

    @classmethod
    def of(cls, model: str, workload: Workload) -> ExportWish:
        """What ``model`` at this ``workload`` needs."""
        return cls(model=model, image_size=workload.image_size, data_type=workload.data_type)


def export_here(wish: ExportWish) -> bytes:
    """The exported file, made in this process, which holds torch from then on.

    Raises:
        MeasurementFailed: a package is missing, the model is unknown or cannot be cut or exported so.
    """
    refuse_unexportable(wish.data_type)
    require_torch()
    for name in ("onnx", "onnxscript"):
        require(name, extra="exporter")
    from agent.vit.export import export_model

    return export_model(wish.model, image_size=wish.image_size, data_type=wish.data_type)


def export_apart(wish: ExportWish) -> bytes:
    """The exported file, made by a process of its own, which is gone afterwards with its memory.

    Raises:
        MeasurementFailed: as `export_here`; or that process died, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="stepfarm-export-") as folder:
        file = Path(folder) / "model.onnx"
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "agent.vit.exporting", encode(wish).decode(), str(file)],
                cwd=import_root(),
                env=os.environ | {"HF_HUB_OFFLINE": "1"},  # as in a measurement: nothing is downloaded
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MeasurementFailed(
                FailureReason.TIMED_OUT,
                f"exporting {wish.model} took longer than {LONGEST_S:.0f} s",
                "Choose a smaller model, or ask for the runtime eager.",
            ) from None
        if ended.returncode == 0 and file.exists():
            return file.read_bytes()
        raise _failed(ended.returncode, ended.stdout, ended.stderr.decode(errors="replace"))


def _failed(status: int, said: bytes, last_words: str) -> MeasurementFailed:
    try:
        failure = decode(Failure, said)
    except WireError:
        return failure_of_death(status, last_words, who="the exporting process")
    return MeasurementFailed(failure.reason, failure.message, failure.advice)


def main() -> int:
    """Export what the arguments say; the exit status. What went wrong is said as a `Failure` on standard output."""
    _, said = take_standard_streams()
    die_with_parent()
    try:
        Path(sys.argv[2]).write_bytes(export_here(decode(ExportWish, sys.argv[1])))
    except MeasurementFailed as error:
        failure = error.as_failure()
    except MemoryError:
        failure = out_of_memory()
    except Exception as error:  # noqa: BLE001  # the parent is told, whatever it is
        failure = unforeseen(error)
    else:
        return 0
    said.write(encode(failure))
    said.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
