"""The chart of a curve: a value in, an Altair chart out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
HEIGHT = 520
"""Pixels of the whole picture, legend and axes included."""
LABEL_ROW = 15
"""Pixels between the two rows of step labels."""
MARKED_BELOW = 40
"""With fewer points than this each has a mark of its own."""
EDGE = 10
"""Pixels between the outermost mark and the edge of a picture, where an axis need not begin at zero."""
RUG = 9
"""Length in pixels of the ticks along the foot of the picture, one a sweet spot."""


def curve_chart(
    analysis: Analysis, readings: pd.DataFrame, shown: tuple[int, int], *, from_zero: bool = False
) -> alt.LayerChart:
    """The curve with its readings, steps and sweet spots. It can be dragged along, and zoomed by Shift and the wheel.

    Args:
        analysis: of a curve with at least one point.
        readings: those to draw, as `dashboard.chart_data.drawn_readings` gives them.
        shown: the smallest and the largest token count to show; latency is scaled to what lies between.
        from_zero: whether the latency axis begins at zero in any case.
    """
    points, drawn, steps, spots = (
        chart_data.between(frame, shown)
        for frame in (
            chart_data.points_frame(analysis.curve),
            readings,
            chart_data.steps_frame(analysis.steps.steps),
            chart_data.sweet_spots_frame(analysis),
        )
    )
    frames = (points, drawn, steps, spots)
    series = [name for name in COLOURS if any(name in _series(frame) for frame in frames)]
    axes = _axes(shown, _latency_scale(points, drawn, from_zero=from_zero), series)
    layers = _readings(drawn, axes) if len(drawn) else []
    layers += [_band(points, axes), _median(points, axes)]
    if len(steps):
        layers += [_step_rules(steps, axes), *_step_labels(steps, axes)]
    if len(spots):
        layers += [_rug(spots, axes), _spots(spots[spots["marked"]], axes), _spot_labels(spots, axes)]
    zoom = alt.selection_interval(bind="scales", encodings=["x"], zoom="wheel![event.shiftKey]", name="zoom")
    layers.append(_pointing(points, axes).add_params(zoom))
    return alt.LayerChart(layer=layers).properties(height=HEIGHT)


@dataclass(frozen=True, slots=True)
class _Axes:
    """The channels that all layers share; ``low`` is the y of the lower end of an interval."""

    x: alt.X
    y: alt.Y
    low: alt.Y
    colour: alt.Color


def _axes(shown: tuple[int, int], latency: alt.Scale, series: list[str]) -> _Axes:
    return _Axes(
        x=alt.X("tokens:Q", title="tokens", scale=_token_scale(shown), axis=alt.Axis(grid=False, tickMinStep=1)),
        y=alt.Y("ms:Q", title="latency (ms)", scale=latency),
        low=alt.Y("low:Q", title="latency (ms)", scale=latency),
        colour=_colour(series),
    )


def _token_scale(shown: tuple[int, int]) -> alt.Scale:
    # a little room, so that nothing lies on the frame
    room = max(0.5, 0.015 * (shown[1] - shown[0]))
    return alt.Scale(domain=[shown[0] - room, shown[1] + room], nice=False)


def _latency_scale(points: pd.DataFrame, drawn: pd.DataFrame, *, from_zero: bool) -> alt.Scale:
    """What holds all that is drawn, with room for the ticks at the foot and the labels at the head."""
    low, high = float(points["low"].min()), float(points["high"].max())
    if len(drawn):
        low, high = min(low, float(drawn["ms"].min())), max(high, float(drawn["ms"].max()))
    if from_zero:
        low = 0.0
    room = (high - low) or high
    return alt.Scale(domain=[max(0.0, low - 0.07 * room), high + 0.14 * room], nice=False, zero=False)


def _colour(series: list[str]) -> alt.Color:
    return alt.Color(
        "series:N",
        title=None,
        scale=alt.Scale(domain=series, range=[COLOURS[name] for name in series]),
        legend=alt.Legend(orient="top", direction="horizontal", columns=3, symbolOpacity=1, symbolType="circle"),
    )


def _series(frame: pd.DataFrame) -> set[str]:
    return set(frame["series"]) if len(frame) else set()


def encoded(chart: alt.Chart, **channels: Any) -> alt.Chart:
    """``chart`` with these channels; Altair's own method has no type."""
    encoded: alt.Chart = chart.encode(**channels)
    return encoded


def _readings(frame: pd.DataFrame, axes: _Axes) -> list[alt.Chart]:
    """Accepted readings as faint points, rejected ones as crosses."""
    rejected = frame["series"] == chart_data.REJECTED
    faint = alt.Chart(frame[~rejected]).mark_point(filled=False, size=9, opacity=0.4)
    crosses = alt.Chart(frame[rejected]).mark_point(shape="cross", filled=True, size=45, opacity=0.85, angle=45)
    tooltip = [
        alt.Tooltip("tokens:Q"),
        alt.Tooltip("ms:Q", title="latency (ms)", format=".3f"),
        alt.Tooltip("series:N", title="this is a"),
        alt.Tooltip("what:N", title="of"),
    ]
    return [encoded(mark, x=axes.x, y=axes.y, color=axes.colour, tooltip=tooltip) for mark in (faint, crosses)]


def _band(points: pd.DataFrame, axes: _Axes) -> alt.Chart:
    return encoded(alt.Chart(points).mark_area(opacity=0.22), x=axes.x, y=axes.low, y2="high:Q", color=axes.colour)


def _median(points: pd.DataFrame, axes: _Axes) -> alt.Chart:
    # few points make no line that can be read; one makes none at all
    line = alt.Chart(points).mark_line(strokeWidth=1.8, point=len(points) < MARKED_BELOW)
    return encoded(line, x=axes.x, y=axes.y, color=axes.colour)


def _pointing(points: pd.DataFrame, axes: _Axes) -> alt.Chart:
    """Nothing to see: what is pointed at, with the tooltip of each point."""
    return encoded(
        alt.Chart(points).mark_point(size=70, opacity=0, filled=True),
        x=axes.x,
        y=axes.y,
        tooltip=[
            alt.Tooltip("tokens:Q"),
            alt.Tooltip("latency:N", title="median"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("readings:N"),
            alt.Tooltip("doubts:N"),
        ],
    )


def _step_rules(steps: pd.DataFrame, axes: _Axes) -> alt.Chart:
    return encoded(
        alt.Chart(steps).mark_rule(strokeWidth=1.4, opacity=0.85),
        x=axes.x,
        color=axes.colour,
        strokeDash=alt.StrokeDashValue([5, 4], condition=alt.value([1, 0], test="datum.state === 'confirmed'")),
        tooltip=_step_tooltip(),
    )


def _step_labels(steps: pd.DataFrame, axes: _Axes) -> list[alt.Chart]:
    return [
        encoded(
            alt.Chart(rows).mark_text(fontSize=11, fontWeight="bold", align="right", dx=-4),
            x=axes.x,
            y=alt.value(8 + LABEL_ROW * row),
            text="label:N",
            color=axes.colour,
            tooltip=_step_tooltip(),
        )
        for row, rows in ((int(row), rows) for row, rows in steps.groupby("row"))
    ]


def _step_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("series:N", title="this is a"),
        alt.Tooltip("between:N"),
        alt.Tooltip("size:N", title="one more token adds"),
        alt.Tooltip("position:N", title="it lies (95 %)"),
        alt.Tooltip("confidence:N"),
        alt.Tooltip("state:N"),
    ]


def _rug(spots: pd.DataFrame, axes: _Axes) -> alt.Chart:
    """Every sweet spot, at the foot: on a slope they are too many to be marked on the curve itself."""
    return encoded(
        alt.Chart(spots).mark_tick(orient="vertical", thickness=1.3, size=RUG),
        x=axes.x,
        y=alt.value(alt.expr(f"height - {RUG / 2}")),
        color=axes.colour,
        tooltip=_spot_tooltip(),
    )


def _spots(spots: pd.DataFrame, axes: _Axes) -> alt.Chart:
    return encoded(
        alt.Chart(spots).mark_point(shape="diamond", filled=True, opacity=1),
        x=axes.x,
        y=axes.y,
        color=axes.colour,
        size=alt.SizeValue(70, condition=alt.value(150, test="datum.label !== ''")),
        tooltip=_spot_tooltip(),
    )


def _spot_labels(spots: pd.DataFrame, axes: _Axes) -> alt.Chart:
    gold = COLOURS[chart_data.SWEET_SPOT]
    label = alt.Chart(spots).mark_text(color=gold, fontSize=12, fontWeight="bold", align="left", dx=9, dy=10)
    return encoded(label, x=axes.x, y=axes.y, text="label:N")


def _spot_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("series:N", title="this is a"),
        alt.Tooltip("tokens:Q"),
        alt.Tooltip("latency:N", title="median"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("saves:N", title="saves at most"),
        alt.Tooltip("recommended:N"),
    ]
