"""The analysis as a Ray task: values in, values out. It reads and writes no SQL."""

from __future__ import annotations

from collections.abc import Sequence

import ray

from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.analysis.passes import PassReadings

analyse_task = ray.remote(num_cpus=0.5, max_retries=3)(analyse)


def analyse_on_ray(passes: Sequence[PassReadings]) -> Analysis:
    """`orchestrator.analysis.analyse.analyse` on whatever node is free, not in the process that answers devices."""
    result: Analysis = ray.get(analyse_task.remote(passes))
    return result
