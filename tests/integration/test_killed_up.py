"""``stepfarm up`` as a process of its own, killed and started again. (On Ray: ``tests/cluster/test_up_again.py``.)"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import urllib3

from orchestrator.leftovers import read
from tests.support.processes import wait_until, working_with
from tests.support.serving import free_port

UP = [sys.executable, "-m", "orchestrator.cli", "up", "--without-ray"]
PATIENCE_S = 90


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """A state directory and ports; whatever still works there at the end is killed."""
    yield {
        **os.environ,
        "STEPFARM_HOME": str(tmp_path),
        "STEPFARM_PORT": str(free_port()),
        "STEPFARM_DASHBOARD_PORT": str(free_port()),
    }
    for process in read(tmp_path / "orchestrator").processes:
        os.kill(process.pid, signal.SIGKILL)


def started(environment: Mapping[str, str]) -> tuple[subprocess.Popen[str], str]:
    """``stepfarm up`` once all of it answers, and what it printed until then."""
    process = subprocess.Popen(UP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if "Ctrl-C stops" in line:
            return process, printed
    raise AssertionError(f"ended with {process.wait()}: {printed}")


def dashboard_answers(environment: Mapping[str, str]) -> bool:
    url = f"http://127.0.0.1:{environment['STEPFARM_DASHBOARD_PORT']}/_stcore/health"
    try:
        return urllib3.request("GET", url, timeout=2.0, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_the_next_up_ends_what_a_killed_one_left_behind_and_nothing_of_one_that_lives(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    first, _ = started(environment)
    refused = subprocess.run(UP, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert refused.returncode == 1
    assert "Another orchestrator works with" in refused.stderr
    assert dashboard_answers(environment)

    first.kill()
    first.communicate()
    assert dashboard_answers(environment), "a dashboard outlives the one that started it"
    second, printed = started(environment)

    assert "Ended what an earlier run had left: 1 process." in printed
    assert dashboard_answers(environment)
    second.terminate()
    output, _ = second.communicate(timeout=PATIENCE_S)
    assert (second.returncode, "Traceback" in output) == (0, False)
    wait_until(lambda: working_with(tmp_path) == [], what="nothing works there any more")
    assert not (tmp_path / "orchestrator" / "started.json").exists()
