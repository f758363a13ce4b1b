"""``stepfarm steps FILE``: what a file of readings tells, with numpy alone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.wire.enrolment import DeviceKind
from orchestrator.analysis.analyse import analyse
from orchestrator.commands.steps import Found, as_plain
from orchestrator.curves.file import CurveFile, write
from orchestrator.curves.rows import csv_of
from orchestrator.views import PassView
from tests.support.commands import Stepfarm
from tests.support.curve_files import THROTTLED, a_curve_file, a_pass
from tests.support.curves import slope, some_passes, with_step

COUNTS = range(2, 61)
STEP_AT = 32
ALLOWED = {"numpy", "platformdirs", "urllib3"}
"""What `stepfarm steps FILE --json` may import of others: numpy and the base install."""


@pytest.fixture
def stepfarm(capsys: pytest.CaptureFixture[str]) -> Stepfarm:
    return Stepfarm(capsys)


def a_file(*, rejected: float = 0.1, **other: Any) -> CurveFile:
    """A curve with one step, after 32 tokens."""
    passes = [
        PassView(
            **{
                **{name: getattr(a_pass(), name) for name in ("fence", "round", "complete", "started_ms")},
                "number": one.number,
                "before": a_pass().before,
                "after": a_pass().after,
                "doubts": (THROTTLED,) if one.number < 3 else (),
                "tokens": tuple(one.tokens.tolist()),
                "start_ns": tuple(one.start_ns.tolist()),
                "latency_ns": tuple(one.latency_ns.tolist()),
                "rejected": tuple("" if accepted else "waited" for accepted in one.accepted.tolist()),
            }
        )
        for one in some_passes(with_step(slope, STEP_AT, 20), counts=COUNTS, rejected=rejected)
    ]
    facts = replace(a_curve_file().facts, tokens=60)
    return a_curve_file(facts=facts, passes=tuple(passes), **other)


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    """Two columns, as somebody else measures."""
    path = tmp_path / "their.csv"
    rows = [
        (tokens, latency_ns)
        for one in a_file(rejected=0).passes
        for tokens, latency_ns in zip(one.tokens, one.latency_ns, strict=True)
    ]
    path.write_text("\n".join(["tokens,latency_ns", *(f"{tokens},{latency_ns}" for tokens, latency_ns in rows)]))
    return path


def test_the_step_in_two_columns_is_found(stepfarm: Stepfarm, csv_file: Path) -> None:
    found = json.loads(stepfarm("steps", str(csv_file), "--json").out)

    (step,) = found["steps"]
    assert set(step) > {"after_tokens", "next_tokens", "change_ns", "change_percent", "interval"}
    assert (step["after_tokens"], step["next_tokens"]) == (STEP_AT, STEP_AT + 1)
    assert (step["confirmed"], step["paired"]) == (False, None)
    assert step["interval"][0] < step["change_ns"] < step["interval"][1]
    assert step["change_percent"] == pytest.approx(20, abs=2)
    assert (found["outcome"], found["doubts"], found["simulated"]) == ("found", [], False)
    assert STEP_AT in {spot["tokens"] for spot in found["sweet_spots"]}
    assert found["passes"] == {"count": 7, "told_by": "appearance"}
    assert (found["token_counts"], found["readings"], found["rejected"]) == (59, 413, 0)


def test_for_a_person_it_says_how_the_passes_were_told(stepfarm: Stepfarm, csv_file: Path) -> None:
    said = stepfarm("steps", str(csv_file)).out

    assert "their.csv" in said
    assert "the k-th reading of a count was taken for one of pass k" in said
    assert "Candidates, not confirmed" in said
    assert "Sweet spots" in said


def test_standard_input_is_read_where_the_file_is_a_dash(
    stepfarm: Stepfarm, csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(csv_file.read_bytes()))))

    found = json.loads(stepfarm("steps", "-", "--json").out)

    assert (found["source"], found["steps"][0]["after_tokens"]) == ("standard input", STEP_AT)


@pytest.mark.parametrize("as_text", [write, lambda file: "".join(csv_of([file]))], ids=["JSON", "CSV"])
def test_an_export_has_the_steps_of_the_curve_itself(
    stepfarm: Stepfarm, tmp_path: Path, as_text: Callable[[CurveFile], str]
) -> None:
    path = tmp_path / "export"
    path.write_text(as_text(a_file()))

    found = json.loads(stepfarm("steps", str(path), "--json").out)

    analysis = analyse(some_passes(with_step(slope, STEP_AT, 20), counts=COUNTS, rejected=0.1))
    itself = as_plain(Found(source="", title="", simulated=False, told="column", analysis=analysis))
    for name in ("steps", "sweet_spots", "readings", "rejected", "token_counts", "outcome"):
        assert found[name] == itself[name]
    assert "throttled" in {doubt["reason"] for doubt in found["doubts"]}
    assert found["passes"]["count"] == 7


@pytest.mark.parametrize("as_text", [write, lambda file: "".join(csv_of([file]))], ids=["JSON", "CSV"])
def test_a_simulated_curve_is_marked(stepfarm: Stepfarm, tmp_path: Path, as_text: Callable[[CurveFile], str]) -> None:
    path = tmp_path / "export"
    path.write_text(as_text(a_file(device_kind=DeviceKind.SIMULATED)))

    assert json.loads(stepfarm("steps", str(path), "--json").out)["simulated"] is True
    assert "simulated" in stepfarm("steps", str(path)).out


def test_that_there_is_no_step_is_a_result(stepfarm: Stepfarm, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("tokens,latency_ns\n5,50\n6,60\n")

    ended = stepfarm("steps", str(path), "--json")

    assert ended.code == 0
    assert json.loads(ended.out)["steps"] == []
    assert json.loads(ended.out)["outcome"] == "too-few"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.csv", None, "missing.csv cannot be read: No such file"),
        (".", None, "cannot be read: Is a directory"),
        ("empty.csv", b"", "is empty"),
        ("bad.csv", b"tokens,latency_ns\n5,abc\n", "bad.csv, line 2: latency_ns must be a whole number"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\x00", "is not"),
        ("other.json", b'{"a": 1}', "not a curve of Stepfarm's"),
    ],
)
def test_what_cannot_be_read_is_refused_with_advice(
    stepfarm: Stepfarm, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    assert said in stepfarm.refused("steps", str(tmp_path / name))


def test_it_needs_numpy_alone(csv_file: Path) -> None:
    code = (
        "import sys\n"
        "from orchestrator.cli import main\n"
        f"main(['steps', {str(csv_file)!r}, '--json'])\n"
        "print(sorted({name.partition('.')[0] for name, module in sys.modules.items()\n"
        "    if 'site-packages' in str(getattr(module, '__file__', ''))}), file=sys.stderr)"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(ended.stdout)["steps"]
    imported = {name for name in json.loads(ended.stderr.replace("'", '"')) if not name.startswith("_")}
    assert "numpy" in imported
    assert imported <= ALLOWED
