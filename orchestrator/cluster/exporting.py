"""The export of a model as a Ray task: values in, values out. It reads and writes no SQL."""

from __future__ import annotations

import ray

from agent.errors import MeasurementFailed
from agent.vit.exporting import ExportWish, export_apart
from agent.wire.jobs import Failure, FailureReason


def _export(wish: ExportWish) -> bytes | Failure:
    # A process of its own even so: a Ray worker is used again, and would hold torch for good.
    try:
        return export_apart(wish)
    except MeasurementFailed as error:
        return error.as_failure()


export_task = ray.remote(num_cpus=1, max_retries=1)(_export)


def export_on_ray(wish: ExportWish) -> bytes:
    """`agent.vit.exporting.export_apart` on whatever node is free.

    Raises:
        MeasurementFailed: as there; or Ray lost the task.
    """
    try:
        result: bytes | Failure = ray.get(export_task.remote(wish))
    except ray.exceptions.RayError as error:
        raise MeasurementFailed(
            FailureReason.CRASHED, f"Ray lost the task: {str(error)[:1_000]}", "See docs/operating.md, Ray."
        ) from None
    if isinstance(result, Failure):
        raise MeasurementFailed(result.reason, result.message, result.advice)
    return result
