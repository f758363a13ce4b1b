"""The cut forward pass through ``torch.compile``: as one graph, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
import torch._dynamo
from timm.models.vision_transformer import VisionTransformer
from torch._dynamo.exc import TorchDynamoException
from torch._dynamo.utils import counters

from agent.errors import MeasurementFailed
from agent.vit.cut import forward_cut
from agent.wire.fields import MOST_TOKENS
from agent.wire.jobs import FailureReason, Runtime

Forward = Callable[[VisionTransformer, torch.Tensor, torch.Tensor], torch.Tensor]
"""Logits of a model, images and kept indices, as `agent.vit.cut.forward_cut`."""


def forward_of(runtime: Runtime) -> Forward:
    """The cut forward pass as ``runtime`` executes it: eager, one graph for all token counts, or one a count."""
    if runtime is Runtime.EAGER:
        return forward_cut
    # One graph a count is what was asked for; by default torch gives up, and runs eagerly, after eight.
    torch._dynamo.config.recompile_limit = MOST_TOKENS  # noqa: SLF001
    compiled = torch.compile(forward_cut, fullgraph=True, dynamic=runtime is Runtime.COMPILE_DYNAMIC)

    def forward(model: VisionTransformer, images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        with _compiler_explained():
            logits: torch.Tensor = compiled(model, images, kept)
        return logits

    return forward


def mark_tokens_dynamic(kept: torch.Tensor) -> None:
    """Have the compiler take the length of ``kept`` for one that changes, from its first sight of it."""
    torch._dynamo.mark_dynamic(kept, 0)  # noqa: SLF001


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
    except TorchDynamoException as error:
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MeasurementFailed(
            FailureReason.RUNTIME_MISSING,
            f"torch cannot compile the model here: {words}",
            "Install a C++ compiler that torch finds (g++ or clang), or ask for the runtime eager.",
        ) from None
    except RuntimeError as error:
        # What torch says where the environment has switched its compiler off.
        if "no compiled frames" in str(error):
            raise _not_compiled() from None
        raise
