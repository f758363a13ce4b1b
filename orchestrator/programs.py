"""The other programs of Stepfarm, started by this one: the dashboard, and in the demo this machine's agent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orchestrator
from agent.config import Settings

# ``python -m`` looks into its working folder first: it must not meet a folder there that happens to be called agent.
_IMPORT_ROOT = Path(orchestrator.__file__).resolve().parents[1]

PATIENCE_S = 10.0


def command_of(module: str, *arguments: str) -> list[str]:
    """The command that runs ``module`` with this Python."""
    return [sys.executable, "-m", module, *arguments]


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which a program works with this state directory and the orchestrator on this machine."""
    inherited = {name: value for name, value in os.environ.items() if name != "STEPFARM_KEY"}
    return {**inherited, "STEPFARM_HOME": str(settings.home), "STEPFARM_URL": f"http://127.0.0.1:{settings.port}"}


def run(settings: Settings, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``module`` to its end."""
    return subprocess.run(
        command_of(module, *arguments),
        cwd=_IMPORT_ROOT,
        env=environment_of(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def start(settings: Settings, log: Path, module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start ``module``; what it prints is added to ``log``."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command_of(module, *arguments),
            cwd=_IMPORT_ROOT,
            env=environment_of(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal is for this process, which ends the other in its turn.
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here, in good order if it will."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
