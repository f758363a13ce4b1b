"""Whoever would disturb a timed call waits for its end, and a timed call for the end of what disturbs it.

The parent's heartbeat and the child's timed calls take turns: a pipe holds one byte, and who has read it may go on. It
costs a timed call two system calls of about a microsecond, both outside of what is timed.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Iterator

PATIENCE_S = 60.0
"""After so long either side goes on without the byte: a lease is worth more than a reading, and a hang than neither."""


class Baton:
    """One end of the pipe: ``read`` and ``write`` are its descriptors, which both processes have."""

    def __init__(self, read: int, write: int) -> None:
        self.read = read
        self.write = write
        os.set_blocking(read, False)

    def take(self, longest_s: float = PATIENCE_S) -> bool:
        """Take the byte, waiting at most ``longest_s`` for it; whether it was taken."""
        while True:
            try:
                return bool(os.read(self.read, 1))
            except BlockingIOError:  # the other side has it
                if not select.select([self.read], [], [], longest_s)[0]:
                    return False

    def take_at_once(self) -> bool:
        """Take the byte if nobody has it; whether it was taken."""
        try:
            return bool(os.read(self.read, 1))
        except BlockingIOError:
            return False

    def give(self) -> None:
        """Give the byte back."""
        os.write(self.write, b"x")


class ParentsBaton(Baton):
    """The parent's end, which outlives children that were killed with the byte in hand."""

    def __init__(self) -> None:
        read, write = os.pipe()
        super().__init__(read, write)
        self._lock = threading.Lock()
        self._held = False
        self.give()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the byte: meanwhile the child times nothing. For one thread at a time."""
        taken = self.take()
        with self._lock:
            self._held = taken
        try:
            yield
        finally:
            with self._lock:
                if self._held:
                    self.give()
                self._held = False

    def child_is_gone(self) -> None:
        """Put the byte back that a child may have died with."""
        with self._lock:
            if not self._held:
                self.take_at_once()
                self.give()

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self.read)
        os.close(self.write)
