"""A plain ViT cut to n tokens before its first block."""

from __future__ import annotations

import torch
from timm.models.vision_transformer import VisionTransformer


def forward_cut(model: VisionTransformer, images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Logits, shape (batch, classes), of ``images``, shape (batch, channels, height, width), with ``kept`` tokens.

    ``kept`` holds ascending indices, int64, shape (n,). All steps but the gather are `VisionTransformer.forward`'s, in
    its order, so that with all tokens kept the logits are bit for bit the plain model's. The gather happens then too: a
    step between n - 1 and all tokens must not come from the gather itself.
    """
    x = model.patch_embed(images)
    # Class tokens, registers, position and, with dynamic image sizes, flattening are all this one method's affair.
    x = model._pos_embed(x)  # noqa: SLF001
    x = model.norm_pre(x)
    x = x.index_select(1, kept)
    x = model.blocks(x)
    x = model.norm(x)
    logits: torch.Tensor = model.forward_head(x)
    return logits
