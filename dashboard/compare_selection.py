"""What the Compare page shows, in its address and back: a link shows another person the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from agent.wire.enrolment import DeviceKind
from dashboard.address_reader import CURVES, NONE, AddressReader
from orchestrator.analysis.comparison import Axis
from orchestrator.choosing import Matching, Wanted, matching
from orchestrator.comparing import MOST_AT_ONCE
from orchestrator.views import CurveSummary

MOST_AT_FIRST = 12
"""Curves that are chosen where nobody chose: more can be added."""


class Measure(str, Enum):
    """What is drawn up the chart."""

    LATENCY = "latency"
    RATIO = "ratio"


class Grouping(str, Enum):
    """What curves are ordered and coloured by."""

    HARDWARE = "hardware"
    BATCH = "batch"
    TYPE = "type"
    RUNTIME = "runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareSelection:
    """The whole view. ``curves`` are numbers; None where nobody chose, so that the newest that match are shown."""

    wanted: Wanted = field(default_factory=Wanted)
    curves: tuple[int, ...] | None = None
    measure: Measure = Measure.LATENCY
    axis: Axis = Axis.TOKENS
    grouping: Grouping = Grouping.HARDWARE
    from_zero: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareParsed:
    """What an address selects, and a notice for each part of it that makes no sense and was ignored."""

    selection: CompareSelection
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: its name in the address and in `Wanted`, its title, and what of a curve it looks at."""

    name: str
    field: str
    title: str
    value_of: Callable[[CurveSummary], Hashable]

    def options(self, summaries: Iterable[CurveSummary]) -> dict[str, Hashable]:
        """What can be asked for, by its text in the address, in its natural order."""
        values = {self.value_of(summary) for summary in summaries}
        ordered = sorted(values, key=lambda value: (value if isinstance(value, int) else 0, text_of(value)))
        return {text_of(value): value for value in ordered}


FILTERS = (
    Filter("model", "models", "Model", lambda one: one.model),
    Filter("device", "devices", "Device", lambda one: one.device),
    Filter("kind", "kinds", "Kind", lambda one: one.device_kind),
    Filter("batch", "batch_sizes", "Batch size", lambda one: one.workload.batch_size),
    Filter("type", "data_types", "Data type", lambda one: one.workload.data_type),
    Filter("runtime", "runtimes", "Runtime", lambda one: one.workload.runtime),
)


def text_of(value: Hashable) -> str:
    """A value of a filter as it stands in an address."""
    return str(value.value) if isinstance(value, Enum) else str(value)


def from_query(params: Mapping[str, str], summaries: Sequence[CurveSummary]) -> CompareParsed:
    """The selection in the query parameters of an address, where ``summaries`` are what there is to select from."""
    reader = AddressReader(params)
    filters: dict[str, Any] = {one.field: reader.some_of(one.name, one.options(summaries)) for one in FILTERS}
    selection = CompareSelection(
        wanted=Wanted(**filters, older=reader.flag("older"), simulated=reader.flag("simulated")),
        curves=reader.curves(MOST_AT_ONCE),
        measure=reader.one_of("y", Measure, Measure.LATENCY),
        axis=reader.one_of("x", Axis, Axis.TOKENS),
        grouping=reader.one_of("by", Grouping, Grouping.HARDWARE),
        from_zero=not reader.flag("zoomed"),
    )
    return CompareParsed(selection=selection, notices=tuple(reader.notices))


def to_query(selection: CompareSelection) -> dict[str, str]:
    """The query parameters that `from_query` reads as ``selection``; what is usual is left out."""
    wanted = selection.wanted
    query = {one.name: ",".join(map(text_of, getattr(wanted, one.field))) for one in FILTERS}
    query |= {"older": "1" if wanted.older else "", "simulated": "1" if wanted.simulated else ""}
    if selection.curves is not None:
        query[CURVES] = ",".join(map(str, selection.curves)) or NONE
    query["y"] = "" if selection.measure is Measure.LATENCY else selection.measure.value
    query["x"] = "" if selection.axis is Axis.TOKENS else selection.axis.value
    query["by"] = "" if selection.grouping is Grouping.HARDWARE else selection.grouping.value
    query["zoomed"] = "" if selection.from_zero else "1"
    return {name: value for name, value in query.items() if value}


def chosen(selection: CompareSelection, summaries: Sequence[CurveSummary]) -> tuple[int, ...]:
    """The numbers of the curves to show: those named, else the newest of each combination that match.

    Where no model is asked for those of the newest curve's model, so that like stands beside like.
    """
    if selection.curves is not None:
        return selection.curves
    found = matching(summaries, selection.wanted).curves
    models = selection.wanted.models or tuple(one.model for one in found[:1])
    return tuple(one.id for one in found if one.model in models)[:MOST_AT_FIRST]


def on_offer(selection: CompareSelection, summaries: Sequence[CurveSummary]) -> Matching:
    """What matches the filters, and what was left out of it."""
    return matching(summaries, selection.wanted)


def with_simulated(selection: CompareSelection, summaries: Sequence[CurveSummary], *, wanted: bool) -> CompareSelection:
    """``selection`` with the simulated curves that match beside those chosen, or with none of them."""
    now = chosen(selection, summaries)
    simulated = {one.id for one in summaries if one.simulated}
    if not wanted:
        kinds = tuple(kind for kind in selection.wanted.kinds if kind is not DeviceKind.SIMULATED)
        without = replace(selection, wanted=replace(selection.wanted, simulated=False, kinds=kinds))
        return replace(without, curves=tuple(number for number in now if number not in simulated))
    changed = replace(selection, wanted=replace(selection.wanted, simulated=True))
    models = {one.model for one in summaries if one.id in now}
    added = [
        one.id
        for one in on_offer(changed, summaries).curves
        if one.simulated and one.id not in now and (not models or one.model in models)
    ]
    return replace(changed, curves=(*now, *added)[:MOST_AT_ONCE])
