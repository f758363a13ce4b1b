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
    x = gather_tokens(input_of_blocks(model, images), kept)
    x = model.blocks(x)
    x = model.norm(x)
    logits: torch.Tensor = model.forward_head(x)
    return logits


def input_of_blocks(model: VisionTransformer, images: torch.Tensor) -> torch.Tensor:
    """All tokens as the first block gets them, shape (batch, tokens, features)."""
    x = model.patch_embed(images)
    # Class tokens, registers, position and, with dynamic image sizes, flattening are all this one method's affair.
    x = model._pos_embed(x)  # noqa: SLF001
    embedded: torch.Tensor = model.norm_pre(x)
    return embedded


def gather_tokens(x: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """The ``kept`` tokens of ``x``, shape (batch, n, features), laid out in memory as ``x`` is.

    Without a prefix to concatenate, the patch embedding hands on a transposed view, and the blocks keep that layout to
    the end. Sums run in its order, so another layout would be another computation with other last bits.
    """
    transposed = x.transpose(1, 2)
    if transposed.is_contiguous() and not x.is_contiguous():
        return transposed.index_select(2, kept).transpose(1, 2)
    return x.index_select(1, kept)
