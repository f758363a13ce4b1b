"""The cut forward pass through ``torch.compile``: as one graph, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
import torch._dynamo
from torch._dynamo.exc import BackendCompilerFailed, FailOnRecompileLimitHit, TorchDynamoException
from torch._dynamo.utils import counters

from agent.errors import MeasurementFailed
from agent.vit.cut import CuttableVit, forward_cut
from agent.vit.refusals import first_line
from agent.wire.fields import MOST_TOKENS
from agent.wire.jobs import FailureReason, Runtime

GRAPHS_IF_DYNAMIC = 8
"""Enough for a model of one graph. One that needs more has its token count for a constant, and is refused."""

Forward = Callable[[CuttableVit, torch.Tensor, torch.Tensor], torch.Tensor]
"""Logits of a model, images and kept indices, as `agent.vit.cut.forward_cut`."""


def forward_of(runtime: Runtime, *, backend: str = "inductor") -> Forward:
    """The cut forward pass as ``runtime`` executes it: eager, one graph for all token counts, or one a count.

    ``backend`` is what makes code of the graphs, by the name that torch has for it.
    """
    if runtime is Runtime.EAGER:
        return forward_cut
    dynamic = runtime is Runtime.COMPILE_DYNAMIC
    _allow_graphs(GRAPHS_IF_DYNAMIC if dynamic else MOST_TOKENS)
    compiled = torch.compile(forward_cut, fullgraph=True, dynamic=dynamic, backend=backend)

    def forward(model: CuttableVit, images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        with _compiler_explained():
            logits: torch.Tensor = compiled(model, images, kept)
        return logits

    return forward


def whole_forward_of(
    runtime: Runtime, model: torch.nn.Module, *, backend: str = "inductor"
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The forward pass of ``model`` as it is, as ``runtime`` executes it: of images, one graph where it is compiled."""
    if runtime is Runtime.EAGER:
        return model
    _allow_graphs(MOST_TOKENS)  # one a model that is timed
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend=backend)

    def forward(images: torch.Tensor) -> torch.Tensor:
        with _compiler_explained():
            logits: torch.Tensor = compiled(images)
        return logits

    return forward


def _allow_graphs(count: int) -> None:
    """Have torch fail where it would make more graphs than ``count``; its own limits are eight, and 256 over all."""
    config = torch._dynamo.config  # noqa: SLF001
    # Newer torch calls them recompile_limit, and knows these names too.
    config.cache_size_limit = count
    config.accumulated_cache_size_limit = count


def mark_tokens_dynamic(kept: torch.Tensor) -> None:
    """Have the compiler take the length of ``kept`` for one that changes, from its first sight of it.

    Torch takes a length of one for a constant even so: where a single patch is left, that count gets its own graph.
    """
    torch._dynamo.maybe_mark_dynamic(kept, 0)  # noqa: SLF001


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """Refuse where a first run in this context left nothing compiled: torch can be told to fall back without a word.

    Raises:
        MeasurementFailed: the model ran, and eagerly.
    """
    before = counters["stats"]["unique_graphs"]
    yield
    if counters["stats"]["unique_graphs"] == before:
        raise _not_compiled()


def _not_compiled() -> MeasurementFailed:
    return MeasurementFailed(
        FailureReason.RUNTIME_MISSING,
        "torch did not compile the model although it was asked to",
        "Unset TORCH_COMPILE_DISABLE, TORCHDYNAMO_DISABLE and TORCHDYNAMO_SUPPRESS_ERRORS on the device, "
        "or ask for the runtime eager.",
    )


@contextlib.contextmanager
def _compiler_explained() -> Iterator[None]:
    try:
        yield
    except (TorchDynamoException, FailOnRecompileLimitHit) as error:
        install = "Install a C++ compiler that torch finds (g++ or clang), or ask"
        raise MeasurementFailed(
            FailureReason.RUNTIME_MISSING,
            f"torch cannot compile the model here: {first_line(error)}",
            f"{install if isinstance(error, BackendCompilerFailed) else 'Ask'} for the runtime eager.",
        ) from None
    except RuntimeError as error:
        # What torch says where the environment has switched its compiler off.
        if "no compiled frames" in str(error):
            raise _not_compiled() from None
        raise
