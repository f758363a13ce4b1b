"""A curve as a PNG. matplotlib is imported only when a picture is drawn; no display is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.errors import StepfarmError
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.sweet_spots import SweetSpotKind

INK, FAINT, LINE, RISE, DROP, SPOT = "#1f2933", "#9aa5b1", "#2b6cb0", "#c53030", "#2f855a", "#dd6b20"


def draw(analysis: Analysis, title: str, path: Path) -> None:
    """Write the picture of ``analysis`` to ``path`` as PNG: median and 95 % band, steps, sweet spots, recommendation.

    Raises:
        StepfarmError: matplotlib is missing, or the file cannot be written.
    """
    figure = _figure()
    _plot(figure, analysis, title)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise StepfarmError(
            f"the picture cannot be written to {path}: {error.strerror or error}",
            "Give a path in a directory that exists and that you may write to.",
        ) from error


def _figure() -> Any:  # matplotlib is optional, and typed by its own stubs only where it is installed
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise StepfarmError(
            "drawing a picture needs matplotlib, which is not installed",
            "Install it with: pip install 'stepfarm[torch]' (or pip install matplotlib), or leave the picture out.",
        ) from error
    figure = Figure(figsize=(10, 6), dpi=150, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)  # draws without a display, whatever MPLBACKEND says
    return figure


def _plot(figure: Any, analysis: Analysis, title: str) -> None:
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK, fontsize=13, fontweight="bold", wrap=True, pad=14)
    axes.set_xlabel("transformer tokens (class token included)", color=INK)
    axes.set_ylabel("latency of a forward pass (ms)", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, color=FAINT)
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.8)
    if not analysis.curve.points:
        axes.text(0.5, 0.5, "no reading was accepted", transform=axes.transAxes, ha="center", color=INK)
        return
    _draw_curve(axes, analysis)
    _draw_steps(axes, analysis)
    _draw_sweet_spots(axes, analysis)
    _draw_choices(axes, analysis)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    axes.legend(loc="upper left", facecolor="white", edgecolor="none", framealpha=0.9, labelcolor=INK)
    if analysis.curve.doubts:
        reasons = ", ".join(dict.fromkeys(doubt.reason.value for doubt in analysis.curve.doubts))
        figure.text(0.99, 0.965, f"doubted: {reasons}", ha="right", va="top", color=RISE, fontsize=9)


def _draw_curve(axes: Any, analysis: Analysis) -> None:
    points = analysis.curve.points
    tokens = [point.tokens for point in points]
    low, high = [point.low_ns / 1e6 for point in points], [point.high_ns / 1e6 for point in points]
    axes.fill_between(tokens, low, high, color=LINE, alpha=0.2, linewidth=0, label="95 % interval")
    median = [point.latency_ns / 1e6 for point in points]
    marker = "." if len(points) <= 60 else None
    axes.plot(tokens, median, color=LINE, linewidth=1.6, marker=marker, label="median", zorder=3)


def _draw_steps(axes: Any, analysis: Analysis) -> None:
    named: set[str] = set()
    for index, step in enumerate(analysis.steps.steps):
        rises = step.change_ns > 0
        name = "step up" if rises else "step down"
        at = (step.after_tokens + step.next_tokens) / 2
        label = "_" if name in named else f"{name} with one more token"
        axes.axvline(at, color=RISE if rises else DROP, linewidth=1, linestyle=(0, (4, 3)), alpha=0.7, label=label)
        named.add(name)
        if len(analysis.steps.steps) <= 16:
            text = f" {step.after_tokens}\n {step.change_percent:+.1f} %"
            height = 0.03 if index % 2 == 0 else 0.1  # so that neighbours do not overlap
            along = axes.get_xaxis_transform()
            axes.text(at, height, text, transform=along, fontsize=8, color=RISE if rises else DROP, va="bottom")


def _draw_sweet_spots(axes: Any, analysis: Analysis) -> None:
    for on_slope, size, label in ((True, 7, "sweet spot on a slope"), (False, 34, "sweet spot at an edge")):
        spots = [spot for spot in analysis.sweet_spots if (spot.kind is SweetSpotKind.SLOPE) == on_slope]
        if spots:
            x, y = [spot.tokens for spot in spots], [spot.latency_ns / 1e6 for spot in spots]
            axes.scatter(x, y, s=size, color=SPOT, edgecolors="none", zorder=4, label=label)


def _draw_choices(axes: Any, analysis: Analysis) -> None:
    choices = analysis.recommendation.choices
    if not choices:
        return
    verified = any(choice.verified for choice in choices)
    x, y = [choice.tokens for choice in choices], [choice.latency_ns / 1e6 for choice in choices]
    label = "recommended" if verified else "recommended (unverified)"
    axes.scatter(x, y, s=120, facecolors="none", edgecolors=INK, linewidths=1.4, zorder=5, label=label)
    for choice in choices:
        axes.annotate(
            f"{choice.tokens}: -{choice.saves_percent:.0f} %",
            (choice.tokens, choice.latency_ns / 1e6),
            xytext=(9, -13),
            textcoords="offset points",
            fontsize=8.5,
            color=INK,
            zorder=6,
        )
