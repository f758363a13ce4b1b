"""Whether a schedule is for a model, by what is known of the model. Needs no torch."""

from __future__ import annotations

from agent.errors import MeasurementFailed, ScheduleRefused
from agent.wire.jobs import FailureReason, ModelFacts
from agent.wire.schedules import Schedule


def misfit(schedule: Schedule, *, blocks: int, tokens: int, prefix_tokens: int) -> ScheduleRefused | None:
    """Why ``schedule`` is for another model than one of so many blocks and tokens; None where it fits."""
    counted = (
        ("blocks", len(schedule.leaving), blocks),
        ("tokens", schedule.tokens, tokens),
        ("prefix tokens", schedule.prefix_tokens, prefix_tokens),
    )
    for what, wanted, has in counted:
        if has != wanted:
            return ScheduleRefused(
                f"The schedule is for a model of {wanted} {what}, and this one has {has}.",
                "Use the model and image size that the schedule was made for, or make one for this.",
            )
    if schedule.prunes and schedule.method.needs_class_token and prefix_tokens == 0:
        return no_class_token(schedule)
    return None


def no_class_token(schedule: Schedule) -> ScheduleRefused:
    """The refusal of a method that asks a class token of a model without one."""
    return ScheduleRefused(
        f"The method {schedule.method.value} asks the class token which patches matter; this model has none.",
        "Choose one-more-token or token-merging, which need none.",
    )


def refuse_misfit(schedule: Schedule, facts: ModelFacts) -> None:
    """Refuse to time ``schedule`` on a model that it is not for.

    Raises:
        MeasurementFailed: with what would be right.
    """
    found = misfit(schedule, blocks=facts.blocks, tokens=facts.tokens, prefix_tokens=facts.prefix_tokens)
    if found is not None:
        raise as_failure(found)


def as_failure(refused: ScheduleRefused) -> MeasurementFailed:
    """The same as what ends a job."""
    return MeasurementFailed(FailureReason.SCHEDULE_REFUSED, refused.message, refused.advice)
