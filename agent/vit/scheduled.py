"""A schedule applied to a plain ViT: the same layers, fewer tokens."""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import nn
from torch.nn import functional

from agent.errors import ScheduleRefused
from agent.vit import reduction
from agent.vit.fitting import misfit, no_class_token
from agent.vit.models import all_tokens, not_plain
from agent.wire.schedules import Method, Schedule

M = TypeVar("M", bound=nn.Module)


def with_schedule(model: VisionTransformer, schedule: Schedule) -> VisionTransformer:
    """``model`` with the tokens leaving each block that ``schedule`` says; with nothing pruned, the plain model.

    What `agent.vit.applying.apply_schedule` does once torch is there. The result shares every parameter with ``model``,
    under the same names: a state dictionary of either fits both, and what moves, trains or converts one does so to the
    other. ``model`` itself goes on computing as it did. Tokens go between attention and MLP. Attention is written out
    only where a block scores by all of it, fused elsewhere.

    Raises:
        ScheduleRefused: the model is no plain ViT, or has other blocks or tokens than the schedule was made for, or no
            class token where the method asks one.
    """
    _refuse_misfit(model, schedule)
    blocks = _merging(model, schedule) if schedule.method is Method.TOKEN_MERGING else _pruning(model, schedule)
    return _with_blocks(model, blocks)


def _refuse_misfit(model: nn.Module, schedule: Schedule) -> None:
    complaint = not_plain(model)
    if complaint is not None:
        raise ScheduleRefused(
            f"No schedule can be applied to this model: {complaint}.",
            "Choose a plain Vision Transformer, such as deit_tiny_patch16_224 or vit_base_patch16_224.",
        )
    assert isinstance(model, VisionTransformer)
    found = misfit(
        schedule, blocks=len(model.blocks), tokens=all_tokens(model), prefix_tokens=int(model.num_prefix_tokens)
    )
    # A prefix without a class token is registers alone.
    if found is None and schedule.prunes and schedule.method.needs_class_token and not model.has_class_token:
        found = no_class_token(schedule)
    if found is not None:
        raise found


def _pruning(model: VisionTransformer, schedule: Schedule) -> nn.Sequential:
    steps = zip(_blocks_of(model), schedule.entering, schedule.leaving, strict=True)
    blocks = [
        block if leaving == entering else PruningBlock(block, schedule, index)
        for index, (block, entering, leaving) in enumerate(steps)
    ]
    return nn.Sequential(*blocks)


def _merging(model: VisionTransformer, schedule: Schedule) -> nn.Sequential:
    if not schedule.prunes:
        return nn.Sequential(*model.blocks)
    first = next(index for index, leaving in enumerate(schedule.leaving) if leaving < schedule.tokens)
    blocks = [
        block if index < first else MergingBlock(block, schedule, index)
        for index, block in enumerate(_blocks_of(model))
    ]
    return MergingBlocks(*blocks)


def _blocks_of(model: VisionTransformer) -> list[Block]:
    return [cast("Block", block) for block in model.blocks]


def _with_blocks(model: M, blocks: nn.Sequential) -> M:
    """A twin of ``model`` with the same parameters and layers but for its blocks."""
    twin = copy.copy(model)
    # copy.copy takes the dictionaries of layers, parameters and hooks over as they are: changes would reach the model.
    for name, value in vars(twin).items():
        if isinstance(value, dict | set):
            vars(twin)[name] = value.copy()
    blocks.train(model.training)
    twin.blocks = blocks
    return twin


class _SharingBlock(nn.Module):
    """A block that computes with the layers of another, under their names."""

    norm1: nn.Module
    attn: Attention
    ls1: nn.Module
    drop_path1: nn.Module
    norm2: nn.Module
    mlp: nn.Module
    ls2: nn.Module
    drop_path2: nn.Module

    def __init__(self, block: Block, schedule: Schedule, index: int) -> None:
        super().__init__()
        for name, layer in block.named_children():
            self.add_module(name, layer)
        self._entering = schedule.entering[index]
        self._leaving = schedule.leaving[index]
        self._prefix = schedule.prefix_tokens

    def _refuse_other_tokens(self, x: torch.Tensor) -> None:
        if x.shape[1] != self._entering:
            raise ScheduleRefused(
                f"{x.shape[1]} tokens came to a block whose schedule is made for {self._entering}.",
                "Use images of the size that the schedule was made for.",
            )

    def _heads(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries, keys and values, (B, H, N, D), of normalised tokens."""
        attn = self.attn
        images, tokens, _ = x.shape
        qkv = attn.qkv(x).reshape(images, tokens, 3, attn.num_heads, attn.head_dim).permute(2, 0, 3, 1, 4)
        queries, keys, values = qkv.unbind(0)
        return attn.q_norm(queries), attn.k_norm(keys), values

    def _output(self, normed: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """What the attention adds to its tokens, (B, N, C), of ``attended`` values, (B, H, N, D)."""
        attn = self.attn
        images, _, tokens, _ = attended.shape
        x = attn.norm(attended.transpose(1, 2).reshape(images, tokens, attn.attn_dim))
        if attn.gate is not None:
            x = x * attn.gate(normed).sigmoid()
        return self.drop_path1(self.ls1(attn.proj_drop(attn.proj(x))))  # type: ignore[no-any-return]

    def _fused_attention(
        self, heads: tuple[torch.Tensor, torch.Tensor, torch.Tensor], bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        dropout = self.attn.attn_drop.p if self.training else 0.0
        return functional.scaled_dot_product_attention(*heads, attn_mask=bias, dropout_p=dropout)

    def _after_attention(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.drop_path2(self.ls2(self.mlp(self.norm2(x))))  # type: ignore[no-any-return]


class PruningBlock(_SharingBlock):
    """A block in which the patches of the lowest score go, between attention and MLP."""

    def __init__(self, block: Block, schedule: Schedule, index: int) -> None:
        super().__init__(block, schedule, index)
        self._method = schedule.method
        self._kept = self._leaving - self._prefix - (1 if self._method.fuses else 0)
        scores = None
        if self._method is Method.RANDOM:
            scores = reduction.random_scores(self._entering - self._prefix, index)
        # Not persistent: the state dictionary stays the plain model's.
        self.register_buffer("_random", scores, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The tokens that go on, (B, leaving, C), of ``x``, (B, entering, C)."""
        x, scores = self._attended(x)
        best = reduction.best_patches(scores, self._kept)
        kept = reduction.take(x, best, self._prefix)
        if self._method.fuses:
            evit = self._method is Method.EVIT
            weights = scores if evit else reduction.mean_weights(scores, self._kept)
            kept = torch.cat((kept, reduction.fused(x, best, weights, self._prefix)), dim=1)
        return self._after_attention(kept)

    def chosen(self, x: torch.Tensor) -> torch.Tensor:
        """The patches that stay as they are, ascending indices that do not count the prefix, (B, patches)."""
        return reduction.best_patches(self._attended(x)[1], self._kept)

    def _attended(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``x`` with its attention added, and the score of each patch."""
        self._refuse_other_tokens(x)
        normed = self.norm1(x)
        attended, scores = self._attend(self._heads(normed))
        return x + self._output(normed, attended), scores

    def _attend(self, heads: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Attended values, (B, H, N, D), and the score of each patch, (B, N - P)."""
        queries, keys, values = heads
        if self._method is Method.ONE_MORE:
            attention = ((queries * self.attn.scale) @ keys.transpose(-2, -1)).softmax(dim=-1)
            scores = reduction.attention_received(attention, values, self._prefix)
            return self.attn.attn_drop(attention) @ values, scores
        if self._method is Method.RANDOM:
            scores = self._random.expand(values.shape[0], -1)  # type: ignore[operator]
        else:
            scores = reduction.class_attention(queries, keys, self.attn.scale, self._prefix)
        return self._fused_attention(heads), scores


class MergingBlock(_SharingBlock):
    """A block in which patches are merged between attention and MLP, and attended to by their size."""

    def forward(self, x: torch.Tensor, sizes: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The tokens that go on, (B, leaving, C), and their sizes, (B, leaving, 1); None while all are 1."""
        self._refuse_other_tokens(x)
        normed = self.norm1(x)
        heads = self._heads(normed)
        bias = None if sizes is None else sizes.log()[:, None, None, :, 0]
        x = x + self._output(normed, self._fused_attention(heads, bias))
        if self._leaving < self._entering:
            if sizes is None:
                sizes = torch.ones_like(x[..., :1])
            x, sizes = reduction.merged(x, sizes, heads[1], self._entering - self._leaving, self._prefix)
        return self._after_attention(x), sizes


class MergingBlocks(nn.Sequential):
    """Blocks that hand on the sizes of their tokens, from the first that merges."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The tokens that leave the last block."""
        sizes: torch.Tensor | None = None
        for block in self:
            if isinstance(block, MergingBlock):
                x, sizes = block(x, sizes)
            else:
                x = block(x)
        return x
