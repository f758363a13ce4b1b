"""The door for production: a schedule applied to a model in one line, without the farm. Needs torch when it is used."""

from __future__ import annotations

from typing import Any, TypeVar

from agent.errors import MeasurementFailed, ScheduleRefused
from agent.vit.loading import require_torch
from agent.wire.schedule_files import Given, read_schedule

M = TypeVar("M")


def apply_schedule(model: M, schedule: Given) -> M:
    """``model``, a plain Vision Transformer of timm's, with the tokens leaving each block that ``schedule`` says.

    The result shares every parameter with ``model``, under the same names, and ``model`` goes on computing as it did.
    With nothing pruned it computes bit for bit what ``model`` does.

    Args:
        model: as timm makes it, with weights of its own.
        schedule: a `Schedule`, its fields as a dictionary, or the path of a file (docs/schedules.md).

    Raises:
        ScheduleRefused: the schedule cannot be read, or does not fit the model; a `StepfarmError`.
    """
    wanted, made_for = read_schedule(schedule)
    try:
        require_torch()
    except MeasurementFailed as missing:
        raise ScheduleRefused(f"No schedule can be applied here: {missing.message}.", missing.advice) from None
    from agent.vit.scheduled import with_schedule

    _refuse_another(model, made_for)
    return with_schedule(model, wanted)  # type: ignore[arg-type,return-value]  # it refuses what is no plain ViT


def _refuse_another(model: object, made_for: str | None) -> None:
    """Refuse an architecture other than the one that the file names; a tag for weights changes nothing."""
    description: Any = getattr(model, "pretrained_cfg", None) or {}
    architecture = description.get("architecture")
    if made_for is None or not architecture or architecture == made_for.partition(".")[0]:
        return
    raise ScheduleRefused(
        f"The schedule was made for {made_for}, and this model is {architecture}: its latency was never measured.",
        "Use that model, or make a schedule for this one. To apply it all the same, give the file's field schedule "
        "alone.",
    )
