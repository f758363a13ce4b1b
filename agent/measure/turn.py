"""One measurement at a time on a machine: agents and ``stepfarm measure`` take turns, whoever started them.

On Linux, Android among it, the turn is a name among the kernel's abstract sockets, which one process can hold and which
is free when that process ends, however it ends; it needs no directory that all users can write. Elsewhere it is a lock
on a file among the temporary ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

NAME = "stepfarm-measuring"
LOOK_EVERY_S = 2.0
"""How often one that waits looks; rarely, because it would disturb the one that measures."""


class Turn:
    """The right to measure on this machine. ``name`` tells machines apart in tests."""

    def __init__(self, name: str = NAME) -> None:
        self._name = name
        self._held: socket.socket | int | None = None

    def take(self) -> bool:
        """Take the turn if nobody has it; whether it was taken."""
        if self._held is None:
            self._held = self._bound() if sys.platform.startswith(("linux", "android")) else self._locked()
        return self._held is not None

    def give(self) -> None:
        """Let another measure."""
        held, self._held = self._held, None
        if isinstance(held, socket.socket):
            held.close()
        elif held is not None:
            os.close(held)

    @contextlib.contextmanager
    def waited_for(self, wait: Callable[[float], None], tell: Callable[[str], None]) -> Iterator[None]:
        """Hold the turn; first wait for it.

        Args:
            wait: lets so many seconds pass; raises what ends the wait.
            tell: gets a line for people where another has the turn.
        """
        if not self.take():
            tell("Another measurement is under way on this machine; this one begins when it is over.")
            while not self.take():
                wait(LOOK_EVERY_S)
        try:
            yield
        finally:
            self.give()

    def _bound(self) -> socket.socket | None:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            one.bind(f"\0{self._name}")
        except OSError:
            one.close()
            return None
        return one

    def _locked(self) -> int | None:
        # Whoever comes first makes it; a lock needs no right to write.
        path = Path(tempfile.gettempdir()) / f"{self._name}.lock"
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644))
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
