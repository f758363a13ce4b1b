"""One ONNX file of a model for all token counts: images and kept indices in, logits out."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import timm
import torch

from agent.errors import MeasurementFailed
from agent.onnx.metadata import IMAGES, KEPT, LOGITS, ExportFacts, refuse_unexportable
from agent.vit.cut import CuttableVit, forward_cut
from agent.vit.failures import refuse_out_of_memory
from agent.vit.models import all_tokens, load_model
from agent.vit.refusals import first_line
from agent.vit.subject import DTYPES, channels_of
from agent.wire.jobs import DataType, FailureReason

EXAMPLE_BATCH = 2
"""The exporter takes a size of 1 for a constant, so it is shown another."""

MOST_WEIGHT_BYTES = 2**31 - 2**24
"""A protobuf message ends at 2 GiB, and one file is one message; some of it is for the graph."""


def export_model(name: str, *, image_size: int | None = None, data_type: DataType = DataType.FLOAT32) -> bytes:
    """The ONNX file of the named model: the work of the eager runtime, embedding and gather included.

    Batch size and token count are open; image size and data type are settled. The weights are those that the eager
    runtime measures, and the file says what is in it (`agent.onnx.metadata.ExportFacts`).

    Raises:
        MeasurementFailed: the model is unknown or cannot be cut, or does not take this image size, or cannot be
            exported so.
    """
    refuse_unexportable(data_type)
    return onnx_file(load_model(name, image_size=image_size), name, data_type)


def onnx_file(model: CuttableVit, name: str, data_type: DataType) -> bytes:
    """The ONNX file of ``model``, which is converted to the data type in place, for all token counts and batch sizes.

    Raises:
        MeasurementFailed: it cannot be exported.
    """
    model = model.to(DTYPES[data_type])
    _refuse_too_large(model, name)
    size = int(model.patch_embed.img_size[0])
    facts = ExportFacts(
        model=name,
        data_type=data_type,
        image_size=size,
        channels=channels_of(model),
        tokens=all_tokens(model),
        prefix_tokens=int(model.num_prefix_tokens),
        blocks=len(model.blocks),
        made_with=f"torch {torch.__version__}, timm {timm.__version__}",
    )
    file = _exported(model, facts)
    entry = file.metadata_props.add()
    entry.key, entry.value = ExportFacts.KEY, facts.text()
    content: bytes = file.SerializeToString()
    return content


class _Cut(torch.nn.Module):
    """The cut forward pass as a module, which is what the exporter takes."""

    def __init__(self, model: CuttableVit) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Logits, as `agent.vit.cut.forward_cut`."""
        return forward_cut(self.model, images, kept)


def _exported(model: CuttableVit, facts: ExportFacts) -> Any:
    """The model as a protobuf message."""
    images = torch.zeros(
        (EXAMPLE_BATCH, facts.channels, facts.image_size, facts.image_size), dtype=DTYPES[facts.data_type]
    )
    # All but one, so that the exporter does not take the count for that of the embedding.
    kept = torch.arange(max(1, facts.tokens - 1))
    open_sizes: Any = {IMAGES: {0: torch.export.Dim.DYNAMIC}, KEPT: {0: torch.export.Dim.DYNAMIC}}
    try:
        with torch.inference_mode(), contextlib.redirect_stdout(io.StringIO()):
            program = torch.onnx.export(
                _Cut(model).eval(),
                (images, kept),
                dynamo=True,
                verbose=False,
                input_names=[IMAGES, KEPT],
                output_names=[LOGITS],
                dynamic_shapes=open_sizes,
            )
    except Exception as error:
        raise _failure(facts.model, error) from error
    assert program is not None
    return program.model_proto


def _refuse_too_large(model: CuttableVit, name: str) -> None:
    weights = sum(weight.numel() * weight.element_size() for weight in model.state_dict().values())
    if weights > MOST_WEIGHT_BYTES:
        raise MeasurementFailed(
            FailureReason.MODEL_UNSUPPORTED,
            f"{name} has {weights / 1e9:.1f} GB of weights, and one file holds {MOST_WEIGHT_BYTES / 1e9:.1f} GB",
            "Ask for the runtime eager, or for float16, or choose a smaller model.",
        )


def _failure(name: str, error: Exception) -> MeasurementFailed:
    """What the exporter's ``error`` means; it has no error of its own for what it cannot do."""
    if isinstance(error, ImportError):
        return MeasurementFailed(
            FailureReason.RUNTIME_MISSING,
            f"a package that makes ONNX files cannot be imported: {first_line(error)}",
            "Install them with: pip install 'stepfarm[exporter]'",
        )
    # Its own words say which of its steps failed; why, what it was raised from says.
    cause = error.__cause__ or error
    if isinstance(cause, RuntimeError):
        refuse_out_of_memory(cause)
    return MeasurementFailed(
        FailureReason.MODEL_UNSUPPORTED,
        f"{name} cannot be exported to ONNX: {first_line(cause)}",
        "Ask for the runtime eager, or choose another model or data type.",
    )
