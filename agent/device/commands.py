"""Asking the system's own small programs, each within a bounded time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST_S = 5.0
"""What is not answered by then is not: the slowest, termux-battery-status, takes about one second, or hangs."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, or the ``complaint`` that says why it printed nothing of use."""

    text: str | None
    complaint: str = ""


RunCommand = Callable[[Sequence[str]], Answer]
"""Runs a command, given as its words, and never raises."""


def run_command(command: Sequence[str], *, longest_s: float = LONGEST_S) -> Answer:
    """What ``command`` printed, without surrounding blanks, or why there is nothing."""
    try:
        # A session of its own, so that whatever the command starts can be ended with it.
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        return Answer(None, f"{command[0]} is not installed")
    except PermissionError:
        return Answer(None, f"{command[0]} may not be run")
    except (OSError, ValueError) as error:
        return Answer(None, f"{command[0]} does not start: {error}")
    try:
        output, errors = process.communicate(timeout=longest_s)
    except subprocess.TimeoutExpired:
        _end_session(process)
        return Answer(None, f"{' '.join(command)} did not answer within {longest_s:g} s")
    except BaseException:
        _end_session(process)
        raise
    return _answer(command, process.returncode, _clean(output), _clean(errors))


def _end_session(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    # What hangs within the kernel, as a driver does, cannot be ended: it is left behind.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1.0)


def _clean(raw: bytes) -> str:
    return raw.decode(errors="replace").replace("\x00", "").strip()


def _answer(command: Sequence[str], status: int, output: str, errors: str) -> Answer:
    asked = " ".join(command)
    if status == 0:
        return Answer(output) if output else Answer(None, f"{asked} printed nothing")
    said = (errors or output).splitlines()
    return Answer(None, f"{asked} failed: {said[0]}" if said else f"{asked} ended with status {status}")


class UntilItFails:
    """Runs commands; one that failed or hung is not run again, so that it costs its time once."""

    def __init__(self, run: RunCommand) -> None:
        self._run = run
        self._failed: dict[tuple[str, ...], Answer] = {}

    def __call__(self, command: Sequence[str]) -> Answer:
        """What ``command`` printed, or the complaint of the first time that it failed."""
        asked = tuple(command)
        if asked in self._failed:
            return self._failed[asked]
        answer = self._run(asked)
        if answer.text is None:
            self._failed[asked] = answer
        return answer
