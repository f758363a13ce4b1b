"""The agent as a program of its own, as it runs on a device."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 60


def stepfarm_agent(home: Path, *arguments: str) -> None:
    """Run ``stepfarm-agent`` with its state in ``home`` until it ends by itself, without an error."""
    subprocess.run(_command(arguments), env=_environment(home), timeout=PATIENCE_S, check=True)


@contextlib.contextmanager
def stepfarm_agent_at_work(home: Path, *arguments: str) -> Iterator[None]:
    """``stepfarm-agent run`` with its state in ``home`` until the context ends."""
    agent = subprocess.Popen(_command(("run", *arguments)), env=_environment(home))
    try:
        yield
    finally:
        agent.terminate()
        agent.wait(PATIENCE_S)


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "agent.cli", *arguments]


def _environment(home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STEPFARM_")}
    return inherited | {"STEPFARM_HOME": str(home)}
