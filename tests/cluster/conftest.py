"""One Ray for the whole cluster layer: the orchestrator as ``stepfarm up`` starts it, without the dashboard."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import urllib3

from orchestrator.client import Client
from orchestrator.keys import read_operator_key
from tests.support.processes import wait_until, working_with
from tests.support.serving import free_port

START_S = 120


@dataclass
class Cluster:
    """``stepfarm up`` with a state directory and a port of its own."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What every run has printed."""
        return self.home / "up.log"

    @property
    def client(self) -> Client:
        """The operator's client."""
        return Client(self.url, read_operator_key(self.home / "orchestrator"))

    def start(self) -> None:
        """Start it, and wait until it says that it is up: what a killed one left may answer for a moment."""
        before = self._times_up()
        environment = {**os.environ, "STEPFARM_HOME": str(self.home), "STEPFARM_PORT": str(self.port)}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orchestrator.cli", "up", "--no-dashboard"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(
            lambda: self._times_up() > before or self.process.poll() is not None, what="it is up", seconds=START_S
        )
        assert self.process.poll() is None, self.log.read_text()

    def _times_up(self) -> int:
        return self.log.read_text().count("Ctrl-C stops") if self.log.exists() else 0

    def ready(self) -> bool:
        """Whether the API answers and can work."""
        try:
            answer = urllib3.request("GET", f"{self.url}/readyz", timeout=2.0, retries=False)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200


def command_of(pid: int) -> bytes:
    """The command line of a process, empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The orchestrator on Ray; ended by SIGTERM, as a service manager would."""
    running = Cluster(tmp_path_factory.mktemp("cluster"), free_port())
    try:
        running.start()
        yield running
    finally:
        running.process.terminate()
        code = running.process.wait(60)
        text = running.log.read_text()
    assert code == 0, text
    assert "Traceback" not in text
    assert "sfo_" not in text
    assert working_with(running.home) == []
