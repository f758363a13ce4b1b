"""Which curves to put side by side: the newest of each combination, simulated ones only where asked for."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import DataType, Runtime
from orchestrator.jobs.states import JobState
from orchestrator.views import CurveSummary

if TYPE_CHECKING:
    from orchestrator.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to compare. Nothing named means any; ``older`` curves and ``simulated`` devices come only when wanted."""

    models: tuple[str, ...] = ()
    kinds: tuple[DeviceKind, ...] = ()
    devices: tuple[str, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    data_types: tuple[DataType, ...] = ()
    runtimes: tuple[Runtime, ...] = ()
    older: bool = False
    simulated: bool = False

    def takes(self, summary: CurveSummary) -> bool:
        """Whether ``summary`` is one of these, its age and whether it is simulated left aside."""
        workload = summary.workload
        return all(
            not wanted or value in wanted
            for wanted, value in (
                (self.models, summary.model),
                (self.kinds, summary.device_kind),
                (self.devices, summary.device),
                (self.batch_sizes, workload.batch_size),
                (self.data_types, workload.data_type),
                (self.runtimes, workload.runtime),
            )
        )

    @property
    def takes_simulated(self) -> bool:
        """Whether simulated devices are asked for: as such, or by naming their kind."""
        return self.simulated or DeviceKind.SIMULATED in self.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """The curves that match, newest first, and how many were left out because of what they are."""

    curves: tuple[CurveSummary, ...]
    simulated_left_out: int
    older_left_out: int


def candidates(client: Client, *, models: Sequence[str] = (), devices: Sequence[str] = ()) -> tuple[CurveSummary, ...]:
    """The newest curves of these models and devices, all where none is named, newest first.

    A list holds so many at most. Real and simulated devices are asked for apart, so that neither crowds out the other.
    """
    asked = itertools.product(models or (None,), devices or (None,), (False, True))
    found = {
        summary.id: summary
        for model, device, simulated in asked
        for summary in client.curves(model=model, device=device, simulated=simulated)
    }
    return tuple(sorted(found.values(), key=lambda one: one.id, reverse=True))


def matching(summaries: Iterable[CurveSummary], wanted: Wanted) -> Matching:
    """Those of ``summaries``, newest first, that ``wanted`` asks for; never one without an accepted reading."""
    taken = [summary for summary in summaries if summary.accepted and wanted.takes(summary)]
    real = [summary for summary in taken if wanted.takes_simulated or not summary.simulated]
    chosen = real if wanted.older else newest_of_each(real)
    return Matching(
        curves=tuple(chosen),
        simulated_left_out=len(taken) - len(real),
        older_left_out=len(real) - len(chosen),
    )


def newest_of_each(summaries: Sequence[CurveSummary]) -> list[CurveSummary]:
    """The newest curve of each combination, of ``summaries`` that stand newest first.

    A curve whose job is done goes before a newer one that still grows or was broken off.
    """
    best: dict[Hashable, CurveSummary] = {}
    for summary in sorted(summaries, key=lambda one: one.job_state is not JobState.DONE):
        best.setdefault(combination_of(summary), summary)
    kept = {summary.id for summary in best.values()}
    return [summary for summary in summaries if summary.id in kept]


def combination_of(summary: CurveSummary) -> Hashable:
    """What makes two curves measurements of the same thing: where, what, and how it was run."""
    workload, facts = summary.workload, summary.facts
    where = (summary.device, summary.device_kind, summary.imported)
    return (where, summary.model, workload.batch_size, facts.image_size, _run_by(summary), facts.threads)


@dataclass(frozen=True, slots=True, order=True)
class Work:
    """What a device is given to do: only on the same work can one be faster than another."""

    model: str
    batch_size: int
    image_size: int

    def __str__(self) -> str:
        return f"{self.model} · batch {self.batch_size} · {self.image_size} px"


def work_of(summary: CurveSummary) -> Work:
    """The work that the curve is of."""
    return Work(summary.model, summary.workload.batch_size, summary.facts.image_size)


def names_of(summaries: Sequence[CurveSummary]) -> tuple[str, ...]:
    """A short name for each curve: its device, what it differs in from the others, what it is not, and its number.

    Where several measure the same thing, when each was begun is in it too.
    """
    parts = [_parts(summary) for summary in summaries]
    told = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    dates = _dates(summaries)
    return tuple(
        " · ".join(
            (
                device_of(summary),
                *(part for part, tell in zip(own, told, strict=True) if tell),
                *dates[summary.id],
                f"#{summary.id}",
            )
        )
        for summary, own in zip(summaries, parts, strict=True)
    )


def repeated(summaries: Iterable[CurveSummary]) -> tuple[tuple[CurveSummary, ...], ...]:
    """Those of ``summaries`` that measure the same thing at several dates: a group each, the oldest first."""
    groups: dict[Hashable, list[CurveSummary]] = defaultdict(list)
    for summary in summaries:
        groups[combination_of(summary)].append(summary)
    return tuple(
        tuple(sorted(group, key=lambda one: (one.created_ms, one.id))) for group in groups.values() if len(group) > 1
    )


def _dates(summaries: Sequence[CurveSummary]) -> Mapping[int, tuple[str, ...]]:
    """When each curve was begun, where another is of the same: the day, or, where two share one, the minute (UTC)."""
    dates: dict[int, tuple[str, ...]] = dict.fromkeys((summary.id for summary in summaries), ())
    for group in repeated(summaries):
        begun = [datetime.fromtimestamp(one.created_ms / 1_000, tz=timezone.utc) for one in group]
        by_day = len({moment.date() for moment in begun}) == len(begun)
        form = "%Y-%m-%d" if by_day else "%Y-%m-%d %H:%M"
        dates |= {one.id: (moment.strftime(form),) for one, moment in zip(group, begun, strict=True)}
    return dates


def common_of(summaries: Sequence[CurveSummary]) -> str:
    """What all the curves have in common and their names leave out; empty where that is nothing."""
    columns = zip(*(_parts(summary) for summary in summaries), strict=True)
    return " · ".join(column[0] for column in columns if len(set(column)) == 1)


def _parts(summary: CurveSummary) -> tuple[str, ...]:
    facts = summary.facts
    threads = "1 thread" if facts.threads == 1 else f"{facts.threads} threads"
    batch = f"batch {summary.workload.batch_size}"
    return (summary.model, batch, f"{facts.image_size} px", *_run_by(summary), threads)


def _run_by(summary: CurveSummary) -> tuple[str, str, str]:
    workload = summary.workload
    return (workload.data_type.value, workload.runtime.value, workload.processor.value)


def device_of(summary: CurveSummary) -> str:
    """The device of a curve, with what it is not: real, or of this fleet."""
    marks = [word for word, holds in (("simulated", summary.simulated), ("imported", summary.imported)) if holds]
    return f"{summary.device} ({', '.join(marks)})" if marks else summary.device
