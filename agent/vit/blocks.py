"""The blocks of a model timed in place: one block a call, each in its turn, as they come in a forward pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch

from agent.vit.cut import CuttableVit, blocks_of, embed, keep
from agent.vit.failures import refuse_out_of_memory


class BlocksInPlace:
    """The blocks of a model as a thing to be timed, for all that is done with tokens between embedding and head.

    One block alone, again and again, keeps its weights in cache and is some 15 % too fast. Here every call runs the
    *next* block, so that its weights have been away as long as in a forward pass, and a visit costs one block instead
    of all. What a block computes does not matter for its latency; how many tokens it gets does.

    Args:
        model: where it is to run, ready to.
        images: the batch that every call works on, (batch, channels, height, width).
        synchronise: called after each block, where the processor works on while the caller goes on.
    """

    def __init__(self, model: CuttableVit, images: torch.Tensor, synchronise: Callable[[], None] | None = None) -> None:
        self._model = model
        with torch.inference_mode():
            self._embedded = embed(model, images)
        self._turn = itertools.count()
        self._synchronise = synchronise

    def prepare(self, kept: torch.Tensor) -> Callable[[], None]:
        """A call that runs the next block once with the tokens ``kept``, ascending indices, shape (n,)."""
        with torch.inference_mode():
            x, rotary = keep(self._model, self._embedded, kept)
            blocks = blocks_of(self._model, rotary)
        turn, synchronise = self._turn, self._synchronise

        def run() -> None:
            block = blocks[next(turn) % len(blocks)]
            try:
                with torch.inference_mode():
                    block(x)
            except RuntimeError as error:
                refuse_out_of_memory(error)
                raise

        def run_and_synchronise() -> None:
            run()
            assert synchronise is not None
            synchronise()

        return run if synchronise is None else run_and_synchronise
