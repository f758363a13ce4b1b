"""The pictures of the Compare page: curves overlaid, and the map of their steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard import compare_data
from dashboard.chart_data import STEP_DOWN, STEP_UP
from dashboard.charts import COLOURS, encoded
from dashboard.compare_selection import Measure
from orchestrator.analysis.comparison import Axis

# After Okabe and Ito and Tol's muted set: told apart by the colour-blind too, on white as on near black.
PALETTE = (
    "#2f7fd6",
    "#d9622b",
    "#139a74",
    "#b85fc4",
    "#c79200",
    "#5aa9e6",
    "#c2569b",
    "#7a8b2a",
    "#e07b7b",
    "#6f7fb5",
)
COLUMNS = {Measure.LATENCY: "ms", Measure.RATIO: "ratio"}
HEIGHT = 480
ROW = 30
"""Pixels of one curve in the map of steps."""
AXIS = 60
ABOUT_ROWS = 140
"""Pixels of the axis below the rows, and of the axis and the legend above them."""
STRONGEST_PERCENT = 20.0
"""A jump of so much of the latency or more has the full colour."""
GREY = "#8795a8"
LONGEST_NAME = alt.ExprRef(expr="width < 380 ? 150 : 340")
"""Pixels of a name in the legend before it is cut off."""
NAME_BESIDE = alt.ExprRef(expr="width < 380 ? 110 : 260")
"""The same beside the map: on a phone the picture needs the room. Both in pixels."""


def overlay(
    lines: pd.DataFrame, names: Sequence[str], *, measure: Measure, axis: Axis, from_zero: bool
) -> alt.LayerChart:
    """Curves over one another with their interval bands, each pointed at tells its values.

    Args:
        lines: as `dashboard.compare_data.lines_frame` gives them, not empty.
        names: of the curves, in the order of the legend.
        measure: what is drawn up.
        axis: what is drawn across.
        from_zero: whether the vertical axis begins at zero.
    """
    channels = _channels(lines, names, measure, axis, from_zero=from_zero)
    lasting = {"x": channels["x"], "color": channels["color"], "detail": "curve:N"}
    high = f"{COLUMNS[measure]}_high:Q"
    band = encoded(alt.Chart(lines).mark_area(opacity=0.16), **lasting, y=channels["low"], y2=high)
    line = encoded(alt.Chart(lines).mark_line(strokeWidth=1.8), **lasting, y=channels["y"], strokeDash=_dash(lines))
    pointing = encoded(
        alt.Chart(lines).mark_point(size=60, opacity=0, filled=True),
        x=channels["x"],
        y=channels["y"],
        tooltip=_tooltip(lines),
    )
    zoom = alt.selection_interval(bind="scales", encodings=["x"], zoom="wheel![event.shiftKey]", name="zoom")
    # What a screen reader says in the place of the picture.
    told = f"Latency against tokens. Curves: {'; '.join(names)}. The table at every token count has the values."
    return alt.LayerChart(layer=[band, line, pointing.add_params(zoom)]).properties(height=HEIGHT, description=told)


def _channels(
    lines: pd.DataFrame, names: Sequence[str], measure: Measure, axis: Axis, *, from_zero: bool
) -> dict[str, Any]:
    title = "latency (ms)" if measure is Measure.LATENCY else "latency / full model's"
    up = COLUMNS[measure]
    low, high = float(lines[f"{up}_low"].min()), float(lines[f"{up}_high"].max())
    room = 0.05 * ((high - low) or high)
    scale = alt.Scale(domain=[0 if from_zero else max(0.0, low - room), high + room], nice=False, zero=from_zero)
    return {
        "x": alt.X(
            "tokens:Q" if axis is Axis.TOKENS else "kept:Q",
            title="tokens" if axis is Axis.TOKENS else "tokens kept (%)",
            scale=alt.Scale(nice=False, zero=False),
            axis=alt.Axis(grid=False),
        ),
        "y": alt.Y(f"{up}:Q", title=title, scale=scale),
        "low": alt.Y(f"{up}_low:Q", title=title, scale=scale),
        "color": _colour(lines, names),
    }


def _colour(lines: pd.DataFrame, names: Sequence[str]) -> alt.Color:
    """A colour for each curve, or, of too many, for each group."""
    drawn = set(lines["curve"])
    shown = [name for name in names if name in drawn]
    field = "curve"
    if len(shown) > compare_data.SEVERAL:
        field, shown = "group", list(dict.fromkeys(lines["group"]))
    # By name, so that a curve keeps its colour when the order of the legend changes.
    colours = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(sorted(shown))}
    scale = alt.Scale(domain=shown, range=[colours[name] for name in shown])
    legend = alt.Legend(orient="top", direction="vertical", columns=2, labelLimit=LONGEST_NAME, symbolOpacity=1)
    # With more entries than colours a legend would name one colour twice, and leave no room for the picture.
    told = legend if len(shown) <= len(PALETTE) else None
    return alt.Color(f"{field}:N", title=None, scale=scale, legend=told)


def _dash(lines: pd.DataFrame) -> alt.StrokeDash:
    dashes = {compare_data.MEASURED: [1, 0], compare_data.SIMULATED: [6, 4]}
    kinds = [kind for kind in dashes if kind in set(lines["kind"])]
    # Without a legend: the names and a notice on the page say which are simulated.
    return alt.StrokeDash("kind:N", scale=alt.Scale(domain=kinds, range=[dashes[kind] for kind in kinds]), legend=None)


def _tooltip(lines: pd.DataFrame) -> list[alt.Tooltip]:
    told = [
        alt.Tooltip("curve:N"),
        alt.Tooltip("kind:N", title="this is"),
        alt.Tooltip("tokens:Q"),
        alt.Tooltip("kept:Q", title="tokens kept, %", format=".1f"),
        alt.Tooltip("ms:Q", title="latency (ms)", format=".4~g"),
        alt.Tooltip("ms_low:Q", title="95 % from", format=".4~g"),
        alt.Tooltip("ms_high:Q", title="to", format=".4~g"),
        alt.Tooltip("doubts:N", title="doubted"),
    ]
    if "ratio" in lines.columns:
        told += [
            alt.Tooltip("ratio:Q", title="of the full model", format=".1%"),
            alt.Tooltip("ratio_low:Q", title="at 95 % from", format=".1%"),
            alt.Tooltip("ratio_high:Q", title="up to", format=".1%"),
        ]
    return told


def step_map(ranges: pd.DataFrame, steps: pd.DataFrame, names: Sequence[str]) -> alt.LayerChart:
    """The map of steps: a row a curve, the token counts across, a triangle where latency jumps.

    It points up where one more token is dearer and down where it is cheaper, is filled where the step is confirmed, and
    is the stronger in colour the larger the jump. A bar behind it says where the step may lie.
    """
    drawn = set(ranges["curve"])
    rows = [name for name in names if name in drawn]
    y = alt.Y(
        "curve:N",
        title=None,
        sort=rows,
        scale=alt.Scale(domain=rows),
        axis=alt.Axis(labelLimit=NAME_BESIDE, labelOverlap=False),
    )
    first, last = int(ranges["first"].min()), int(ranges["last"].max())
    room = max(0.5, 0.015 * (last - first))
    scale = alt.Scale(domain=[first - room, last + room], nice=False)
    x = alt.X("first:Q", title="tokens", scale=scale, axis=alt.Axis(grid=False, tickMinStep=1))
    layers = [
        encoded(alt.Chart(ranges).mark_rule(color=GREY, opacity=0.5), x=x, x2="last:Q", y=y),
        encoded(
            alt.Chart(ranges).mark_text(color=GREY, align="left", dx=6, dy=-8, fontSize=11), x=x, y=y, text="none:N"
        ),
    ]
    if len(steps):
        layers += _steps(steps, y, scale)
    told = f"Map of steps, {len(steps)} in all. Curves: {'; '.join(rows)}. The map in words, below, has each step."
    height = ROW * len(rows) + (ABOUT_ROWS if len(steps) else AXIS)
    return alt.LayerChart(layer=layers).properties(height=height, description=told)


def _steps(steps: pd.DataFrame, y: alt.Y, scale: alt.Scale) -> list[alt.Chart]:
    most = min(STRONGEST_PERCENT, float(steps["change"].abs().max()))
    strength = alt.Scale(
        domain=[-most, 0, most],
        range=[COLOURS[STEP_DOWN], "#c9cfd8", COLOURS[STEP_UP]],
        interpolate="rgb",
        clamp=True,
    )
    legend = alt.Legend(title="change of latency, %", orient="top", gradientLength=180)
    channels = {
        "y": y,
        "color": alt.Color("change:Q", scale=strength, legend=legend),
        "tooltip": [
            alt.Tooltip("curve:N"),
            alt.Tooltip("after:N", title="after"),
            alt.Tooltip("size:N", title="one more token adds"),
            alt.Tooltip("state:N"),
            alt.Tooltip("confidence:N"),
        ],
    }
    triangles = alt.Scale(domain=["up", "down"], range=["triangle-up", "triangle-down"])
    direction = alt.Shape("direction:N", scale=triangles, legend=None)
    confirmed = steps["state"] == compare_data.CONFIRMED
    bar = encoded(
        alt.Chart(steps).mark_bar(height=12, opacity=0.25),
        x=alt.X("low:Q", title="tokens", scale=scale),
        x2="high:Q",
        **channels,
    )
    middle = alt.X("tokens:Q", title="tokens", scale=scale)
    return [
        bar,
        *(
            encoded(
                alt.Chart(rows).mark_point(size=110, strokeWidth=1.8, opacity=1, filled=filled),
                x=middle,
                shape=direction,
                **channels,
            )
            for rows, filled in ((steps[~confirmed], False), (steps[confirmed], True))
            if len(rows)
        ),
    ]
