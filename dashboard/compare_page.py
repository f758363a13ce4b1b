"""The Compare page: any set of curves overlaid, absolute or relative, and the map of their steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dashboard import compare_charts, compare_controls, compare_data, compare_selection, compare_tables, trouble
from dashboard.compare_data import Named
from dashboard.compare_selection import CompareSelection, Measure
from dashboard.shelf import Shelf
from dashboard.wording import plain
from orchestrator.choosing import candidates
from orchestrator.comparing import Comparison, compare
from orchestrator.counting import counted
from orchestrator.over_time import ChangeSeen
from orchestrator.views import CurveView

BELIEVED = ":green-badge[believed]"
SEEN_ONCE = ":gray-badge[seen once]"


def show() -> None:
    """The page, or what is wrong."""
    trouble.told(_page)


def _page(shelf: Shelf) -> None:
    listed = candidates(shelf.client)
    parsed = compare_selection.from_query(st.query_params.to_dict(), listed)
    selection = parsed.selection
    found = shelf.summaries(listed, compare_selection.chosen(selection, listed))
    for notice in (*parsed.notices, *found.notices):
        st.warning(plain(notice), icon=":material/link_off:")
    if not listed and not found.curves:
        st.markdown("#### No curve yet")
        st.markdown("There is something to compare once two devices, models or workloads have been measured.")
        return
    summaries = (*listed, *(one for one in found.curves if one not in listed))
    # To name a simulated curve is to ask for it.
    simulated = selection.wanted.simulated or any(one.simulated for one in found.curves)
    selection = replace(selection, wanted=replace(selection.wanted, simulated=simulated))
    if found.curves or selection.curves is not None:
        selection = replace(selection, curves=tuple(one.id for one in found.curves))
    if not parsed.notices and not found.notices:
        # So that the address, copied now, shows the same when newer curves have come.
        st.query_params.from_dict(compare_selection.to_query(selection))
    compare_controls.filters(selection, summaries)
    compare_controls.curves(selection, summaries, found.curves)
    compare_controls.view(selection)
    if not found.curves:
        st.info("No curve is chosen.", icon=":material/info:")
        return
    _compare([shelf.view(summary) for summary in found.curves], selection)


def _compare(views: Sequence[CurveView], selection: CompareSelection) -> None:
    views = compare_data.ordered(views, selection.grouping)
    comparison = compare(views, selection.axis)
    curves = compare_data.named(comparison, views, selection.grouping)
    _marks(curves)
    _versions(curves)
    if comparison.common:
        st.caption(f"All of them: {plain(comparison.common)}")
    _overlay(comparison, curves, selection)
    _map(curves)
    _crossings(comparison, curves)
    _steps(comparison, curves)
    _silent(curves)
    _over_time(comparison)
    _numbers(comparison, curves, selection.measure)


def _marks(curves: Sequence[Named]) -> None:
    """What must not be overlooked: curves of no hardware, and reasons to doubt."""
    simulated = [one.name for one in curves if one.view.summary.simulated]
    if simulated:
        st.warning(
            f"**Simulated.** No hardware was timed for {counted(len(simulated), 'curve')} here: "
            f"{plain('; '.join(simulated))}. Their lines are dashed.",
            icon=":material/science:",
        )
    doubted = [one for one in curves if one.view.doubts]
    if doubted:
        with st.expander(f"Reasons to doubt {counted(len(doubted), 'curve')}", icon=":material/warning:"):
            for one in doubted:
                lines = "\n".join(f"- **{doubt.reason.value}**: {plain(doubt.evidence)}" for doubt in one.view.doubts)
                st.markdown(f"**{plain(one.name)}**\n{lines}")


def _versions(curves: Sequence[Named]) -> None:
    """That different versions of the method found what is compared."""
    old = [one for one in curves if one.view.outdated]
    if old:
        numbers = " ".join(str(one.view.summary.id) for one in old)
        st.info(
            f"An older version of the method found the steps of {counted(len(old), 'curve')} here. "
            f"`stepfarm curves reanalyse {numbers}` finds them anew, so that like stands beside like.",
            icon=":material/history:",
        )


def _overlay(comparison: Comparison, curves: Sequence[Named], selection: CompareSelection) -> None:
    relative = selection.measure is Measure.RATIO
    lacking = [one.name for one in comparison.curves if relative and not one.relative]
    if lacking:
        st.info(
            f"The full model was not measured for {plain('; '.join(lacking))}, so there is no ratio to it.",
            icon=":material/info:",
        )
    lines = compare_data.lines_frame(curves, selection.measure)
    if lines.empty:
        st.info("There is nothing to draw: no reading was accepted.", icon=":material/hourglass_empty:")
        return
    names = [one.name for one in curves]
    chart = compare_charts.overlay(
        lines, names, measure=selection.measure, axis=selection.axis, from_zero=selection.from_zero
    )
    st.altair_chart(chart, width="stretch")
    points = sum(len(one.view.tokens) for one in curves)
    notes = ["Bands are 95 % intervals. Point at a curve for its values; hold Shift and turn the wheel to zoom."]
    if len({one.group for one in curves}) > compare_data.SEVERAL:
        notes.append("There are too many for a legend: a curve says its name when it is pointed at.")
    if relative:
        notes.append("A ratio is less sure than its latency: it has the full model's interval in it too.")
    if len(lines) < points and not lacking:
        notes.append(f"Drawn: {len(lines):,} of {points:,} points, no step or extreme left out.")
    st.caption(" ".join(notes))


def _map(curves: Sequence[Named]) -> None:
    st.markdown("##### Map of steps")
    ranges = compare_data.ranges_frame(curves)
    if ranges.empty:
        return
    steps = compare_data.steps_frame(curves)
    st.altair_chart(compare_charts.step_map(ranges, steps, [one.name for one in curves]), width="stretch")
    st.caption(
        "A triangle up is where one more token is dearer, down where it is cheaper; hollow is a candidate, filled is "
        "confirmed. The bar behind it is where the step may lie, the line is what was measured."
    )
    with st.expander("The map in words", icon=":material/table:"):
        st.dataframe(compare_tables.map_table(curves), hide_index=True, width="stretch")


def _silent(curves: Sequence[Named]) -> None:
    """Curves without a step: that none was found is another result than that nobody can tell."""
    silent = compare_tables.silent_table(curves)
    if silent.empty:
        return
    st.markdown("##### No step found, or too noisy to say")
    st.dataframe(silent, hide_index=True, width="stretch")
    st.caption(
        "Both are results: the first says how small a jump could have been missed, the second that one could hide."
    )


def _crossings(comparison: Comparison, curves: Sequence[Named]) -> None:
    st.markdown("##### Where another becomes the faster one")
    if comparison.crossings:
        st.dataframe(compare_tables.crossings_table(comparison, curves), hide_index=True, width="stretch")
    nowhere = "" if comparison.crossings else "Nowhere, as far as can be told. "
    st.caption(
        f"{nowhere}Of two curves of one model, batch size and image size, one is faster where their 95 % intervals lie "
        "apart at two token counts in a row."
    )


def _steps(comparison: Comparison, curves: Sequence[Named]) -> None:
    st.markdown("##### Steps, shared and only here")
    if comparison.steps:
        st.dataframe(compare_tables.steps_table(comparison, curves), hide_index=True, width="stretch")
    nowhere = "" if comparison.steps else "No step was found on any of them. "
    st.caption(
        f"{nowhere}Steps are the same where they go the same way and where they may lie overlaps, or is one token "
        "apart. Out of how many: the curves that were measured there and are not too noisy to say."
    )


def _over_time(comparison: Comparison) -> None:
    if not comparison.timelines:
        return
    st.markdown("##### Over time")
    for timeline in comparison.timelines:
        lines = [f"**{plain(timeline.of)}**, {plain(', '.join(f'#{number}' for number in timeline.curves))}"]
        lines += [f"- {BELIEVED if one.believed else SEEN_ONCE} {_change_words(one)}" for one in timeline.changes]
        st.markdown("\n".join(lines))
        if timeline.words:
            st.caption(plain(timeline.words))
    st.caption(
        "Of the same device, model and workload at several dates, the oldest first. A change is believed where two "
        "curves agree on it: the interval of one knows nothing of what differs from day to day."
    )


def _change_words(change: ChangeSeen) -> str:
    doubted = " One of these curves is doubted." if change.doubted else ""
    return f"{plain(change.words)}{doubted}"


def _numbers(comparison: Comparison, curves: Sequence[Named], measure: Measure) -> None:
    st.markdown("##### In numbers")
    st.dataframe(compare_tables.curves_table(curves), hide_index=True, width="stretch")
    with st.expander("At every token count", icon=":material/table:"):
        table = compare_tables.numbers_table(comparison, curves, measure)
        st.dataframe(table, hide_index=True, width="stretch")
        unit = "Medians in ms." if measure is Measure.LATENCY else "Latency as a share of the full model's."
        st.caption(f"{unit} An empty cell: nothing was measured there.")
    st.download_button(
        "Download these numbers (CSV)",
        # Made when it is asked for, not each time that the page is drawn.
        lambda: compare_tables.numbers_csv([one.view for one in curves]),
        file_name="stepfarm-comparison.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="compare-download",
    )
