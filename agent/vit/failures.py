"""What torch's errors mean to the person who asked for the measurement."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from agent.errors import MeasurementFailed
from agent.wire.jobs import FailureReason

_CPU_MEMORY_SIGNS = ("DefaultCPUAllocator", "can't allocate memory", "not enough memory")


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
    on_gpu = isinstance(error, torch.cuda.OutOfMemoryError)
    # On the CPU torch raises a bare RuntimeError; its text is all there is to go by.
    if not on_gpu and not any(sign in str(error) for sign in _CPU_MEMORY_SIGNS):
        return
    raise MeasurementFailed(
        FailureReason.OUT_OF_MEMORY,
        f"the measurement needs more memory than the {'GPU' if on_gpu else 'device'} has free: {_first_line(error)}",
        "Choose a smaller batch size, image size or model.",
    ) from None


@contextlib.contextmanager
def workload_explained(name: str) -> Iterator[None]:
    """Turn whatever a model raises when it first runs into the failure of a workload that it does not support."""
    try:
        with memory_explained():
            yield
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"{name} does not run with this workload: {_first_line(error)}",
            "Choose another data type or image size.",
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
