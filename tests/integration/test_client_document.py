"""What docs/client.md shows runs as it stands, on a device at work, and is typed all through."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.identity import enrol
from agent.measure.simulated.child import command_of
from agent.measure.simulated.device import description_of
from agent.measure.simulated.profiles import PROFILES, ProfileName
from orchestrator.client import Client
from orchestrator.jobs.states import JobState
from tests.support.agents import at_work
from tests.support.curve_files import a_curve_file
from tests.support.serving import serving

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
EXAMPLE = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
STAIRS = PROFILES[ProfileName.STAIRS]

TYPES = """
import numpy as np
from numpy.typing import NDArray
from typing import assert_type

from orchestrator.analysis.steps import Step
from orchestrator.analysis.sweet_spots import SweetSpot
from orchestrator.sweep import Sweep
from orchestrator.views import CurveSummary, CurveView

assert_type(sweep, Sweep)
assert_type(curve, CurveView)
assert_type(summary, CurveSummary)
assert_type(curve.tokens, NDArray[np.int64])
assert_type(curve.latency_ns, NDArray[np.float64])
assert_type(step, Step)
assert_type(spot, SweetSpot)
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The names that the example leaves behind, and what it printed."""
    home = tmp_path_factory.mktemp("device")
    with serving(tmp_path_factory.mktemp("farm")) as served, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPFARM_HOME", str(served.settings.home))
        patch.setenv("STEPFARM_PORT", str(served.settings.port))
        code = served.client.new_join_code().code
        identity = enrol(home, url=served.url, code=code, name="bench-pc", description=description_of(STAIRS))
        # Beside the simulated device that stands in for bench-pc: the example leaves those out at its end.
        served.client.import_curve(a_curve_file(device="their-orin"))
        with at_work(served.url, identity.key, home, child=command_of(ProfileName.STAIRS, "bench-pc", pace_s=0)):
            names: dict[str, Any] = {}
            printed: list[str] = []
            names["print"] = lambda *said: printed.append(" ".join(map(str, said)))
            exec(compile(EXAMPLE, "docs/client.md", "exec"), names)
    return names, "\n".join(printed)


def test_the_example_waits_until_its_sweep_has_ended(ran: tuple[dict[str, Any], str]) -> None:
    names, printed = ran

    assert [job.state for job in names["sweep"].jobs] == [JobState.DONE, JobState.DONE]
    assert "bench-pc deit_tiny_patch16_224 4 done" in printed


def test_the_example_lists_what_was_not_simulated(ran: tuple[dict[str, Any], str]) -> None:
    _, printed = ran

    assert printed.splitlines()[-1].endswith("their-orin 4 imported")


def test_the_example_sees_curves_as_arrays_with_the_steps_that_are_there(ran: tuple[dict[str, Any], str]) -> None:
    names, printed = ran
    curve = names["curve"]

    counts = np.arange(197, 1, -4)[::-1]
    assert np.array_equal(curve.tokens, counts)
    assert (curve.tokens.dtype, curve.latency_ns.dtype) == (np.int64, np.float64)
    assert curve.latency_ns.shape == curve.low_ns.shape == curve.high_ns.shape == counts.shape
    assert np.all((curve.low_ns <= curve.latency_ns) & (curve.latency_ns <= curve.high_ns))
    assert curve.steps
    assert curve.steps == curve.analysis.steps.steps
    for step in curve.steps:
        assert f"after {step.after_tokens} tokens" in printed
    # Pairs confirm what the stairs of the simulated device are.
    assert ", confirmed" in printed


def test_the_example_sees_frames_with_a_row_a_point_and_a_row_a_reading(ran: tuple[dict[str, Any], str]) -> None:
    names, _ = ran
    curve = names["curve"]

    assert names["points"]["latency_ns"].tolist() == curve.latency_ns.tolist()
    assert len(names["readings"]) == curve.summary.readings
    assert set(names["readings"]["tokens"]) == set(curve.tokens.tolist())


def test_the_example_is_typed_all_through(tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(EXAMPLE + TYPES, encoding="utf-8")
    options = ("--strict", "--follow-imports=silent", "--config-file", "pyproject.toml", "--no-error-summary")

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(script)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (checked.stdout, checked.returncode) == ("", 0)


def test_the_page_has_every_public_method_of_the_client_and_no_other() -> None:
    public = {name for name in vars(Client) if not name.startswith("_")}
    shown = set(re.findall(r"`client\.(\w+)", PAGE))
    assert shown <= public
    # Who one is, and what a sweep in hand does by itself.
    assert public - shown == {"cancel_sweep", "me", "retry_sweep", "sweep_view"}
