"""What the terminal report and the picture promise."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from agent.errors import StepfarmError
from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.picture import draw
from orchestrator.report import curve_table, milliseconds
from tests.support.curves import sawtooth, some_passes, staircase

TITLE = "deit_tiny_patch16_224, batch 4, float32, eager, 2 threads, on a device with a long name, kitchen-pi"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return analyse(some_passes(sawtooth, noise=0.003, slower={2: 1.12}, rejected=0.45))


@pytest.mark.parametrize("unicode", [True, False])
def test_the_report_fits_80_columns(analysis: Analysis, unicode: bool) -> None:
    text = curve_table(analysis, title=TITLE, unicode=unicode)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.isascii() != unicode


def test_the_report_shows_steps_sweet_spots_choices_and_doubts(analysis: Analysis) -> None:
    text = curve_table(analysis, title=TITLE)
    for words in (
        "all 197 tokens",
        "95 % interval",
        "127",
        "candidate",
        "one token fewer",
        "(unverified)",
        "- contended:",
    ):
        assert words in text


def test_confirmed_steps_and_candidates_stand_apart_with_where_they_lie_and_how_sure_they_are() -> None:
    analysis = analyse(some_passes(sawtooth, noise=0.003))
    first, *others = analysis.steps.steps
    steps = (dataclasses.replace(first, confirmed=True), *others)
    text = curve_table(
        dataclasses.replace(analysis, steps=dataclasses.replace(analysis.steps, steps=steps)), title=TITLE
    )
    confirmed, candidates = text.split("Confirmed by paired timing")[1].split("Candidates, not confirmed")
    assert " 63 " in confirmed
    assert " 127 " not in confirmed
    assert " 127 " in candidates
    assert "lies after" in candidates
    assert "99.9 %" in candidates


def test_no_step_found_and_too_noisy_to_say_have_words_of_their_own() -> None:
    assert "Steps: no step found" in curve_table(analyse(some_passes(noise=0.002)), title=TITLE)
    assert "Steps: too noisy to say" in curve_table(analyse(some_passes(noise=0.3)), title=TITLE)
    assert "Steps: too few token counts to say" in curve_table(analyse(some_passes(counts=(2, 3))), title=TITLE)


def test_the_report_advises_on_the_counts_in_mind(analysis: Analysis) -> None:
    text = " ".join(curve_table(analysis, title=TITLE, counts=[140, 999]).split())
    assert "- 140: Keep 1 more" in text
    assert "999 tokens cannot be advised on" in text


def test_a_sawtooth_with_hundreds_of_steps_stays_readable() -> None:
    jagged = analyse(some_passes(lambda n: 1e7 + 1e6 * (n // 8 % 2) + 1e3 * n, counts=range(2, 402), noise=0.001))
    assert len(jagged.steps.steps) > 40
    assert len(curve_table(jagged, title=TITLE).splitlines()) < 100


@pytest.mark.parametrize("counts", range(5))
def test_a_curve_of_almost_nothing_is_reported_and_drawn(counts: int, tmp_path: Path) -> None:
    analysis = analyse(some_passes(counts=range(2, 2 + counts), passes=1))
    assert "Steps" in curve_table(analysis, title="tiny")
    draw(analysis, "tiny", tmp_path / "tiny.png")


@pytest.mark.parametrize(
    ("latency_ns", "words"),
    [(123_456, "0.1235 ms"), (1_234_567, "1.235 ms"), (17_234_567, "17.23 ms"), (2e9, "2000.0 ms")],
)
def test_milliseconds_have_about_four_digits(latency_ns: float, words: str) -> None:
    assert milliseconds(latency_ns) == words


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    draw(analyse(some_passes(staircase)), TITLE, path)
    assert path.read_bytes().startswith(PNG_MAGIC)


def test_a_picture_that_cannot_be_written_says_where_to(tmp_path: Path, analysis: Analysis) -> None:
    with pytest.raises(StepfarmError, match="cannot be written") as refused:
        draw(analysis, TITLE, tmp_path / "missing" / "curve.png")
    assert "directory that exists" in refused.value.advice


def test_without_matplotlib_the_picture_says_what_to_install(
    tmp_path: Path, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StepfarmError, match="needs matplotlib") as refused:
        draw(analysis, TITLE, tmp_path / "curve.png")
    assert "pip install" in refused.value.advice
