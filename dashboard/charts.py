"""The chart of a curve: a value in, an Altair chart out."""

from __future__ import annotations

import altair as alt
import pandas as pd

from dashboard import chart_data
from orchestrator.analysis.analyse import Analysis

# Told apart by the colour-blind too, on white as on near black (after Okabe and Ito).
COLOURS = {
    chart_data.MEDIAN: "#2f7fd6",
    chart_data.READING: "#8795a8",
    chart_data.REJECTED: "#c2569b",
    chart_data.STEP_UP: "#d9622b",
    chart_data.STEP_DOWN: "#139a74",
    chart_data.SWEET_SPOT: "#e0a100",
}
HEIGHT = 400
OVERVIEW_HEIGHT = 46
LABEL_ROW = 15
"""Pixels between the two rows of step labels."""


def curve_chart(analysis: Analysis, readings: pd.DataFrame) -> alt.VConcatChart:
    """The curve with its readings, steps and sweet spots, above a small picture of it in which to choose what to see.

    Args:
        analysis: of a curve with at least one point.
        readings: those to draw, as `dashboard.chart_data.drawn_readings` gives them.
    """
    shown = alt.selection_interval(encodings=["x"], name="shown")
    points = chart_data.points_frame(analysis.curve)
    steps = chart_data.steps_frame(analysis.steps.steps)
    spots = chart_data.sweet_spots_frame(analysis)
    series = [name for name in COLOURS if any(name in set(_series(frame)) for frame in (points, readings, steps, spots))]
    x = alt.X("tokens:Q", title="tokens", scale=alt.Scale(domain=shown, nice=False), axis=alt.Axis(grid=False))
    colour = _colour(series)
    layers: list[alt.Chart] = []
    if len(readings):
        layers.append(_readings(readings, x, colour))
    layers += [_band(points, x, colour), _median(points, x, colour)]
    if len(steps):
        layers += [_step_rules(steps, x, colour), *_step_labels(steps, x, colour)]
    if len(spots):
        layers += [_spots(spots, x, colour), _spot_labels(spots, x)]
    layers.append(_pointing(points, x))
    main = alt.layer(*(layer.transform_filter(shown) for layer in layers)).properties(height=HEIGHT)
    return alt.vconcat(main, _overview(points).add_params(shown), spacing=8)


def _series(frame: pd.DataFrame) -> list[str]:
    return list(frame["series"]) if len(frame) else []


def _colour(series: list[str]) -> alt.Color:
    return alt.Color(
        "series:N",
        title=None,
        scale=alt.Scale(domain=series, range=[COLOURS[name] for name in series]),
        legend=alt.Legend(orient="top", direction="horizontal", columns=3, symbolOpacity=1, symbolType="circle"),
    )


def _y(field: str = "ms") -> alt.Y:
    return alt.Y(f"{field}:Q", title="latency (ms)", scale=alt.Scale(zero=False))


def _readings(frame: pd.DataFrame, x: alt.X, colour: alt.Color) -> alt.Chart:
    rejected = f"datum.series === '{chart_data.REJECTED}'"
    tooltip = [
        alt.Tooltip("tokens:Q"),
        alt.Tooltip("ms:Q", title="latency (ms)", format=".3f"),
        alt.Tooltip("series:N", title="this is a"),
        alt.Tooltip("what:N", title="of"),
    ]
    return (
        alt.Chart(frame)
        .mark_point(filled=False)
        .encode(
            x=x,
            y=_y(),
            color=colour,
            tooltip=tooltip,
            shape=alt.ShapeValue("circle", condition=alt.value("cross", test=rejected)),
            size=alt.SizeValue(9, condition=alt.value(34, test=rejected)),
            opacity=alt.OpacityValue(0.4, condition=alt.value(0.85, test=rejected)),
        )
    )


def _band(points: pd.DataFrame, x: alt.X, colour: alt.Color) -> alt.Chart:
    return alt.Chart(points).mark_area(opacity=0.22).encode(x=x, y=_y("low"), y2="high:Q", color=colour)


def _median(points: pd.DataFrame, x: alt.X, colour: alt.Color) -> alt.Chart:
    # A lone point has no line.
    return (
        alt.Chart(points).mark_line(strokeWidth=1.8, point=len(points) < 30).encode(x=x, y=_y(), color=colour)
    )


def _pointing(points: pd.DataFrame, x: alt.X) -> alt.Chart:
    """Nothing to see: what is pointed at, with the tooltip of each point."""
    tooltip = [
        alt.Tooltip("tokens:Q"),
        alt.Tooltip("latency:N", title="median"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("readings:N"),
    ]
    return alt.Chart(points).mark_point(size=70, opacity=0, filled=True).encode(x=x, y=_y(), tooltip=tooltip)


def _step_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("series:N", title="this is a"),
        alt.Tooltip("between:N"),
        alt.Tooltip("size:N", title="one more token adds"),
        alt.Tooltip("state:N"),
    ]


def _step_rules(steps: pd.DataFrame, x: alt.X, colour: alt.Color) -> alt.Chart:
    dash = alt.StrokeDashValue([5, 4], condition=alt.value([1, 0], test="datum.state === 'confirmed'"))
    return (
        alt.Chart(steps)
        .mark_rule(strokeWidth=1.4, opacity=0.85)
        .encode(x=x, color=colour, strokeDash=dash, tooltip=_step_tooltip())
    )


def _step_labels(steps: pd.DataFrame, x: alt.X, colour: alt.Color) -> list[alt.Chart]:
    return [
        alt.Chart(rows)
        .mark_text(fontSize=11, fontWeight="bold", align="right", dx=-4)
        .encode(x=x, y=alt.value(8 + LABEL_ROW * row), text="label:N", color=colour, tooltip=_step_tooltip())
        for row, rows in ((int(row), rows) for row, rows in steps.groupby("row"))
    ]


def _spots(spots: pd.DataFrame, x: alt.X, colour: alt.Color) -> alt.Chart:
    tooltip = [
        alt.Tooltip("series:N", title="this is a"),
        alt.Tooltip("tokens:Q"),
        alt.Tooltip("latency:N", title="median"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("saves:N", title="saves at most"),
        alt.Tooltip("recommended:N"),
    ]
    size = alt.SizeValue(55, condition=alt.value(130, test="datum.label !== ''"))
    return (
        alt.Chart(spots)
        .mark_point(shape="diamond", filled=True, opacity=1)
        .encode(x=x, y=_y(), color=colour, size=size, tooltip=tooltip)
    )


def _spot_labels(spots: pd.DataFrame, x: alt.X) -> alt.Chart:
    return (
        alt.Chart(spots)
        .mark_text(fontSize=12, fontWeight="bold", align="left", dx=9, dy=10, color=COLOURS[chart_data.SWEET_SPOT])
        .encode(x=x, y=_y(), text="label:N")
    )


def _overview(points: pd.DataFrame) -> alt.Chart:
    x = alt.X(
        "tokens:Q",
        title="drag here to look closer, double-click to see all",
        scale=alt.Scale(nice=False),
        axis=alt.Axis(grid=False, labels=False, ticks=False, domain=False),
    )
    y = alt.Y("ms:Q", title=None, scale=alt.Scale(zero=False), axis=None)
    return (
        alt.Chart(points)
        .mark_area(line={"color": COLOURS[chart_data.MEDIAN]}, color=COLOURS[chart_data.MEDIAN], opacity=0.25)
        .encode(x=x, y=y)
        .properties(height=OVERVIEW_HEIGHT)
    )
