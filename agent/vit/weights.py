"""Weights from a safetensors file: looked at before they are taken, and put into a model whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from agent.errors import MeasurementFailed, StateError
from agent.vit.cut import CuttableVit
from agent.vit.models import load_model, not_plain
from agent.vit.refusals import first_line
from agent.wire.jobs import FailureReason

SHOWN = 3
"""So many parameters stand in a refusal."""

ONLY_SAFETENSORS = (
    "Only safetensors are read: other files of weights may run code when they are opened. On a machine where you trust "
    "the file: from safetensors.torch import save_file; save_file(model.state_dict(), 'weights.safetensors')"
)

Shapes = Mapping[str, tuple[int, ...]]


def classes_of_weights(model: str, file: Path) -> int:
    """How many classes the weights in ``file`` tell apart, which fit the timm model of that name at its own image size.

    Raises:
        StateError: it is no safetensors file, its parameters are not the model's by name and shape, or some are no
            numbers.
        MeasurementFailed: timm knows no such model, or schedules cannot be applied to it.
    """
    shapes = shapes_of(file)
    made = load_model(model, classes=_classes(model, shapes))
    complaint = not_plain(made)
    if complaint is not None:
        raise MeasurementFailed(
            FailureReason.MODEL_UNSUPPORTED,
            f"no schedule can be applied to {model}: {complaint}",
            "Choose a plain Vision Transformer, such as deit_tiny_patch16_224 or vit_base_patch16_224.",
        )
    refuse_misfit(model, shapes, shapes_of_state(made.state_dict()))
    for name, value in _loaded(file).items():
        if value.is_floating_point() and not value.isfinite().all():
            raise StateError(f"The weights hold NaN or infinity in {name}.", "Save the weights of a model that works.")
    return int(made.num_classes)


def shapes_of(file: Path) -> Shapes:
    """Name and shape of each parameter in ``file``, of which only the head is read.

    Raises:
        StateError: it is no safetensors file, or a truncated one.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise StateError(f"The weights are no whole safetensors file: {first_line(error)}.", ONLY_SAFETENSORS) from None


def shapes_of_state(state: Mapping[str, torch.Tensor]) -> Shapes:
    """Name and shape of each parameter of a state dictionary."""
    return {name: tuple(value.shape) for name, value in state.items()}


def refuse_misfit(model: str, given: Shapes, wanted: Shapes) -> None:
    """Refuse parameters that are not exactly those of the model.

    Raises:
        StateError: some are missing, too many or of another shape; the first of them are named.
    """
    missing = [name for name in wanted if name not in given]
    strange = [name for name in given if name not in wanted]
    other = [
        f"{name} is {list(given[name])} and the model's {list(shape)}"
        for name, shape in wanted.items()
        if name in given and given[name] != shape
    ]
    complaints = [
        f"{len(names)} {what}: {', '.join(names[:SHOWN])}{' ...' if len(names) > SHOWN else ''}"
        for names, what in (
            (missing, "parameters of the model are missing"),
            (strange, "parameters are not the model's"),
            (other, "parameters are of another shape"),
        )
        if names
    ]
    if complaints:
        raise StateError(
            f"The weights do not fit {model}: {'; '.join(complaints)}.",
            f"Name the timm model that they are of, at its own image size; {model} has {len(wanted)} parameters.",
        )


def load_weights(model: CuttableVit, name: str, file: Path, sha256: str) -> None:
    """Put the weights in ``file`` into ``model``.

    Raises:
        MeasurementFailed: the file is not there or not the one with that hash, or the weights do not fit at this image
            size; ``model`` is as it was.
    """
    if _sha256(file) != sha256:
        raise MeasurementFailed(
            FailureReason.DATA_UNUSABLE,
            f"the weights of {name} with the SHA-256 {sha256[:12]}... are not on this device any more",
            f"Add them again: stepfarm-agent weights add {name} FILE; then: stepfarm sweep retry ID",
        )
    try:
        loaded = _loaded(file)
        refuse_misfit(name, shapes_of_state(loaded), shapes_of_state(model.state_dict()))
    except StateError as error:
        raise MeasurementFailed(FailureReason.DATA_UNUSABLE, error.message, error.advice) from None
    model.load_state_dict(loaded)


def _loaded(file: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise StateError(f"The weights are no whole safetensors file: {first_line(error)}.", ONLY_SAFETENSORS) from None


def _sha256(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            # hashlib.file_digest needs Python 3.11, the agent runs on 3.10.
            sha256 = hashlib.sha256()
            while chunk := opened.read(2**20):
                sha256.update(chunk)
            return sha256.hexdigest()
    except OSError:
        return None


def _classes(model: str, shapes: Shapes) -> int | None:
    """The classes that the head in the weights has; None where the model's own head will tell what is wrong.

    Raises:
        StateError: the model has no head for classes.
    """
    heads = classifiers_of(load_model(model))
    if not heads:
        raise StateError(
            f"{model} tells no classes apart, so there is no accuracy of it.", "Choose a model with a head for classes."
        )
    shape = shapes.get(f"{heads[0]}.weight")
    return shape[0] if shape else None


def classifiers_of(model: CuttableVit) -> Sequence[str]:
    """The names of the layers that tell classes apart: most models have one, distilled ones two, some none."""
    # timm.create_model gives every model this description.
    named = cast("dict[str, Any]", model.pretrained_cfg).get("classifier")
    if not named or not model.num_classes:
        return ()
    return (named,) if isinstance(named, str) else tuple(named)
