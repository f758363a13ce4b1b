"""What torch's errors mean to the person who asked for the measurement."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import torch

from agent.errors import MeasurementFailed
from agent.vit.refusals import first_line, out_of_memory
from agent.wire.jobs import FailureReason

_CPU_MEMORY_SIGNS = re.compile(
    r"DefaultCPUAllocator|can't allocate memory|not enough memory|bad_alloc"
    # oneDNN has no other words for it. A descriptor that it cannot create is another matter: no such operation here.
    r"|could not create a primitive(?! descriptor)"
)


@contextlib.contextmanager
def memory_explained() -> Iterator[None]:
    """Turn torch's ways to say that memory ran out into one failure; other errors pass."""
    try:
        yield
    except RuntimeError as error:
        refuse_out_of_memory(error)
        raise


def refuse_out_of_memory(error: RuntimeError) -> None:
    """Raise `MeasurementFailed` where torch's ``error`` means that memory ran out."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        raise out_of_memory("GPU", first_line(error)) from None
    # On the CPU torch raises a bare RuntimeError; its text is all there is to go by.
    if _CPU_MEMORY_SIGNS.search(str(error)):
        raise out_of_memory("device", first_line(error)) from None


@contextlib.contextmanager
def workload_explained(name: str) -> Iterator[None]:
    """Turn whatever a model raises when it first runs into the failure of a workload that it does not support."""
    try:
        with memory_explained():
            yield
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"{name} does not run with this workload: {first_line(error)}",
            "Choose another data type or image size.",
        ) from None
