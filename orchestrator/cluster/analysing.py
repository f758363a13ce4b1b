"""The analysis as Ray tasks, over all nodes: values in, values out. They read and write no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.curves.analysing import Given, Made

CPUS = 0.5
"""What a task takes of a node. A core does two, because each waits for its readings for a while."""

AHEAD = 2
"""So many tasks are under way for each that the cluster has room for, so that none of its cores waits for readings."""

analyse_task = ray.remote(num_cpus=CPUS, max_retries=3)(analyse)


def analyse_on_ray(given: Iterable[Given]) -> Iterator[Made]:
    """`orchestrator.curves.analysing.Analyser` on whatever nodes are free, not in the process that answers devices."""
    waiting = iter(given)
    under_way: dict[Any, Given] = {}
    try:
        while True:
            while len(under_way) < _room() and (one := next(waiting, None)) is not None:
                under_way[analyse_task.remote(one.passes)] = one
            if not under_way:
                return
            (ready,), _ = ray.wait(list(under_way), num_returns=1)
            yield Made(given=under_way.pop(ready), made=_result(ready))
    finally:
        for task in under_way:
            ray.cancel(task)


def _room() -> int:
    """How many tasks may be under way. A cluster may grow and shrink."""
    resources: dict[str, float] = ray.cluster_resources()
    return max(1, int(AHEAD * resources.get("CPU", 1) / CPUS))


def _result(ready: Any) -> Analysis | Exception:
    try:
        result: Analysis = ray.get(ready)
    except RayTaskError as error:
        return error.cause if isinstance(error.cause, Exception) else error
    except RayError as error:
        return error
    return result
