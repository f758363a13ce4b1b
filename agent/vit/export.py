"""One ONNX file of a model for all token counts: images and kept indices in, logits out."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import timm
import torch

from agent.errors import MeasurementFailed
from agent.onnx.metadata import IMAGES, KEPT, LOGITS, ExportFacts
from agent.vit.cut import CuttableVit, forward_cut
from agent.vit.models import all_tokens, load_model
from agent.vit.refusals import first_line
from agent.vit.subject import DTYPES, channels_of
from agent.wire.jobs import DataType, FailureReason

EXAMPLE_BATCH = 2
"""The exporter takes a size of 1 for a constant, so it is shown another."""


class _Cut(torch.nn.Module):
    """The cut forward pass as a module, which is what the exporter takes."""

    def __init__(self, model: CuttableVit) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Logits, as `agent.vit.cut.forward_cut`."""
        return forward_cut(self.model, images, kept)


def export_model(name: str, *, image_size: int | None = None, data_type: DataType = DataType.FLOAT32) -> bytes:
    """The ONNX file of the named model: the work of the eager runtime, embedding and gather included.

    Batch size and token count are open; image size and data type are settled. The weights are those that the eager
    runtime measures, and the file says what is in it (`agent.onnx.metadata.ExportFacts`).

    Raises:
        MeasurementFailed: the model is unknown or cannot be cut, or does not take this image size or export.
    """
    model = load_model(name, image_size=image_size).to(DTYPES[data_type])
    size, tokens = int(model.patch_embed.img_size[0]), all_tokens(model)
    images = torch.zeros((EXAMPLE_BATCH, channels_of(model), size, size), dtype=DTYPES[data_type])
    # All but one, so that the exporter does not take the count for that of the embedding.
    kept = torch.arange(max(1, tokens - 1))
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
        # The exporter has no error of its own for what it cannot do.
        raise MeasurementFailed(
            FailureReason.MODEL_UNSUPPORTED,
            f"{name} cannot be exported to ONNX: {first_line(error)}",
            "Ask for the runtime eager, or choose another model or data type.",
        ) from error
    assert program is not None
    file = program.model_proto
    facts = ExportFacts(
        model=name,
        data_type=data_type,
        image_size=size,
        channels=channels_of(model),
        tokens=tokens,
        prefix_tokens=int(model.num_prefix_tokens),
        blocks=len(model.blocks),
        made_with=f"torch {torch.__version__}, timm {timm.__version__}",
    )
    entry = file.metadata_props.add()
    entry.key, entry.value = ExportFacts.KEY, facts.text()
    content: bytes = file.SerializeToString()
    return content
