"""Fewer tokens without training: pure functions of tensors, each with the source of its formula.

Shapes: a batch of B images, N tokens of which the first P are prefix (class and register tokens), the other N - P
patches; H heads of D features, C = H x D. What is chosen for an image depends on that image alone.
"""

from __future__ import annotations

import torch

RANDOM_SEED = 20240705
"""Of the random baseline: the same patches go, whenever and wherever a schedule is applied."""


def attention_received(attention: torch.Tensor, values: torch.Tensor, prefix: int) -> torch.Tensor:
    """Score of each patch, (B, N - P): the attention it gets from the patches, plus how much its values hold.

    Eliopoulos et al., "Pruning One More Token is Enough", WACV 2025: column sums over patches of the largest attention
    of any head, scaled to a largest value of 1, plus the softmax over all tokens of the sum over features of the
    largest value of any head. The scale is each image's own here, where the paper's code takes the batch's.

    Args:
        attention: probabilities, (B, H, N, N).
        values: (B, H, N, D).
        prefix: P, as everywhere here.
    """
    received = attention[:, :, prefix:, prefix:].amax(dim=1).sum(dim=1)
    held = values.amax(dim=1).sum(dim=-1).softmax(dim=-1)[:, prefix:]
    return received / received.amax(dim=-1, keepdim=True) + held


def class_attention(queries: torch.Tensor, keys: torch.Tensor, scale: float, prefix: int) -> torch.Tensor:
    """Score of each patch, (B, N - P): the attention that the class token pays it, the mean over heads.

    Liang et al., "Not All Patches are What You Need", ICLR 2022 (EViT), and the Top-K baseline. The class token is the
    first; ``queries`` and ``keys`` are (B, H, N, D). Only its row of the attention is computed.
    """
    row = (queries[:, :, :1] * scale) @ keys.transpose(-2, -1)
    return row.softmax(dim=-1).mean(dim=1)[:, 0, prefix:]


def random_scores(patches: int, block: int) -> torch.Tensor:
    """Score of each patch, (N - P,), the same for every image: the baseline that looks at nothing."""
    generator = torch.Generator().manual_seed(RANDOM_SEED + block)
    return torch.rand(patches, generator=generator)


def best_patches(scores: torch.Tensor, count: int) -> torch.Tensor:
    """The ``count`` patches of the highest ``scores``, (B, N - P), as ascending indices, (B, count)."""
    return scores.topk(count, dim=-1, sorted=False).indices.sort(dim=-1).values


def take(tokens: torch.Tensor, best: torch.Tensor, prefix: int) -> torch.Tensor:
    """The prefix and the patches ``best``, (B, count), of ``tokens``, (B, N, C), in their order."""
    kept = best + prefix
    if prefix:
        always = torch.arange(prefix, device=best.device).expand(best.shape[0], prefix)
        kept = torch.cat((always, kept), dim=1)
    return tokens.gather(1, kept.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))


def fused(tokens: torch.Tensor, best: torch.Tensor, weights: torch.Tensor, prefix: int) -> torch.Tensor:
    """One token, (B, 1, C), of the patches that are not ``best``: their sum, each by its weight, (B, N - P)."""
    of_the_rest = weights.to(tokens.dtype).scatter(1, best, 0.0)
    return of_the_rest.unsqueeze(1) @ tokens[:, prefix:]


def mean_weights(scores: torch.Tensor, count: int) -> torch.Tensor:
    """The weights with which `fused` gives the mean of the patches that are not among the ``count`` best."""
    return torch.full_like(scores, 1 / (scores.shape[-1] - count))


def merged(
    tokens: torch.Tensor, sizes: torch.Tensor, keys: torch.Tensor, count: int, prefix: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """``tokens``, (B, N, C), of which ``count`` patches are merged into others, and their ``sizes``, (B, N, 1).

    Bolya et al., "Token Merging: Your ViT But Faster", ICLR 2023: the tokens at even places are each paired with the
    most similar at an odd place, by the cosine of their mean keys; the ``count`` closest pairs become one token, the
    mean by size, a token's size being the patches in it. The prefix is never merged and stays in front.

    Args:
        tokens: as they leave the attention.
        sizes: how many patches each token stands for.
        keys: (B, H, N, D).
        count: at most half of the patches.
        prefix: P.
    """
    metric = keys.mean(dim=1)
    metric = metric / metric.norm(dim=-1, keepdim=True)
    likeness = metric[:, ::2] @ metric[:, 1::2].transpose(-2, -1)
    even_prefix, odd_prefix = (prefix + 1) // 2, prefix // 2
    likeness[:, :even_prefix] = -torch.inf
    likeness[:, :, :odd_prefix] = -torch.inf
    closest, partner = likeness.max(dim=-1)
    order = closest.argsort(dim=-1, descending=True)
    going, staying = order[:, :count], order[:, count:].sort(dim=-1).values
    into = partner.gather(1, going)

    def joined(values: torch.Tensor) -> torch.Tensor:
        """The sums of ``values``, (B, N, .), over the tokens that become one, prefix first."""
        width = values.shape[-1]
        even, odd = values[:, ::2], values[:, 1::2]
        sources = even.gather(1, going.unsqueeze(-1).expand(-1, -1, width))
        stays = even.gather(1, staying.unsqueeze(-1).expand(-1, -1, width))
        sums = odd.scatter_add(1, into.unsqueeze(-1).expand(-1, -1, width), sources)
        front = _interleaved(stays[:, :even_prefix], sums[:, :odd_prefix])
        return torch.cat((*front, stays[:, even_prefix:], sums[:, odd_prefix:]), dim=1)

    new_sizes = joined(sizes)
    return joined(tokens * sizes) / new_sizes, new_sizes


def _interleaved(even: torch.Tensor, odd: torch.Tensor) -> list[torch.Tensor]:
    """The prefix tokens in their old order, one a tensor, from those at even and those at odd places."""
    count = even.shape[1] + odd.shape[1]
    return [(odd if place % 2 else even)[:, place // 2 : place // 2 + 1] for place in range(count)]
