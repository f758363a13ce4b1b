"""The controls of the Compare page. The address is the truth: they show it, and what a person changes goes into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard import compare_selection
from dashboard.compare_selection import FILTERS, CompareSelection, Grouping, Measure, text_of
from orchestrator.analysis.comparison import Axis
from orchestrator.choosing import Wanted, names_of
from orchestrator.comparing import MOST_AT_ONCE
from orchestrator.counting import counted
from orchestrator.views import CurveSummary

_KEY = "compare-"
_CURVES = f"{_KEY}curves"
_OLDER = f"{_KEY}older"
_SIMULATED = f"{_KEY}simulated"
_MEASURE = f"{_KEY}measure"
_AXIS = f"{_KEY}axis"
_GROUPING = f"{_KEY}grouping"
_ZERO = f"{_KEY}zero"

MEASURES = {Measure.LATENCY: "Latency", Measure.RATIO: "Ratio to the full model"}
AXES = {Axis.TOKENS: "Tokens", Axis.SHARE: "Share of tokens kept"}
GROUPINGS = {
    Grouping.HARDWARE: "By hardware",
    Grouping.BATCH: "By batch size",
    Grouping.TYPE: "By data type",
    Grouping.RUNTIME: "By runtime",
}


def filters(selection: CompareSelection, summaries: Sequence[CurveSummary]) -> None:
    """What narrows down the curves on offer."""
    wanted = selection.wanted
    with st.expander("Filters", icon=":material/filter_list:", expanded=any(_values(wanted))):
        columns = st.columns(3)
        for index, one in enumerate(FILTERS):
            key = _KEY + one.name
            st.session_state[key] = [text_of(value) for value in getattr(wanted, one.field)]
            columns[index % 3].multiselect(
                one.title,
                list(one.options(summaries)),
                key=key,
                on_change=_filtered,
                args=(selection, summaries),
                placeholder="any",
            )


def _values(wanted: Wanted) -> list[tuple[Any, ...]]:
    return [getattr(wanted, one.field) for one in FILTERS]


def _filtered(selection: CompareSelection, summaries: Sequence[CurveSummary]) -> None:
    # Other filters ask another question, so the curves are chosen anew.
    picked: dict[str, Any] = {
        one.field: tuple(one.options(summaries)[text] for text in st.session_state[_KEY + one.name]) for one in FILTERS
    }
    _put(replace(selection, wanted=replace(selection.wanted, **picked), curves=None))


def curves(selection: CompareSelection, summaries: Sequence[CurveSummary], chosen: Sequence[CurveSummary]) -> None:
    """Which curves are shown, of those on offer; and whether older and simulated ones are among them."""
    found = compare_selection.on_offer(selection, summaries)
    offer = {one.id: one for one in (*found.curves, *chosen)}
    names = dict(zip(offer, names_of(list(offer.values())), strict=True))
    st.session_state[_CURVES] = [one.id for one in chosen]
    st.multiselect(
        f"Curves ({len(chosen)} of {len(offer)})",
        list(offer),
        format_func=names.__getitem__,
        key=_CURVES,
        on_change=_chosen,
        args=(selection,),
        max_selections=MOST_AT_ONCE,
        placeholder="Choose two or more",
    )
    with st.container(horizontal=True):
        st.session_state[_SIMULATED] = selection.wanted.takes_simulated
        st.toggle(
            f"Simulated too{_left_out(found.simulated_left_out)}",
            key=_SIMULATED,
            on_change=_simulated,
            args=(selection, summaries),
            help="Simulated devices time nothing: their latencies are made up, for a demonstration or a test.",
        )
        st.session_state[_OLDER] = selection.wanted.older
        st.toggle(
            f"Older ones too{_left_out(found.older_left_out)}",
            key=_OLDER,
            on_change=_older,
            args=(selection,),
            help="Otherwise the newest curve of each combination of device, model and workload is on offer.",
        )


def _left_out(number: int) -> str:
    return f" ({counted(number, 'curve')} left out)" if number else ""


def _chosen(selection: CompareSelection) -> None:
    _put(replace(selection, curves=tuple(st.session_state[_CURVES])))


def _simulated(selection: CompareSelection, summaries: Sequence[CurveSummary]) -> None:
    _put(compare_selection.with_simulated(selection, summaries, wanted=st.session_state[_SIMULATED]))


def _older(selection: CompareSelection) -> None:
    _put(replace(selection, wanted=replace(selection.wanted, older=st.session_state[_OLDER])))


def view(selection: CompareSelection) -> None:
    """How the curves are shown."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for title, key, options, now in (
            ("Up", _MEASURE, MEASURES, selection.measure),
            ("Across", _AXIS, AXES, selection.axis),
            ("Grouped", _GROUPING, GROUPINGS, selection.grouping),
        ):
            st.session_state[key] = now
            st.segmented_control(
                title, list(options), format_func=options.__getitem__, key=key, on_change=_viewed, args=(selection,)
            )
        st.session_state[_ZERO] = selection.from_zero
        st.toggle("From zero", key=_ZERO, on_change=_viewed, args=(selection,))


def _viewed(selection: CompareSelection) -> None:
    # A second click on what is chosen takes it away: it then stays as it was.
    _put(
        replace(
            selection,
            measure=st.session_state[_MEASURE] or selection.measure,
            axis=st.session_state[_AXIS] or selection.axis,
            grouping=st.session_state[_GROUPING] or selection.grouping,
            from_zero=st.session_state[_ZERO],
        )
    )


def _put(selection: CompareSelection) -> None:
    st.query_params.from_dict(compare_selection.to_query(selection))
