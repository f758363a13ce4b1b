"""The other programs of Stepfarm, started by this one: the dashboard, and in the demo this machine's agent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orchestrator
from agent.config import Settings
from orchestrator import leftovers
from orchestrator.processes import living

# ``python -m`` looks into its working folder first: it must not meet a folder there that happens to be called agent.
_IMPORT_ROOT = Path(orchestrator.__file__).resolve().parents[1]

PATIENCE_S = 10.0

SECRETS = ("STEPFARM_KEY", "STEPFARM_DATABASE_URL")
"""What no other program needs: each has a key of its own, and the orchestrator alone has the database."""


def command_of(module: str, *arguments: str) -> list[str]:
    """The command that runs ``module`` with this Python."""
    return [sys.executable, "-m", module, *arguments]


def environment_of(settings: Settings, home: Path | None = None) -> dict[str, str]:
    """The environment in which a program works for the orchestrator on this machine, with this state directory.

    ``home`` is the program's own state directory where it has one beside the orchestrator's.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return {
        **inherited,
        "STEPFARM_HOME": str(home or settings.home),
        "STEPFARM_URL": settings.orchestrator_url,
    }


def run(settings: Settings, module: str, *arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``module`` to its end."""
    return subprocess.run(
        command_of(module, *arguments),
        cwd=_IMPORT_ROOT,
        env=environment_of(settings, home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def start(
    settings: Settings, log: Path, module: str, *arguments: str, home: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start ``module``, on record for the next orchestrator; what it prints is added to ``log``.

    Raises:
        StateError: it could not be put on record; it was ended again.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command_of(module, *arguments),
            cwd=_IMPORT_ROOT,
            env=environment_of(settings, home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal is for this process, which ends the other in its turn.
            start_new_session=True,
        )
    try:
        leftovers.note_processes(settings.orchestrator_home, [living()[process.pid].process])
    except KeyError:
        pass  # it has ended already
    except BaseException:
        end(process)
        raise
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here, in good order if it will."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
