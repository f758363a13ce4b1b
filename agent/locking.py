"""A lock on a directory: one process at a time works with what is in it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from agent.errors import StateError


@contextlib.contextmanager
def alone_in(home: Path, *, program: str) -> Iterator[None]:
    """Hold the lock on ``home``, which is made if it is not there. The kernel lets go of it when the process ends.

    Raises:
        StateError: another process holds it, or the directory cannot be written.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (home / "lock").open("a")
    except OSError as error:
        raise StateError(f"{home} cannot be written: {error.strerror}.", "Set STEPFARM_HOME to one you own.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                f"Another {program} works with {home}.", "Stop it first, or set STEPFARM_HOME to another directory."
            ) from None
        except OSError as error:
            raise StateError(
                f"{home} cannot be locked: {error.strerror}.", "Set STEPFARM_HOME to a directory on a local disk."
            ) from None
        yield
