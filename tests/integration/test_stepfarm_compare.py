"""``stepfarm compare`` and ``stepfarm schedule``: curves side by side and what to prune, in the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.wire.codec import from_plain
from agent.wire.enrolment import DeviceKind
from orchestrator.analysis.schedules import Origin, SchedulesFound
from orchestrator.choosing import candidates
from orchestrator.comparing import Comparison
from tests.support.commands import Stepfarm
from tests.support.filling import begun, enrolled
from tests.support.serving import Served, serving

MODEL = "deit_small_patch16_224"


@pytest.fixture
def stepfarm(capsys: pytest.CaptureFixture[str]) -> Stepfarm:
    return Stepfarm(capsys)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Curves 1 and 2 of two boards, 3 the first anew, 4 of a simulated device; commands find them by themselves."""
    with serving(tmp_path_factory.mktemp("farm")) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPFARM_HOME", str(running.settings.home))
        patch.setenv("STEPFARM_PORT", str(running.settings.port))
        board = enrolled(running.url, running.client, "board")
        other = enrolled(running.url, running.client, "other")
        pretender = enrolled(running.url, running.client, "sim-1", DeviceKind.SIMULATED)
        begun(board, running.client).finish()
        begun(other, running.client, law=lambda tokens: 2e7 + 1e5 * tokens).finish()
        begun(board, running.client).finish()
        begun(pretender, running.client).finish()
        yield running


@pytest.fixture
def strange_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory to work in, with files that are no accuracy curves."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "large.csv").write_bytes(b"x" * 2_000_000)
    (tmp_path / "words.csv").write_text("not,what,it,is\n")


def compared(stepfarm: Stepfarm, *arguments: str) -> Comparison:
    ended = stepfarm("compare", *arguments, "--json")
    assert ended.code == 0, ended.err
    return from_plain(Comparison, json.loads(ended.out))


def test_curves_are_compared_by_number_with_crossings_and_shared_steps(stepfarm: Stepfarm, served: Served) -> None:
    comparison = compared(stepfarm, "1", "2", "3")
    assert [curve.summary.id for curve in comparison.curves] == [1, 2, 3]
    assert {(one.below, one.above) for one in comparison.crossings} == {(1, 2), (3, 2)}
    assert any({here.curve for here in step.here} == {1, 3} for step in comparison.steps)
    out = stepfarm("compare", "1", "2", "3").out
    assert re.search(r"board · \d{4}-\d\d-\d\d \d\d:\d\d · #1", out)
    assert "Over time: board" in out
    assert "Where another becomes the faster one" in out
    assert "2 of 3" in out


def test_the_newest_of_each_combination_is_compared_and_what_is_left_out_is_told(
    stepfarm: Stepfarm, served: Served
) -> None:
    ended = stepfarm("compare", "--model", MODEL, "--batch", "1")
    assert "Left out: 1 of simulated devices (--simulated shows them), 1 older ones (--older shows them)." in ended.out
    assert [curve.summary.id for curve in compared(stepfarm, "--model", MODEL).curves] == [3, 2]
    everything = compared(stepfarm, "--model", MODEL, "--simulated", "--older")
    assert [curve.summary.id for curve in everything.curves] == [4, 3, 2, 1]


def test_curves_are_found_by_kind_data_type_and_runtime(stepfarm: Stepfarm, served: Served) -> None:
    found = compared(stepfarm, "--kind", "linux", "--data-type", "float32", "--runtime", "eager")
    assert [curve.summary.id for curve in found.curves] == [3, 2]
    assert "No curve matches" in stepfarm.refused("compare", "--runtime", "compile-static")
    assert "invalid choice" in stepfarm.refused("compare", "--data-type", "int3")


def test_a_simulated_curve_is_marked_where_it_is_named(stepfarm: Stepfarm, served: Served) -> None:
    assert "sim-1 (simulated) · #4" in stepfarm("compare", "1", "4").out


def test_a_ratio_begins_at_the_full_model(stepfarm: Stepfarm, served: Served) -> None:
    out = stepfarm("compare", "1", "2", "--ratio").out
    assert "relative to the full model" in out
    (full,) = [line for line in out.splitlines() if line.startswith("197 ")]
    assert full.count("1.000 (1.000-1.000)") == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Nothing says which curves"),
        (("1",), "Curve 1 alone"),
        (("1", "1"), "Curve 1 alone"),
        (("1", "2", "--model", MODEL), "by number and by what they are of"),
        (("--model", "other"), "No curve matches"),
        (("--device", "sim-1"), "1 of simulated devices"),
        (("1", "999"), "There is no curve 999"),
        (("x",), "invalid int"),
        (tuple(map(str, range(1, 1_000))), "999 curves are too many"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_advice(
    stepfarm: Stepfarm, served: Served, arguments: tuple[str, ...], told: str
) -> None:
    assert told in stepfarm.refused("compare", *arguments)


def test_a_schedule_is_recommended_beside_uniform_and_the_papers_choice(stepfarm: Stepfarm, served: Served) -> None:
    out = stepfarm("schedule", "recommend", "1").out
    for words in ("recommended", "uniform", "paper", "token density", "None of it is proved"):
        assert words in out
    found = from_plain(SchedulesFound, json.loads(stepfarm("schedule", "recommend", "1", "--json").out))
    assert [option.origin for option in found.options] == [Origin.RECOMMENDED, Origin.PAPER, Origin.UNIFORM]
    assert "blocks of the model were not timed in place" in found.missing[0]
    choices = served.client.curve(1).analysis.recommendation.choices
    assert found.options[0].tokens == choices[0].tokens
    assert "Simulated" not in out
    assert "Simulated: no hardware was timed" in stepfarm("schedule", "recommend", "4").out


def test_a_stated_accuracy_curve_and_alpha_move_the_papers_choice(
    stepfarm: Stepfarm, served: Served, tmp_path: Path
) -> None:
    file = tmp_path / "accuracy.csv"
    file.write_text("tokens,accuracy\n5,0\n101,79\n197,80\n")
    ended = stepfarm("schedule", "recommend", "2", "--alpha", "0.4", "--accuracy", str(file), "--json")
    found = from_plain(SchedulesFound, json.loads(ended.out))
    paper = found.option(Origin.PAPER)
    assert paper is not None
    assert paper.tokens == 101
    assert (found.alpha, found.accuracy) == (0.4, "stated accuracy curve")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("999",), "There is no curve 999"),
        (("1", "--alpha", "7"), "Alpha is 7"),
        (("1", "--alpha", "nan"), "Alpha is nan"),
        (("1", "--accuracy", "no-such-file.csv"), "cannot be read"),
        (("1", "--accuracy", "."), "cannot be read"),
        (("1", "--accuracy", "binary.csv"), "no text in UTF-8"),
        (("1", "--accuracy", "large.csv"), "larger than"),
        (("1", "--accuracy", "words.csv"), "does not begin with"),
    ],
)
@pytest.mark.usefixtures("strange_files")
def test_a_schedule_that_cannot_be_recommended_is_refused_with_advice(
    stepfarm: Stepfarm, served: Served, arguments: tuple[str, ...], told: str
) -> None:
    assert told in stepfarm.refused("schedule", "recommend", *arguments)


def test_a_crowd_of_simulated_curves_leaves_the_real_ones_in_sight(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.api.curve_routes.NEWEST", 1)
    assert [one.simulated for one in candidates(served.client)] == [True, False]
    assert [one.id for one in candidates(served.client, devices=("board", "other"))] == [3, 2]
