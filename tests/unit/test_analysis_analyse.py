"""What the whole analysis promises: never an exception, a value that travels, and nothing heavy imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.wire.codec import decode, encode
from orchestrator.analysis.analyse import METHOD, METHOD_VERSION, Analysis, analyse
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
