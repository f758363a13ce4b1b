"""The door to torch: load a model for a workload, or say in a person's words why that cannot be done here."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
from collections.abc import Iterator
from pathlib import Path

from agent.errors import MeasurementFailed
from agent.measure.subject import MeasuredSubject, TalliedModel
from agent.vit.refusals import first_line
from agent.wire.holdings import Material, WeightsHeld
from agent.wire.jobs import FailureReason, Runtime, Workload


def load_subject(model: str, workload: Workload, exported: Path | None = None) -> MeasuredSubject:
    """The whole model at n tokens, ready to be timed; it has run once with all tokens.

    Args:
        model: the name that timm has for it.
        workload: what it is run with.
        exported: the file that the runtime onnxruntime measures; the others make the model themselves.

    Raises:
        MeasurementFailed: the runtime's packages are missing or do not load, the model is unknown or cannot be cut, the
            workload does not run here, or memory is short.
    """
    if workload.runtime is Runtime.ONNXRUNTIME:
        return _load_exported(model, workload, exported)
    require_torch()
    from agent.vit.subject import load_vit_subject

    return load_vit_subject(model, workload)


def _load_exported(model: str, workload: Workload, exported: Path | None) -> MeasuredSubject:
    if exported is None:
        raise MeasurementFailed(
            FailureReason.RUNTIME_MISSING,
            f"the runtime {workload.runtime.value} measures an exported model, and none was fetched",
            "Ask for the runtime eager, or upgrade stepfarm on the device.",
        )
    for name in ("numpy", "onnxruntime"):
        require(name, extra="onnx")
    from agent.onnx.subject import load_exported

    return load_exported(exported, model, workload)


def classes_of_weights(model: str, file: Path) -> int:
    """How many classes the weights in ``file``, which fit the model of that name, tell apart.

    Raises:
        MeasurementFailed: torch or timm is missing, or timm knows no such model or none that takes schedules.
        StateError: the weights do not fit.
    """
    require_torch()
    from agent.vit import weights

    return weights.classes_of_weights(model, file)


def load_trial(
    weights: WeightsHeld, weights_file: Path, material: Material, folder: Path, workload: Workload
) -> TalliedModel:
    """The model with its weights and the images that it will look at, for an accuracy job.

    Raises:
        MeasurementFailed: torch or timm is missing, weights or images are not there or do not fit, or the workload does
            not run here.
    """
    require_torch()
    from agent.vit.trial import load_trial_model

    return load_trial_model(weights, weights_file, material, folder, workload)


def require_torch() -> None:
    """Import torch and timm.

    Raises:
        MeasurementFailed: one of them is missing or does not load.
    """
    for name in ("torch", "timm"):
        require(name, extra="torch")


def require(name: str, *, extra: str) -> None:
    """Import the package ``name``, which comes with ``extra``.

    Raises:
        MeasurementFailed: it is missing or does not load.
    """
    try:
        with uncollected():
            importlib.import_module(name)
    except Exception as error:  # noqa: BLE001  # a build that does not fit its neighbours fails in any way it likes
        raise MeasurementFailed(
            FailureReason.RUNTIME_MISSING,
            f"{name} cannot be imported: {first_line(error)}",
            f"Install it with: pip install stepfarm[{extra}] (or from the device's own packages).",
        ) from None


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Python's collector rests, and leaves what came meanwhile out of its later rounds.

    Torch and timm make some hundred thousand objects that stay. Looked through again and again while they come, they
    take a fifth longer to import; and the collection before each pass would look through them once more.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
        # At the end all of it may go: an extension module of torch's prints what is left as its leaks.
        atexit.unregister(gc.unfreeze)
        atexit.register(gc.unfreeze)
