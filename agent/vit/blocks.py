"""The blocks of a model timed in place: each in its turn, while one forward pass goes through all of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Protocol

import torch

from agent.vit.cut import CuttableVit, blocks_of, embed, keep
from agent.vit.failures import refuse_out_of_memory


class Marks(Protocol):
    """What notes how far a forward pass has come: `agent.measure.stamps.Stamps`, or events of a GPU."""

    def begin(self) -> None:
        """Forget the marks of the call before."""

    def mark(self) -> None:
        """Note that the call has come this far."""

    def between_ns(self) -> tuple[int, ...]:
        """From each mark to the next."""


class CudaMarks:
    """Marks that the GPU sets when it comes there: the host is ahead of it, and its clock would tell of launches."""

    def __init__(self) -> None:
        self._events: list[torch.cuda.Event] = []

    def begin(self) -> None:
        """Forget the marks of the call before."""
        self._events.clear()

    def mark(self) -> None:
        """Have the GPU note when it has come this far."""
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self._events.append(event)

    def between_ns(self) -> tuple[int, ...]:
        """From each mark to the next, once the GPU has finished."""
        return tuple(
            max(1, round(1e6 * before.elapsed_time(after))) for before, after in itertools.pairwise(self._events)
        )


def forward_marking(
    model: CuttableVit, images: torch.Tensor, kept: torch.Tensor, mark: Callable[[], None]
) -> torch.Tensor:
    """`agent.vit.cut.forward_cut`, bit for bit, with a ``mark`` before the first block and after each."""
    x, rotary = keep(model, embed(model, images), kept)
    blocks = blocks_of(model, rotary)
    mark()
    for block in blocks:
        x = block(x)
        mark()
    x = model.norm(x)
    logits: torch.Tensor = model.forward_head(x)
    return logits


class BlocksInPlace:
    """A call that runs the whole model once, cut to ``kept`` tokens, and knows how long each block took in it.

    One block alone, again and again, keeps its weights in cache and is some 15 % too fast. Here the weights of each
    have been away as long as in any forward pass, because it is one. A mark costs about a microsecond.

    Args:
        model: where it is to run, ready to.
        images: the batch, (batch, channels, height, width).
        kept: ascending indices of the tokens that stay, (n,).
        marks: what the model is timed by.
        finish: called at the end of each call; returns when the result is there.
    """

    def __init__(
        self,
        model: CuttableVit,
        images: torch.Tensor,
        kept: torch.Tensor,
        marks: Marks,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        self._model = model
        self._images = images
        self._kept = kept
        self._marks = marks
        self._finish = finish

    def __call__(self) -> None:
        """Run the model once; what it took stands in `blocks_ns` until the next call."""
        self._marks.begin()
        try:
            with torch.inference_mode():
                forward_marking(self._model, self._images, self._kept, self._marks.mark)
            self._finish()
        except RuntimeError as error:
            refuse_out_of_memory(error)
            raise

    def blocks_ns(self) -> tuple[int, ...]:
        """How long each block took in the latest call, in their order."""
        return self._marks.between_ns()
