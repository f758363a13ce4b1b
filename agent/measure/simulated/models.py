"""What the name of a plain ViT says of it: a simulated device has neither torch nor timm to ask."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from agent.errors import MeasurementFailed
from agent.wire.fields import MOST_TOKENS
from agent.wire.jobs import FailureReason


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedModel:
    """A ViT as far as its latency goes. ``tokens`` counts the prefix in; ``width`` is the length of a token."""

    tokens: int
    prefix_tokens: int
    blocks: int
    width: int
    image_size: int

    def operations(self, tokens: float) -> float:
        """Multiplications of one image cut to ``tokens``.

        The linear layers of a block, with an MLP of four times the width, do 12 width^2 a token, its attention 2 width
        a pair of tokens.
        """
        return self.blocks * (12 * tokens * self.width**2 + 2 * tokens**2 * self.width)


SIZES = {
    "tiny": (192, 12),
    "xsmall": (256, 10),
    "small": (384, 12),
    "medium": (512, 12),
    "mediumd": (512, 20),
    "betwixt": (640, 12),
    "base": (768, 12),
    "large": (1024, 24),
    "so400m": (1152, 27),
    "huge": (1280, 32),
    "giant": (1408, 40),
    "gigantic": (1664, 48),
}
"""Width and blocks by the word in the name."""

NATIVE_PIXELS = {"dinov2": 518}
"""Image sizes that a word stands for."""

_NAME = re.compile(
    rf"""(?:vit|deit|deit3) _(?P<size>{"|".join(SIZES)}) (?P<distilled>_distilled)? _patch(?P<patch>[1-9]\d?)
    (?:_reg(?P<registers>\d\d?))? (?:_clip)? (?:_quickgelu)? (?P<classless>_siglip_gap|_siglip|_gap)?
    _(?:(?P<pixels>\d{{2,4}})|(?P<native>{"|".join(NATIVE_PIXELS)}))""",
    re.VERBOSE | re.ASCII,
)

EXAMPLES = (
    "test_vit",
    "deit_tiny_patch16_224",
    "deit_small_patch16_224",
    "deit_base_distilled_patch16_384",
    "vit_small_patch14_reg4_dinov2",
    "vit_base_patch16_siglip_gap_256",
)
"""Names that are read, for advice."""


def model_named(name: str, image_size: int | None = None) -> SimulatedModel:
    """The model that ``name`` describes, with or without a tag for weights, at its own image size or another.

    Every word of the name must be understood. Whether timm really has such a model, the name does not tell.

    Raises:
        MeasurementFailed: the name cannot be read, or the model does not take the image size.
    """
    architecture = name.partition(".")[0]
    if architecture == "test_vit":  # timm's own small one, whose name says nothing
        return _cut_into_patches(name, 64, 6, prefix_tokens=1, pixels=image_size or 160, patch=16)
    read = _NAME.fullmatch(architecture)
    if read is None:
        close = difflib.get_close_matches(architecture, EXAMPLES, n=1, cutoff=0.85)
        raise MeasurementFailed(
            FailureReason.MODEL_UNKNOWN,
            f"a simulated device reads a model from its name, and cannot read {name}",
            (f"Did you mean {close[0]}? " if close else "") + f"It reads names such as {', '.join(EXAMPLES)}.",
        )
    width, blocks = SIZES[read["size"]]
    class_token = read["classless"] is None
    return _cut_into_patches(
        name,
        width,
        blocks,
        prefix_tokens=class_token + (read["distilled"] is not None) + int(read["registers"] or 0),
        pixels=image_size or int(read["pixels"] or NATIVE_PIXELS[read["native"]]),
        patch=int(read["patch"]),
    )


def _cut_into_patches(
    name: str, width: int, blocks: int, *, prefix_tokens: int, pixels: int, patch: int
) -> SimulatedModel:
    patches = (pixels // patch) ** 2
    tokens = patches + prefix_tokens
    complaint = None
    if patches < 1:
        complaint = f"an image of {pixels} pixels is smaller than one patch of {name}"
    elif tokens > MOST_TOKENS:
        complaint = f"{name} has {tokens} tokens at {pixels} pixels; {MOST_TOKENS} are the most"
    if complaint is not None:
        raise MeasurementFailed(FailureReason.WORKLOAD_UNSUPPORTED, complaint, "Choose another image size.")
    return SimulatedModel(tokens=tokens, prefix_tokens=prefix_tokens, blocks=blocks, width=width, image_size=pixels)
