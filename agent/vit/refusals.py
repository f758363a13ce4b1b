"""What a person is told when a model does not run, whichever runtime says so. Needs no torch."""

from __future__ import annotations

from agent.errors import MeasurementFailed
from agent.wire.jobs import DataType, FailureReason, Runtime


def out_of_memory(of: str, words: str) -> MeasurementFailed:
    """Memory ran out; ``of`` is whose, ``words`` what the library below said."""
    return MeasurementFailed(
        FailureReason.OUT_OF_MEMORY,
        f"the measurement needs more memory than the {of} has free: {words}",
        "Choose a smaller batch size, image size or model.",
    )


def not_finite(name: str, data_type: DataType) -> MeasurementFailed:
    """The model computed NaN or infinity. Processors may be slower or faster with those, so nothing is timed."""
    advice = "Choose another model: this one computes nothing that could be used."
    if data_type is not DataType.FLOAT32:
        advice = f"Ask for float32: values of this model may be out of the range of {data_type.value}."
    return MeasurementFailed(
        FailureReason.WORKLOAD_UNSUPPORTED,
        f"{name} yields NaN or infinity in {data_type.value}",
        advice,
    )


def blocks_not_apart(runtime: Runtime) -> MeasurementFailed:
    """The runtime executes the model as one piece, so that no time of a block can be told."""
    return MeasurementFailed(
        FailureReason.WORKLOAD_UNSUPPORTED,
        f"the runtime {runtime.value} executes the model as one piece, so its blocks cannot be timed in place",
        "Ask for the runtime eager, or for the whole model alone.",
    )


def first_line(error: BaseException) -> str:
    """What ``error`` says, as far as a person needs it: one line, its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:1_000]
