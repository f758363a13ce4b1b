"""The part of the Schedules page with measured accuracy: which job is weighed, and its front beside latency."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from agent.errors import StepfarmError
from agent.wire.jobs import ModelFacts
from agent.wire.schedules import Method
from dashboard.charts import EDGE, encoded
from dashboard.schedules_data import Chosen, saving_words, top_1
from dashboard.schedules_selection import SchedulesSelection
from dashboard.wording import NS_PER_MS, percent, plain
from orchestrator.analysis.accuracy import AccuracyCurve
from orchestrator.analysis.shapes import in_blocks
from orchestrator.measured_accuracy import Traded, accuracy_curve, traded
from orchestrator.views import AccuracyView, ScheduleAccuracy

HEIGHT = 320
UNPRUNED = "unpruned"


def weighed(
    selection: SchedulesSelection, accuracies: Sequence[AccuracyView], facts: ModelFacts
) -> AccuracyCurve | None:
    """The accuracy to weigh against latency: of the job that is chosen, or stated; None for the token density."""
    if selection.job is None:
        return selection.accuracy
    found = next((one for one in accuracies if one.job_id == selection.job), None)
    if found is None:
        st.warning(f"There is no accuracy job {selection.job} of this model.", icon=":material/link_off:")
        return selection.accuracy
    try:
        return accuracy_curve(found, facts, Method.ONE_MORE)
    except StepfarmError as error:
        st.warning(f"{plain(error.message)} {plain(error.advice)}", icon=":material/warning:")
        return selection.accuracy


def front(selection: SchedulesSelection, accuracies: Sequence[AccuracyView], chosen: Sequence[Chosen]) -> None:
    """What an accuracy job measured beside what each curve predicts; nothing where no images with labels were tried."""
    able = [one for one in accuracies if one.labelled and one.results]
    found = next((one for one in able if selection.job in (None, one.job_id)), None)
    if found is None:
        return
    st.markdown("##### Accuracy and latency")
    for one in chosen:
        rows = [row for row in traded(one.view, found) if row.latency is not None and row.accuracy.top_1 is not None]
        if not rows:
            continue
        st.markdown(f"**{plain(one.name)}**")
        st.altair_chart(chart(front_frame(rows)), width="stretch")
        with st.expander("As a table"):
            st.dataframe(front_table(rows), hide_index=True, width="stretch")
    st.caption(
        f"Top-1 of {found.results[0].images:,} images of {plain(found.dataset.name)}, measured without retraining by "
        f"accuracy job {found.job_id} on {plain(found.device)}, weights {found.weights.sha256[:12]}; latency predicted "
        "for each device. Bars are 95 % intervals. Accuracy does not depend on the device."
    )


def front_frame(rows: Sequence[Traded]) -> pd.DataFrame:
    """One row a schedule: its method, ms, top-1 in per cent with its interval, and words."""
    return pd.DataFrame(
        {
            "method": UNPRUNED if row.schedule is None else row.schedule.method.value,
            "ms": row.latency.latency_ns / NS_PER_MS,
            "top_1": 100 * row.accuracy.top_1.value,
            "low": 100 * row.accuracy.top_1.low,
            "high": 100 * row.accuracy.top_1.high,
            "tokens": UNPRUNED if row.schedule is None else in_blocks(row.schedule.leaving),
        }
        for row in rows
        if row.latency is not None and row.accuracy.top_1 is not None
    )


def front_table(rows: Sequence[Traded]) -> pd.DataFrame:
    """One row a schedule, for a reader."""
    return pd.DataFrame(
        {
            "Method": UNPRUNED if row.schedule is None else row.schedule.method.value,
            "Tokens that leave each block": "" if row.schedule is None else in_blocks(row.schedule.leaving),
            "Top-1": top_1(row.accuracy),
            "Change": _change(row.accuracy),
            "Predicted": "" if row.latency is None else f"{row.latency.latency_ns / NS_PER_MS:.3g} ms",
            "Saves": saving_words(row.latency),
        }
        for row in rows
    )


def chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Top-1 against latency, a colour a method."""
    x = alt.X("ms:Q", title="latency, predicted (ms)", scale=alt.Scale(zero=False, padding=EDGE))
    y_title = "top-1 (%)"
    y = alt.Y("top_1:Q", title=y_title, scale=alt.Scale(zero=False, padding=EDGE))
    methods = [UNPRUNED, *dict.fromkeys(frame["method"][frame["method"] != UNPRUNED])]
    colour = alt.Color("method:N", title=None, sort=methods, legend=alt.Legend(orient="top"))
    tooltip = ["method:N", "tokens:N", alt.Tooltip("ms:Q", format=".3f"), alt.Tooltip("top_1:Q", format=".1f")]
    low = alt.Y("low:Q", title=y_title)
    layers = [
        encoded(alt.Chart(frame).mark_rule(strokeWidth=1.5), x=x, y=low, y2="high:Q", color=colour),
        encoded(alt.Chart(frame).mark_line(strokeWidth=1, opacity=0.5), x=x, y=y, color=colour),
        encoded(alt.Chart(frame).mark_point(size=90, filled=True, opacity=1), x=x, y=y, color=colour, tooltip=tooltip),
    ]
    return alt.LayerChart(layer=layers).properties(height=HEIGHT)


def _change(found: ScheduleAccuracy) -> str:
    change = found.change
    if found.schedule is None or change is None:
        return "—"
    return f"{percent(100 * change.value, signed=True)} ({100 * change.low:+.1f} to {100 * change.high:+.1f})"
