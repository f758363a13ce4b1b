"""What the whole analysis promises: never an exception, a value that travels, and nothing heavy imported."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.codec import decode, encode
from agent.wire.conditions import Doubt, DoubtReason
from orchestrator.analysis.analyse import METHOD, METHOD_VERSION, Analysis, analyse, analyse_curve
from orchestrator.analysis.curve import Curve, Point
from tests.support.curves import readings_at, sawtooth, some_passes

pytestmark = pytest.mark.filterwarnings("error")  # a division by nothing warns before it misleads


@pytest.mark.parametrize("rejected", [0, 0.6, 1])
def test_an_analysis_survives_the_codec(rejected: float) -> None:
    analysis = analyse(some_passes(sawtooth, rejected=rejected, slower={0: 1.3}))
    assert decode(Analysis, encode(analysis)) == analysis


def test_an_analysis_says_what_made_it() -> None:
    analysis = analyse(some_passes(counts=range(2, 12)))
    assert (analysis.method, analysis.method_version) == (METHOD, METHOD_VERSION)


def test_the_same_passes_give_the_same_analysis() -> None:
    passes = some_passes()
    assert analyse(passes) == analyse(passes[::-1])


@pytest.mark.parametrize("passes", range(4))
@pytest.mark.parametrize("counts", [*range(8), 30])
def test_odd_input_never_raises(passes: int, counts: int) -> None:
    for rejected in (0, 0.5, 1):
        analysis = analyse(some_passes(counts=range(5, 5 + 3 * counts, 3), passes=passes, rejected=rejected))
        assert decode(Analysis, encode(analysis)) == analysis


READINGS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(-5, 10**10), st.booleans()), min_size=0, max_size=60
)  # tokens, latency in ns, accepted


@settings(max_examples=60)
@given(passes=st.lists(READINGS, max_size=4), doubt=st.none() | st.sampled_from(DoubtReason))
def test_whatever_was_read_there_is_an_analysis_that_travels(
    passes: list[list[tuple[int, int, bool]]], doubt: DoubtReason | None
) -> None:
    doubts = () if doubt is None else (Doubt(reason=doubt, evidence="something"),)
    made = [
        replace(
            readings_at([row[0] for row in rows], [row[1] for row in rows], number=number),
            accepted=np.array([row[2] for row in rows], np.bool_),
            doubts=doubts,
        )
        for number, rows in enumerate(passes)
    ]
    analysis = analyse(made)
    assert decode(Analysis, encode(analysis)) == analysis
    assert analysis.steps.explanation
    assert all(0 <= step.confidence < 1 for step in analysis.steps.steps)


@settings(max_examples=60)
@given(
    numbers=st.lists(
        st.tuples(st.integers(-2, 40), st.floats(), st.floats(allow_nan=False, min_value=-1, max_value=1e9)),
        max_size=30,
    )
)
def test_a_curve_with_points_that_are_no_numbers_is_analysed_without_them(
    numbers: list[tuple[int, float, float]],
) -> None:
    points = tuple(
        Point(
            tokens=tokens,
            latency_ns=latency_ns,
            low_ns=latency_ns,
            high_ns=latency_ns,
            standard_error_ns=error_ns,
            readings=7,
            rejected=0,
            passes=7,
        )
        for tokens, latency_ns, error_ns in numbers
        if not 1e12 < abs(latency_ns) < math.inf
    )
    analysis = analyse_curve(Curve(points=points, factors=(), doubts=()))
    assert decode(Analysis, encode(analysis)) == analysis


@pytest.mark.parametrize("latency_ns", [1, 10**9, 3_600 * 10**9])
def test_exactly_equal_readings_have_no_step(latency_ns: int) -> None:
    passes = [readings_at(range(2, 60), [latency_ns] * 58, number=number) for number in range(3)]
    assert analyse(passes).steps.steps == ()


def test_a_curve_of_one_pass_is_analysed_from_its_own_scatter() -> None:
    found = analyse(some_passes(sawtooth, passes=1, noise=0.003)).steps
    assert [step.after_tokens for step in found.steps] == [63, 127, 191]


def test_the_analysis_needs_numpy_alone() -> None:
    script = (
        "import sys, orchestrator.analysis.analyse, orchestrator.analysis.planning;"
        "heavy = {'sqlalchemy', 'ray', 'fastapi', 'pandas', 'torch', 'matplotlib', 'tabulate'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    assert ran.stdout.strip() == "[]"
