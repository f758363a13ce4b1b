"""The door to torch: load a model for a workload, or say in a person's words why that cannot be done here."""

from __future__ import annotations

import importlib

from agent.errors import MeasurementFailed
from agent.measure.subject import MeasuredSubject
from agent.wire.jobs import FailureReason, Runtime, Workload


def load_subject(model: str, workload: Workload) -> MeasuredSubject:
    """The whole model at n tokens, ready to be timed; it has run once with all tokens.

    Raises:
        MeasurementFailed: torch or timm is missing, the model is unknown or no plain ViT, the workload does not run
            here, or memory is short.
    """
    if workload.runtime is Runtime.ONNXRUNTIME:
        raise MeasurementFailed(
            FailureReason.RUNTIME_MISSING,
            f"this agent has no runtime {workload.runtime.value}",
            "Ask for the runtime eager, or upgrade stepfarm on the device.",
        )
    require_torch()
    from agent.vit.subject import load_vit_subject

    return load_vit_subject(model, workload)


def require_torch() -> None:
    """Import torch and timm.

    Raises:
        MeasurementFailed: one of them is missing or does not load.
    """
    for name in ("torch", "timm"):
        _require(name)


def _require(name: str) -> None:
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: a shared library below torch is missing
        raise MeasurementFailed(
            FailureReason.RUNTIME_MISSING,
            f"{name} cannot be imported: {error}",
            "Install it with: pip install stepfarm[torch] (or from the device's own packages).",
        ) from None
