"""The plain shapes of a schedule: pruned once, and pruned evenly; as the tokens that leave each block."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

DEPTH_SHARE = 4
"""A single prune happens in the block that is a quarter of the depth down, block 3 of 12, as in the paper's code."""


def single_prune(tokens: int, full_tokens: int, blocks: int) -> tuple[int, ...]:
    """The tokens that leave each block where all but ``tokens`` go in the block a quarter of the depth down."""
    before = blocks // DEPTH_SHARE
    return (full_tokens,) * before + (tokens,) * (blocks - before)


def uniform_pruning(leaving_in_all: int, full_tokens: int, blocks: int) -> tuple[int, ...] | None:
    """The tokens that leave each block where equally many go in every one, to the nearest token.

    Args:
        leaving_in_all: the sum over blocks of the tokens that leave, which the schedule is to have.
        full_tokens: tokens of the untouched model.
        blocks: how many blocks there are.

    Returns:
        None where no token would leave the last block.
    """
    removed_a_block = 2 * (blocks * full_tokens - leaving_in_all) / (blocks * (blocks + 1))
    left = np.rint(full_tokens - removed_a_block * np.arange(1, blocks + 1)).astype(np.int64)
    return None if left[-1] < 1 else tuple(left.tolist())


def in_blocks(leaving: Sequence[int]) -> str:
    """The tokens that leave each block, for a reader: ``197 x3, 141 x9``."""
    runs = [(tokens, len(list(run))) for tokens, run in itertools.groupby(leaving)]
    return ", ".join(f"{tokens} x{count}" for tokens, count in runs)
