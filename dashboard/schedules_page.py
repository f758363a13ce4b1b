"""The Schedules page: what to prune to on each device, beside uniform pruning and the paper's own choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dashboard import (
    schedules_accuracy,
    schedules_controls,
    schedules_fleet,
    schedules_proof,
    schedules_selection,
    trouble,
)
from dashboard.schedules_chart import front_chart, schedules_chart
from dashboard.schedules_data import Chosen, curve_frame, front_frame, kept_frame, marks_frame, schedules_table
from dashboard.schedules_selection import SchedulesSelection
from dashboard.shelf import Shelf
from dashboard.wording import plain
from orchestrator.analysis.schedules import schedules_of
from orchestrator.analysis.shapes import DEPTH_SHARE
from orchestrator.choosing import candidates, names_of, work_of
from orchestrator.common_schedule import MOST_CURVES
from orchestrator.views import AccuracyView, CurveSummary


def show() -> None:
    """The page, or what is wrong."""
    trouble.told(_page)


def _page(shelf: Shelf) -> None:
    listed = candidates(shelf.client)
    parsed = schedules_selection.from_query(st.query_params.to_dict())
    selection = parsed.selection
    found = shelf.summaries(listed, selection.curves or ())
    chosen, strangers = _of_one_work(found.curves)
    notices = (*parsed.notices, *found.notices, *strangers)
    for notice in notices:
        st.warning(plain(notice), icon=":material/link_off:")
    simulated = selection.simulated or any(one.simulated for one in chosen)
    works = schedules_selection.works((*listed, *chosen), simulated=simulated)
    if not works:
        _empty(listed, selection)
        return
    work = work_of(chosen[0]) if chosen else works[0]
    if selection.curves is None:
        chosen = tuple(schedules_selection.on_offer(listed, work, simulated=simulated)[:MOST_CURVES])
    selection = replace(selection, curves=tuple(one.id for one in chosen), simulated=simulated)
    if not notices:
        st.query_params.from_dict(schedules_selection.to_query(selection))
    schedules_controls.curves(selection, listed, work, chosen)
    accuracies = shelf.client.accuracies(model=work.model)
    schedules_controls.utility(selection, accuracies)
    _show(shelf, selection, chosen, accuracies)


def _of_one_work(summaries: Sequence[CurveSummary]) -> tuple[tuple[CurveSummary, ...], tuple[str, ...]]:
    """Those of the work of the first, and a notice for each of other work."""
    if not summaries:
        return (), ()
    work = work_of(summaries[0])
    others = [f"#{one.id}" for one in summaries if work_of(one) != work]
    notice = f"The address asks for curves of several models or workloads: {', '.join(others)} left out."
    return tuple(one for one in summaries if work_of(one) == work), (notice,) if others else ()


def _empty(listed: Sequence[CurveSummary], selection: SchedulesSelection) -> None:
    st.markdown("#### No curve yet")
    st.markdown("A schedule is recommended as soon as a device has been measured.")
    if any(one.simulated for one in listed):
        schedules_controls.simulated_too(selection, sum(one.simulated for one in listed))


def _show(
    shelf: Shelf,
    selection: SchedulesSelection,
    summaries: Sequence[CurveSummary],
    accuracies: Sequence[AccuracyView],
) -> None:
    if not summaries:
        st.info("No device is chosen.", icon=":material/info:")
        return
    accuracy = schedules_accuracy.weighed(selection, accuracies, summaries[0].facts)
    weighed = replace(selection, accuracy=accuracy)
    chosen = [_chosen(shelf, weighed, *one) for one in zip(summaries, names_of(summaries), strict=True)]
    _marks(chosen)
    table = schedules_table(chosen, accuracies)
    if len(table):
        st.dataframe(table, hide_index=True, width="stretch")
    block = summaries[0].facts.blocks // DEPTH_SHARE
    st.caption(
        "**Measured**: the whole model with its tokens cut before the first block, the most that a prune can save. "
        f"**Predicted**: a single prune in block {block} of {summaries[0].facts.blocks}, the best schedule and uniform "
        "pruning in any, from blocks timed in place. **None of that is proved** until the device has timed the "
        "pruned model: see below."
    )
    for one in chosen:
        for words in one.found.missing:
            st.info(f"**{plain(one.name)}**: {plain(words)}", icon=":material/info:")
    _pictures(chosen, weighed)
    schedules_accuracy.front(selection, accuracies, chosen)
    schedules_fleet.common(weighed, chosen)
    schedules_proof.proofs(shelf, chosen)


def _chosen(shelf: Shelf, selection: SchedulesSelection, summary: CurveSummary, name: str) -> Chosen:
    view = shelf.view(summary)
    found = schedules_of(
        view.analysis,
        full_tokens=summary.facts.tokens,
        prefix_tokens=summary.facts.prefix_tokens,
        blocks=summary.facts.blocks,
        alpha=selection.alpha,
        accuracy=selection.accuracy,
    )
    return Chosen(f"{name} · doubted" if found.doubts else name, view, found, shelf.client.verifications(summary.id))


def _marks(chosen: Sequence[Chosen]) -> None:
    simulated = [one.name for one in chosen if one.view.summary.simulated]
    if simulated:
        st.warning(
            f"**Simulated.** No hardware was timed for {plain('; '.join(simulated))}: nothing there is to be deployed.",
            icon=":material/science:",
        )
    doubted = [one for one in chosen if one.found.doubts]
    if doubted:
        lines = "\n".join(
            f"- **{plain(one.name)}**: {', '.join(dict.fromkeys(doubt.reason.value for doubt in one.found.doubts))}"
            for one in doubted
        )
        st.warning(f"**These schedules rest on doubted curves**\n{lines}", icon=":material/warning:")


def _pictures(chosen: Sequence[Chosen], selection: SchedulesSelection) -> None:
    drawn = [one for one in chosen if len(one.view.tokens)]
    columns = st.columns(2) if len(drawn) > 1 else [st.container()]
    for index, one in enumerate(drawn):
        with columns[index % len(columns)]:
            st.markdown(f"##### {plain(one.name)}")
            st.altair_chart(schedules_chart(curve_frame(one.view), marks_frame(one.found)), width="stretch")
            if one.found.front:
                kept = "token density" if selection.accuracy is None else "accuracy, kept"
                marks = kept_frame(one.found, selection.accuracy)
                st.altair_chart(front_chart(front_frame(one.found), marks, kept), width="stretch")
    if drawn:
        st.caption(
            "Filled: measured at the tokens kept. Hollow: predicted, drawn at the mean tokens that leave a block, so "
            "that uniform pruning and the prune that it stands beside lie over one another. Bars are 95 % intervals. "
            "The line is the front: no schedule keeps more and is surely as fast at its worst."
        )
