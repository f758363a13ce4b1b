"""One Ray for the whole cluster layer: the orchestrator as ``stepfarm up`` starts it, without the dashboard."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from orchestrator.client import Client
from orchestrator.keys import read_operator_key
from tests.support.processes import wait_until
from tests.support.serving import free_port


@dataclass(frozen=True)
class Cluster:
    """A running ``stepfarm up``."""

    process: subprocess.Popen[bytes]
    url: str
    home: Path

    @property
    def client(self) -> Client:
        """The operator's client."""
        return Client(self.url, read_operator_key(self.home / "orchestrator"))

    def ready(self) -> bool:
        """Whether the API answers and can work."""
        try:
            answer = urllib3.request("GET", f"{self.url}/readyz", timeout=2.0, retries=False)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The orchestrator on Ray; ended by SIGTERM, as a service manager would."""
    home = tmp_path_factory.mktemp("cluster")
    port = free_port()
    environment = {**os.environ, "STEPFARM_HOME": str(home), "STEPFARM_PORT": str(port)}
    log = home / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli", "up", "--no-dashboard"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    running = Cluster(process, f"http://127.0.0.1:{port}", home)
    try:
        wait_until(lambda: running.ready() or process.poll() is not None, what="the API answers", seconds=120)
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        process.terminate()
        code = process.wait(60)
        text = log.read_text()
    assert code == 0, text
    assert "Traceback" not in text
    assert "sfo_" not in text
