"""The real main job through all programs: ``stepfarm demo`` measures a real ViT on this machine's CPU."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from orchestrator.commands.demo import SIMULATED_PASSES
from orchestrator.curves.blob import StoredPass, unpack
from tests.support.processes import wait_until, working_with
from tests.support.serving import free_port

MODEL = "test_vit"  # 101 tokens, six blocks: timm's own small Vision Transformer
FEW_COUNTS = ["--model", MODEL, "--batch", "1", "--stride", "11"]
ENOUGH = 2  # a search visits each count of its grid twice or more, and looks again where it is not sure


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of one farm, kept from test to test in this file."""
    home = tmp_path_factory.mktemp("farm")
    return {
        **os.environ,
        "STEPFARM_HOME": str(home),
        "STEPFARM_PORT": str(free_port()),
        "STEPFARM_DASHBOARD_PORT": str(free_port()),
    }


@pytest.fixture(scope="module")
def first_demo(farm: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The first run, on Ray. What a small model learns in a demo is tested in `tests/integration/test_accuracy.py`."""
    return _demo(farm, "--once", "--epochs", "0")


def _demo(farm: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator.cli", "demo", *FEW_COUNTS, *arguments]
    return subprocess.run(command, env=farm, capture_output=True, text=True, timeout=240, check=False)


SEALED = """
    SELECT blob FROM curves JOIN jobs ON jobs.id = curves.job_id JOIN devices ON devices.id = jobs.device_id
    WHERE blob IS NOT NULL AND jobs.sweep_id = ? AND (devices.kind = 'simulated') = (jobs.sweep_id = 1)
    ORDER BY curves.id
"""
SIMULATED, MEASURED = 1, 2
"""The sweeps of a first demo, by number: what is simulated is never in one with what is measured."""


def _stored_passes(farm: Mapping[str, str], sweep: int) -> Iterator[StoredPass]:
    database = sqlite3.connect(Path(farm["STEPFARM_HOME"]) / "orchestrator" / "stepfarm.db")
    for (blob,) in database.execute(SEALED, (sweep,)).fetchall():
        yield from unpack(blob)
    database.close()


def test_the_demo_measures_this_machine_and_ends_with_0(
    first_demo: subprocess.CompletedProcess[str],
) -> None:
    assert first_demo.returncode == 0, first_demo.stderr
    assert "Traceback" not in first_demo.stdout + first_demo.stderr
    assert "Sweet spots" in first_demo.stdout
    assert "Recommended (unverified)" in first_demo.stdout
    assert "Dashboard:" in first_demo.stdout


def test_the_readings_in_the_database_are_real(
    farm: Mapping[str, str], first_demo: subprocess.CompletedProcess[str]
) -> None:
    latencies: dict[int, list[int]] = {}
    for one in _stored_passes(farm, MEASURED):
        # The rejected ones too: how many are believed is the affair of whatever else this machine does.
        for tokens, latency_ns in zip(one.tokens, one.latency_ns, strict=True):
            latencies.setdefault(int(tokens), []).append(int(latency_ns))

    assert sorted(latencies) == [2, 13, 24, 35, 46, 57, 68, 79, 90, 101]
    assert min(len(values) for values in latencies.values()) >= ENOUGH
    assert min(latencies[101]) > min(latencies[2])


def test_three_simulated_devices_are_measured_beside_it_and_said_to_be_made_up(
    farm: Mapping[str, str], first_demo: subprocess.CompletedProcess[str]
) -> None:
    names = "simulated-stairs, simulated-sawtooth, simulated-throttle"
    assert f"Simulating, as {names}. No hardware is timed here:" in first_demo.stdout
    assert "3 simulated curves, made up and marked as such wherever shown." in first_demo.stdout
    assert first_demo.stdout.index("Simulating") < first_demo.stdout.index("Measuring this machine for real")
    passes = list(_stored_passes(farm, SIMULATED))
    assert len(passes) >= 3 * SIMULATED_PASSES
    assert {tokens for one in passes for tokens in one.tokens.tolist()} == set(range(2, 102))


def test_no_process_is_left(farm: Mapping[str, str], first_demo: subprocess.CompletedProcess[str]) -> None:
    assert working_with(Path(farm["STEPFARM_HOME"])) == []


def stored(farm: Mapping[str, str]) -> list[list[int]]:
    """Every reading of the first demo that is in the database."""
    return [one.latency_ns.tolist() for sweep in (SIMULATED, MEASURED) for one in _stored_passes(farm, sweep)]


def test_run_again_and_stopped_in_the_middle_it_keeps_what_was_there(
    farm: Mapping[str, str], first_demo: subprocess.CompletedProcess[str]
) -> None:
    before = stored(farm)
    home = Path(farm["STEPFARM_HOME"])
    command = [sys.executable, "-m", "orchestrator.cli", "demo", *FEW_COUNTS, "--without-ray", "--passes", "90"]
    process = subprocess.Popen(command, env=farm, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    wait_until(lambda: any("agent.measure.child" in one for one in working_with(home)), what="it measures")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert "Traceback" not in output + errors
    assert process.returncode == 130, errors
    assert working_with(home) == []
    assert stored(farm) == before


def test_an_unknown_model_is_refused_with_advice(farm: Mapping[str, str]) -> None:
    ended = _demo(farm, "--once", "--without-ray", "--model", "deit_tinny_patch16_224")

    assert ended.returncode == 1
    assert "deit_tiny_patch16_224" in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
