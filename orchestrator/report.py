"""A curve in words for a terminal of 80 columns: headline, sketch, steps, sweet spots, recommendation, doubts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from orchestrator.analysis.advice import advice_for
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.comparison import position_of
from orchestrator.analysis.confirmation import Confirmation
from orchestrator.analysis.curve import Curve, Point
from orchestrator.analysis.doubt_words import doubted_passes, doubted_points
from orchestrator.analysis.pieces import pieces_of
from orchestrator.analysis.recommendation import Recommendation
from orchestrator.analysis.steps import Step, StepsFound, StepsOutcome
from orchestrator.analysis.sweet_spots import SweetSpot, SweetSpotKind

WIDTH = 80
MOST_ROWS = 16
"""Rows of one table; a sawtooth over 4,096 counts has hundreds of steps."""

ADVISED_SHARES = (0.875, 0.75, 0.5)
"""Of the largest count, what a report advises on where nobody has a count in mind."""

PLOT_COLUMNS = 66
PLOT_ROWS = 11
BLANK_BRAILLE = 0x2800
BRAILLE_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a braille character, rows from the top, columns from the left (Unicode 15, section 21.1)."""


def curve_table(analysis: Analysis, *, title: str, unicode: bool = True, counts: Sequence[int] | None = None) -> str:
    """The whole report on ``analysis``, without a newline at the end.

    Args:
        analysis: what to report.
        title: the model, its workload and the device, in one line.
        unicode: false for a terminal that shows ASCII alone.
        counts: token counts that a person has in mind; three by default.
    """
    parts = [
        headline(analysis.curve, title=title),
        sketch(analysis, unicode=unicode),
        steps_table(analysis.steps),
        sweet_spots_table(analysis.sweet_spots),
        advice_list(analysis, counts),
        recommendation_table(analysis.recommendation),
        doubts_list(analysis.curve),
    ]
    return "\n\n".join(part for part in parts if part)


def milliseconds(latency_ns: float) -> str:
    """``latency_ns`` in ms with about four digits, such as "17.23 ms"."""
    return f"{_ms(latency_ns)} ms"


def _ms(latency_ns: float) -> str:
    value = latency_ns / 1e6
    decimals = 4 if abs(value) < 1 else 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1
    return f"{value:.{decimals}f}"


def _wrapped(text: str, width: int = WIDTH) -> list[str]:
    """``text`` in lines of at most ``width``, no number cut off from its per cent sign."""
    return [line.replace("\0", " ") for line in textwrap.wrap(text.replace(" %", "\0%"), width)]


def headline(curve: Curve, *, title: str) -> str:
    """Title, latency of the most tokens measured with its 95 % interval, and how many readings it all rests on."""
    lines = [*_wrapped(title), "=" * min(len(title), WIDTH)]
    full = curve.full
    if full is None:
        lines.append("No reading was accepted, so there is no curve.")
    else:
        interval = f"{_ms(full.low_ns)} to {_ms(full.high_ns)}"
        lines.append(f"all {full.tokens} tokens: {milliseconds(full.latency_ns)}  (95 % interval {interval})")
    total = curve.readings + curve.rejected
    share = curve.rejected / total if total else 0
    lines.append(
        f"{curve.readings:,} readings at {len(curve.points):,} token counts in {len(curve.factors):,} passes; "
        f"{100 * share:.1f} % rejected"
    )
    return "\n".join(lines)


def sketch(analysis: Analysis, *, unicode: bool = True) -> str:
    """The curve in characters, latency from zero up, steps marked below; nothing for fewer than three points."""
    points = analysis.curve.points
    if len(points) < 3:
        return ""
    rows = _braille(points) if unicode else _asterisks(points)
    top = max(point.latency_ns for point in points)
    labels = {0: f"{_ms(top)} ms", len(rows) // 2: _ms(top / 2), len(rows) - 1: "0"}
    drawn = [f"{labels.get(index, ''):>10} {'│' if unicode else '|'}{row}" for index, row in enumerate(rows)]
    first, last = str(points[0].tokens), str(points[-1].tokens)
    axis = f"{first}{'tokens':^{PLOT_COLUMNS - len(first) - len(last)}}{last}"
    under = [
        _marks("confirmed", "^", [step for step in analysis.steps.steps if step.confirmed], points),
        _marks("candidates", "?", [step for step in analysis.steps.steps if not step.confirmed], points),
        f"{'':>12}{axis}",
    ]
    return "\n".join(line.rstrip() for line in (*drawn, *under) if line.strip())


def _marks(label: str, mark: str, steps: Sequence[Step], points: Sequence[Point]) -> str:
    """A line with a ``mark`` below each of ``steps``; empty where there is none."""
    places = {int(_share(step.next_tokens, points) * (PLOT_COLUMNS - 1)) for step in steps}
    drawn = "".join(mark if column in places else " " for column in range(PLOT_COLUMNS))
    return f"{label:>10}  {drawn}" if steps else ""


def _share(tokens: int, points: Sequence[Point]) -> float:
    """Where ``tokens`` lies between the fewest and the most measured, 0 to 1."""
    return (tokens - points[0].tokens) / (points[-1].tokens - points[0].tokens)


def _dots(points: Sequence[Point], columns: int, rows: int) -> set[tuple[int, int]]:
    """The (row, column) of each point on a grid, row 0 at the top, which is the largest latency."""
    top = max(point.latency_ns for point in points)
    return {
        (
            rows - 1 - int(point.latency_ns / top * (rows - 1) + 0.5),
            int(_share(point.tokens, points) * (columns - 1) + 0.5),
        )
        for point in points
    }


def _braille(points: Sequence[Point]) -> list[str]:
    cells = [[BLANK_BRAILLE] * PLOT_COLUMNS for _ in range(PLOT_ROWS)]
    for row, column in _dots(points, 2 * PLOT_COLUMNS, 4 * PLOT_ROWS):
        cells[row // 4][column // 2] |= BRAILLE_DOTS[row % 4][column % 2]
    return ["".join(" " if cell == BLANK_BRAILLE else chr(cell) for cell in row) for row in cells]


def _asterisks(points: Sequence[Point]) -> list[str]:
    dots = _dots(points, PLOT_COLUMNS, PLOT_ROWS)
    return [
        "".join("*" if (row, column) in dots else " " for column in range(PLOT_COLUMNS)) for row in range(PLOT_ROWS)
    ]


OUTCOMES = {
    StepsOutcome.FOUND: "where one more token makes latency jump",
    StepsOutcome.NONE: "no step found",
    StepsOutcome.TOO_NOISY: "too noisy to say",
    StepsOutcome.TOO_FEW: "too few token counts to say",
}


def steps_table(found: StepsFound) -> str:
    """What the search for steps came to: confirmed steps and candidates apart, the clearest of many; else why none."""
    tables = [
        _steps_of([step for step in found.steps if step.confirmed], "Confirmed by paired timing"),
        _steps_of([step for step in found.steps if not step.confirmed], "Candidates, not confirmed by paired timing"),
    ]
    return "\n".join(
        [
            f"Steps: {OUTCOMES[found.outcome]}",
            *filter(None, tables),
            *_wrapped(found.explanation),
            *_wrapped(pairs_words(found)),
        ]
    )


def _steps_of(steps: Sequence[Step], title: str) -> str:
    if not steps:
        return ""
    shown = sorted(steps, key=lambda step: abs(step.z), reverse=True)[:MOST_ROWS]
    rows = [_step_row(step) for step in sorted(shown, key=lambda step: step.after_tokens)]
    headers = ("after", "lies after", "adds (ms)", "95 % (ms)", "adds", "confidence")
    table = tabulate(rows, headers, tablefmt="simple", colalign=("right",) * 6, disable_numparse=True)
    return "\n".join([title, table, *_more(len(steps), "the clearest")])


def pairs_words(found: StepsFound) -> str:
    """What paired timing says of the steps, nothing where none was timed: "127 to 128: -2.9 to -2.1 ms, 10 pairs"."""
    said = [_paired(step.paired) + ("" if step.confirmed else ", undecided") for step in found.steps if step.paired]
    return f"paired timing, one right after the other: {'; '.join(said)}" if said else ""


def _paired(paired: Confirmation) -> str:
    interval = ""
    if paired.low_ns is not None and paired.high_ns is not None:
        interval = f"{paired.low_ns / 1e6:+.3f} to {paired.high_ns / 1e6:+.3f} ms, "
    return f"{paired.after_tokens} to {paired.next_tokens} tokens: {interval}{paired.pairs} pairs"


def _step_row(step: Step) -> tuple[str, ...]:
    return (
        str(step.after_tokens),
        str(position_of(step)),
        f"{step.change_ns / 1e6:+.3f}",
        f"{step.interval_low_ns / 1e6:+.3f} to {step.interval_high_ns / 1e6:+.3f}",
        f"{step.change_percent:+.1f} %",
        confidence(step),
    )


def confidence(step: Step) -> str:
    """How sure a step is, and whether it rests on doubted points alone; empty where its method did not say."""
    if step.confidence <= 0:
        return ""
    # Never 100 %: the share of curves without a step on which nothing as clear is found is no certainty.
    text = f"{min(99.9, 100 * step.confidence):.1f} %"
    return f"{text}, doubted" if step.doubted else text


def advice_list(analysis: Analysis, counts: Sequence[int] | None = None) -> str:
    """What to do about each of ``counts`` that a person has in mind; by default a mild, a middle and a strong cut."""
    full = analysis.curve.full
    if full is None:
        return ""
    usual = dict.fromkeys(max(1, round(share * full.tokens)) for share in ADVISED_SHARES)
    pieces = pieces_of(analysis.curve)
    lines = ["For a count in mind"]
    for tokens in counts or usual:
        text = f"{tokens}: {advice_for(analysis, tokens, pieces).words}"
        lines += _hanging(text)
    return "\n".join(lines)


def _more(total: int, which: str) -> list[str]:
    return [f"... {which} {MOST_ROWS} of {total:,}"] if total > MOST_ROWS else []


KIND_WORDS = {
    SweetSpotKind.FULL: "the most tokens measured",
    SweetSpotKind.BELOW_RISE: "one more token is dearer",
    SweetSpotKind.PAST_DROP: "one token fewer is dearer",
    SweetSpotKind.DIP: "faster than its neighbours",
    SweetSpotKind.SLOPE: "a level on a slope",
}


def sweet_spots_table(spots: Sequence[SweetSpot]) -> str:
    """The sweet spots at edges and dips in a table, those on slopes, which come in crowds, in a line."""
    if not spots:
        return ""
    sharp = [spot for spot in reversed(spots) if spot.kind is not SweetSpotKind.SLOPE]
    rows = [
        (str(spot.tokens), milliseconds(spot.latency_ns), f"{spot.saves_percent:.1f} %", KIND_WORDS[spot.kind])
        for spot in sharp[:MOST_ROWS]
    ]
    headers = ("tokens", "latency", "saves", "")
    align = ("right", "right", "right", "left")
    lines = ["Sweet spots: token counts that no larger count matches in latency"]
    lines.append(tabulate(rows, headers, tablefmt="simple", colalign=align, disable_numparse=True))
    lines += _more(len(sharp), "the largest")
    slope = [str(spot.tokens) for spot in reversed(spots) if spot.kind is SweetSpotKind.SLOPE]
    if slope:
        more = f" and {len(slope) - 24} more" if len(slope) > 24 else ""
        lines += textwrap.wrap(f"on slopes: {', '.join(slope[:24])}{more}", WIDTH)
    return "\n".join(lines)


def recommendation_table(recommendation: Recommendation) -> str:
    """The choices, best saving for each token removed first, and the note that belongs to them."""
    rows = [
        (
            str(choice.tokens),
            str(choice.removed),
            milliseconds(choice.latency_ns),
            f"{choice.saves_percent:.1f} %",
            f"{choice.saves_low_percent:.1f} to {choice.saves_high_percent:.1f}",
            "\n".join(_wrapped(choice.reason, 26)),
        )
        for choice in recommendation.choices
    ]
    verified = any(choice.verified for choice in recommendation.choices)
    lines = [f"Recommended{'' if verified else ' (unverified)'}: prune once, to this many tokens"]
    if rows:
        headers = ("tokens", "removed", "latency", "saves", "95 %", "why")
        align = ("right", "right", "right", "right", "right", "left")
        lines.append(tabulate(rows, headers, tablefmt="simple", colalign=align, disable_numparse=True))
    return "\n".join([*lines, *_wrapped(recommendation.note)])


def doubts_list(curve: Curve) -> str:
    """The doubts about curve, passes and points, apart and with their evidence; nothing where there are none."""
    told = [
        ("Doubts about the curve", [f"{doubt.reason.value}: {doubt.evidence}" for doubt in curve.doubts]),
        ("Doubted passes", list(doubted_passes(curve))),
        ("Doubted points", list(doubted_points(curve))),
    ]
    lines = [[title, *(line for one in doubts for line in _hanging(one))] for title, doubts in told if doubts]
    return "\n".join(line for part in lines for line in part)


def _hanging(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
