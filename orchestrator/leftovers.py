"""What an orchestrator has started is on record, so that the next one can end what it left behind when it was killed.

Ray's own processes end with the orchestrator's, most of them; two of them and the dashboard do not. They are ended by
number and moment of start, never by name: another program, another Ray, is not touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.durable import write_durably
from agent.errors import StateError
from orchestrator.errors import StartFailed
from orchestrator.processes import Process, descendants, living, tell

FILE_NAME = "started.json"
SCRATCH_PREFIX = "stepfarm-ray-"
"""How the scratch directories begin that may be on record: nothing else is ever removed."""

PATIENCE_S = 3.0
"""How long a process is given to end in good order: it has nothing left to lose, its orchestrator being gone."""

GONE_S = 20.0
"""How long the kernel may take to end what was killed."""

POLL_S = 0.05
WHILE_STARTING_S = 0.2
AFTERWARDS_S = 5.0

_recording = threading.Lock()


@dataclass(frozen=True, slots=True)
class Record:
    """Processes that were started, and scratch directories that were made."""

    processes: frozenset[Process] = frozenset()
    folders: frozenset[Path] = frozenset()


def read(home: Path) -> Record:
    """What is on record in ``home``.

    Raises:
        StateError: it cannot be read.
    """
    path = home / FILE_NAME
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return Record(
            frozenset(Process(int(pid), str(started)) for pid, started in plain["processes"]),
            frozenset(Path(folder) for folder in plain["folders"]),
        )
    except FileNotFoundError:
        return Record()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StateError(
            f"{path} cannot be read: {error}.",
            "See that no process of an earlier orchestrator runs here, then remove the file.",
        ) from None


def note_processes(home: Path, started: Iterable[Process]) -> None:
    """Put processes on record; what has ended comes off it.

    Raises:
        StateError: the record cannot be written.
    """
    with _recording:
        alive = {seen.process for seen in living().values()}
        before = read(home)
        now = frozenset((before.processes | set(started)) & alive)
        if now != before.processes:
            _write(home, Record(now, before.folders))


def note_folder(home: Path, folder: Path) -> None:
    """Put a scratch directory on record.

    Raises:
        StateError: the record cannot be written.
    """
    with _recording:
        before = read(home)
        _write(home, Record(before.processes, before.folders | {folder}))


def _write(home: Path, record: Record) -> None:
    plain = {
        "processes": [[process.pid, process.started] for process in sorted(record.processes)],
        "folders": sorted(str(folder) for folder in record.folders),
    }
    try:
        write_durably(home / FILE_NAME, json.dumps(plain).encode())
    except OSError as error:
        raise StateError(f"{home / FILE_NAME} cannot be written: {error.strerror}.", "Is the disk full?") from None


@contextlib.contextmanager
def on_record(home: Path, clock: Clock, up: threading.Event) -> Iterator[None]:
    """Keep what this process starts on record while the context lasts, and see that nothing of it outlives it.

    Args:
        up: set once all that belongs to the start is started; then it is looked less often.
    """
    before = _started_here()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            with contextlib.suppress(StateError):  # a full disk; the next look may find room
                note_processes(home, _started_here() - before)
            clock.wait(ended, AFTERWARDS_S if up.is_set() else WHILE_STARTING_S)

    watching = threading.Thread(target=watch, name="stepfarm-record", daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()
        with contextlib.suppress(StateError):
            note_processes(home, _started_here() - before)
        end_all(home, clock)


def _started_here() -> set[Process]:
    return descendants([os.getpid()], living())


def end_all(home: Path, clock: Clock) -> int:
    """End every process on record that still lives, with all that it started, and clear the record; how many lived.

    Raises:
        StartFailed: one of them belongs to another user, or does not end.
        StateError: the record cannot be read.
    """
    record = read(home)
    ended = _end(record.processes, clock)
    for folder in record.folders:
        if folder.name.startswith(SCRATCH_PREFIX) and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
    (home / FILE_NAME).unlink(missing_ok=True)
    return ended


def _end(recorded: frozenset[Process], clock: Clock) -> int:
    known = _still_there(recorded)
    # First who has nobody of them above: what it started it ends by itself, and in better order.
    parents = living()
    numbers = {process.pid for process in known}
    _tell_all({one for one in known if one.pid in parents and parents[one.pid].parent not in numbers}, signal.SIGTERM)
    left = _wait_until_gone(known, clock, PATIENCE_S)
    _tell_all(left, signal.SIGKILL)
    left = _wait_until_gone(left, clock, GONE_S)
    if left:
        raise StartFailed(
            f"Processes that were started for the orchestrator do not end: {_numbers(left)}.",
            "Look at them, and end them by hand.",
        )
    return len(known)


def _still_there(recorded: frozenset[Process]) -> set[Process]:
    seen = living()
    alive = recorded & {one.process for one in seen.values()}
    return set(alive) | descendants([process.pid for process in alive], seen)


def _tell_all(processes: set[Process], number: signal.Signals) -> None:
    foreign = set()
    for process in sorted(processes):
        try:
            tell(process, number)
        except PermissionError:
            foreign.add(process)
    if foreign:
        raise StartFailed(
            f"Processes that were started for the orchestrator belong to another user: {_numbers(foreign)}.",
            "Start as the user who started it, or have that user end them.",
        )


def _wait_until_gone(processes: set[Process], clock: Clock, seconds: float) -> set[Process]:
    """Those that are still there after ``seconds``, and what they have started meanwhile."""
    never = threading.Event()
    deadline_ns = clock.monotonic_ns() + int(seconds * 1e9)
    left = _still_there(frozenset(processes))
    while left and clock.monotonic_ns() < deadline_ns:
        clock.wait(never, POLL_S)
        left = _still_there(frozenset(left))
    return left


def _numbers(processes: set[Process]) -> str:
    return ", ".join(str(process.pid) for process in sorted(processes))
