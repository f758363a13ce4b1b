"""The picture of one curve with its schedules on it."""

from __future__ import annotations

import altair as alt
import pandas as pd

from dashboard import schedules_data
from dashboard.chart_data import MEDIAN, SWEET_SPOT
from dashboard.charts import COLOURS, EDGE, encoded
from orchestrator.analysis.schedules import Origin

HEIGHT = 320
MARKS = {
    schedules_data.ORIGINS[Origin.BEST]: ("#b4530a", "triangle-up"),
    schedules_data.ORIGINS[Origin.RECOMMENDED]: (COLOURS[SWEET_SPOT], "diamond"),
    schedules_data.ORIGINS[Origin.UNIFORM]: ("#139a74", "square"),
    schedules_data.ORIGINS[Origin.PAPER]: ("#c2569b", "circle"),
}
"""Colour and shape of each schedule."""


def schedules_chart(curve: pd.DataFrame, marks: pd.DataFrame) -> alt.LayerChart:
    """The curve with its interval; each schedule filled where it was measured and hollow where it is predicted.

    Args:
        curve: as `dashboard.schedules_data.curve_frame` gives it, not empty.
        marks: as `dashboard.schedules_data.marks_frame` gives them.
    """
    x = alt.X("tokens:Q", title="tokens", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(grid=False))
    y = alt.Y("ms:Q", title="latency (ms)", scale=alt.Scale(zero=True))
    line = COLOURS[MEDIAN]
    layers = [
        encoded(alt.Chart(curve).mark_area(opacity=0.2, color=line), x=x, y=alt.Y("low:Q"), y2="high:Q"),
        encoded(alt.Chart(curve).mark_line(strokeWidth=1.4, color=line, opacity=0.8), x=x, y=y),
    ]
    for what, filled in ((schedules_data.MEASURED, True), (schedules_data.PREDICTED, False)):
        rows = marks[marks["what"] == what] if len(marks) else marks
        if len(rows):
            layers += _marks(rows, x, y, filled=filled)
    return alt.LayerChart(layer=layers).properties(height=HEIGHT)


def front_chart(front: pd.DataFrame, marks: pd.DataFrame, kept: str) -> alt.LayerChart:
    """What is kept against latency: the front of all schedules at their worst, and the options as predicted.

    Args:
        front: as `dashboard.schedules_data.front_frame` gives it, not empty.
        marks: as `dashboard.schedules_data.kept_frame` gives them.
        kept: what is kept, for the axis.
    """
    x = alt.X("ms:Q", title="latency (ms)", scale=alt.Scale(zero=False, padding=EDGE))
    y = alt.Y("kept:Q", title=f"{kept} (%)", scale=alt.Scale(zero=False, padding=EDGE))
    line = encoded(alt.Chart(front).mark_line(color=COLOURS[MEDIAN], strokeWidth=1.4, opacity=0.8), x=x, y=y)
    if not len(marks):
        return alt.LayerChart(layer=[line]).properties(height=HEIGHT)
    names = list(MARKS)
    legend = alt.Legend(orient="top", direction="horizontal", columns=2)
    points = encoded(
        alt.Chart(marks).mark_point(size=130, filled=False, strokeWidth=2, opacity=1),
        x=x,
        y=y,
        color=alt.Color(
            "schedule:N",
            title=None,
            legend=legend,
            scale=alt.Scale(domain=names, range=[MARKS[name][0] for name in names]),
        ),
        shape=alt.Shape("schedule:N", title=None, scale=alt.Scale(domain=names, range=[MARKS[n][1] for n in names])),
        tooltip=[
            alt.Tooltip("schedule:N"),
            alt.Tooltip("kept:Q", format=".1f"),
            alt.Tooltip("latency:N"),
        ],
    )
    return alt.LayerChart(layer=[line, points]).properties(height=HEIGHT)


def _marks(rows: pd.DataFrame, x: alt.X, y: alt.Y, *, filled: bool) -> list[alt.Chart]:
    names = list(MARKS)
    colour = alt.Color(
        "schedule:N",
        title=None,
        scale=alt.Scale(domain=names, range=[MARKS[name][0] for name in names]),
        legend=alt.Legend(orient="top", direction="horizontal", columns=2),
    )
    shape = alt.Shape("schedule:N", title=None, scale=alt.Scale(domain=names, range=[MARKS[name][1] for name in names]))
    tooltip = [
        alt.Tooltip("schedule:N"),
        alt.Tooltip("what:N", title="this is"),
        alt.Tooltip("tokens:Q", format=".4~g"),
        alt.Tooltip("latency:N"),
        alt.Tooltip("saves:N"),
    ]
    channels = {"x": x, "color": colour, "tooltip": tooltip}
    point = alt.Chart(rows).mark_point(size=130, filled=filled, strokeWidth=2, opacity=1)
    return [
        encoded(alt.Chart(rows).mark_rule(strokeWidth=1.5), **channels, y=alt.Y("low:Q"), y2="high:Q"),
        encoded(point, **channels, y=y, shape=shape),
    ]
