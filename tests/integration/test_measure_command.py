"""``stepfarm measure``: what it writes is a curve like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.device.describe import describe
from orchestrator.curves.file import read
from tests.support.commands import Stepfarm
from tests.support.serving import serving


@pytest.fixture
def stepfarm(capsys: pytest.CaptureFixture[str]) -> Stepfarm:
    return Stepfarm(capsys)


def test_what_was_measured_alone_can_be_looked_into_and_imported(
    stepfarm: Stepfarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "alone.json"
    plan = ("--exhaustive", "--no-confirm", "--passes", "2", "--stride", "30")
    options = ("--batch", "2", "--threads", "1", *plan, "--json", str(file))

    measured = stepfarm("measure", "test_vit", *options)

    assert measured.code == 0, measured.err
    curve = read(file.read_bytes(), file.name)
    assert (curve.model, curve.workload.batch_size, curve.facts.threads) == ("test_vit", 2, 1)
    assert curve.description is not None
    assert (curve.device_kind, curve.description.processor) == (describe().kind, describe().processor)
    assert (curve.origin, len(curve.passes) >= 2) == (None, True)
    written = json.loads(file.read_text())["analysis"]
    found = json.loads(stepfarm("steps", str(file), "--json").out)
    assert found["outcome"] == written["steps"]["outcome"]
    assert found["readings"] + found["rejected"] == curve.readings

    with serving(tmp_path / "farm") as served:
        monkeypatch.setenv("STEPFARM_HOME", str(served.settings.home))
        monkeypatch.setenv("STEPFARM_PORT", str(served.settings.port))
        (taken,) = json.loads(stepfarm("curves", "import", str(file), "--json").out)
        assert served.client.curve_file(taken["curve"]["id"]).passes == curve.passes


def test_one_curve_has_one_batch_size(stepfarm: Stepfarm) -> None:
    assert "unrecognized arguments: 2" in stepfarm.refused("measure", "test_vit", "--batch", "1", "2")


def test_a_batch_size_out_of_its_range_is_refused_before_measuring(stepfarm: Stepfarm) -> None:
    assert "--batch: must lie between 1 and 4096" in stepfarm.refused("measure", "test_vit", "--batch", "0")
