"""What an exported file says of itself. Needs neither torch nor onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from agent.errors import MeasurementFailed
from agent.wire.codec import Message, decode, encode
from agent.wire.fields import MOST_TOKENS, Line, ModelName, Range, Tokens
from agent.wire.jobs import DataType, FailureReason

IMAGES, KEPT, LOGITS = "images", "kept", "logits"
"""The names of the inputs, (batch, channels, height, width) and int64 (n,), and of the output, (batch, classes)."""


EXPORTABLE = (DataType.FLOAT32, DataType.FLOAT16)
"""onnxruntime's convolution, the first thing that a ViT does, knows no bfloat16."""


def refuse_unexportable(data_type: DataType) -> None:
    """Raise `MeasurementFailed` where no file of this data type could be run."""
    if data_type not in EXPORTABLE:
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"onnxruntime runs no ViT in {data_type.value}",
            f"Ask for {' or '.join(known.value for known in EXPORTABLE)}, or for the runtime eager.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFacts(Message):
    """What was exported. ``tokens`` counts class and register tokens in."""

    KEY: ClassVar[str] = "stepfarm"

    model: ModelName
    data_type: DataType
    image_size: Annotated[int, Range(8, 4_096)]
    channels: Annotated[int, Range(1, 64)]
    tokens: Tokens
    prefix_tokens: Annotated[int, Range(0, MOST_TOKENS)]
    blocks: Annotated[int, Range(1, 1_024)]
    made_with: Line

    def text(self) -> str:
        """The facts as they stand in the file, under `KEY`."""
        return encode(self).decode()

    @classmethod
    def of(cls, text: str) -> ExportFacts:
        """The facts that stand in a file.

        Raises:
            WireError: they are damaged.
        """
        return decode(cls, text)
