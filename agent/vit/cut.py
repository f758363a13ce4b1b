"""A ViT cut to n tokens before its first block, and the two families of timm's that this can be done to.

A `VisionTransformer` adds all positions to its tokens before the first block. An `Eva` (EVA-02, DINOv3) hands its
blocks a rotary embedding of the patches beside the tokens, which must be cut with them. That difference is known here
and nowhere else.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

CuttableVit: TypeAlias = VisionTransformer | Eva
"""What `agent.vit.models.load_model` lets through."""


class Embedded(NamedTuple):
    """What the first block gets.

    Attributes:
        tokens: prefix first, (batch, tokens, features).
        rotary: where the patches are, for the attention of every block, (patches, values); or of each block and head
            for itself, (blocks, heads, patches, values). None where the tokens hold that already.
    """

    tokens: torch.Tensor
    rotary: torch.Tensor | None


def forward_cut(model: CuttableVit, images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Logits, shape (batch, classes), of ``images``, shape (batch, channels, height, width), with ``kept`` tokens.

    ``kept`` holds ascending indices, int64, shape (n,), the prefix among them. All steps but the gather are those of
    timm's own forward, in its order, so that with all tokens kept the logits are bit for bit the untouched model's. The
    gather happens then too: a step between n - 1 and all tokens must not come from the gather itself. The rotary
    embedding is gathered in each call as well, as a model that chooses its tokens by the image would have to.
    """
    x, rotary = keep(model, embed(model, images), kept)
    for block in blocks_of(model, rotary):
        x = block(x)
    x = model.norm(x)
    logits: torch.Tensor = model.forward_head(x)
    return logits


def embed(model: CuttableVit, images: torch.Tensor) -> Embedded:
    """All tokens of ``images`` as the first block gets them."""
    x = model.patch_embed(images)
    # Class tokens, registers, position and, with dynamic image sizes, flattening are all this one method's affair.
    positioned = model._pos_embed(x)  # noqa: SLF001
    tokens, rotary = positioned if isinstance(positioned, tuple) else (positioned, None)
    return Embedded(model.norm_pre(tokens), rotary)


def keep(model: CuttableVit, embedded: Embedded, kept: torch.Tensor) -> Embedded:
    """The ``kept`` tokens, ascending indices of shape (n,), with the rotary embedding of those that are patches."""
    tokens, rotary = embedded
    if rotary is not None:
        prefix = int(model.num_prefix_tokens)
        rotary = rotary.index_select(-2, kept[prefix:] - prefix)
    return Embedded(gather_tokens(tokens, kept), rotary)


def blocks_of(model: CuttableVit, rotary: torch.Tensor | None) -> list[Callable[[torch.Tensor], torch.Tensor]]:
    """The blocks in their order, each a function of tokens, (batch, n, features), to tokens of that shape."""
    if rotary is None:
        return list(model.blocks)
    each = rotary if model.rope_mixed else itertools.repeat(rotary)
    return [functools.partial(block, rope=its_own) for block, its_own in zip(model.blocks, each, strict=False)]


def gather_tokens(x: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """The ``kept`` tokens of ``x``, shape (batch, n, features), laid out in memory as ``x`` is.

    Without a prefix to concatenate, the patch embedding hands on a transposed view, and the blocks keep that layout to
    the end. Sums run in its order, so another layout would be another computation with other last bits.
    """
    transposed = x.transpose(1, 2)
    if transposed.is_contiguous() and not x.is_contiguous():
        return transposed.index_select(2, kept).transpose(1, 2)
    return x.index_select(1, kept)
