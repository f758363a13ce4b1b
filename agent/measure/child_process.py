"""A child process that is spoken to in lines, waited for without spinning, and ended with all its descendants."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.clock import Clock

LAST_WORDS_BYTES = 4_096
"""How much of the end of standard error is kept."""

DYING_S = 5.0
"""How long a child that has closed its output may take to end by itself."""


class ChildDied(Exception):
    """The child ended without an answer. ``status`` is its exit status, or minus the signal's number."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the child ended with status {status}")
        self.status = status


class DeadlinePassed(Exception):
    """The child gave no answer in time."""


class WaitCancelled(Exception):
    """Another thread wants the wait to end."""


class ChildProcess:
    """A running child in a session of its own: a Ctrl-C at the terminal reaches the parent alone.

    On Linux the child may ask the kernel to die with its parent; the kernel means the *thread* that made this object,
    which must therefore live as long as the child is wanted.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        longest_line: int,
        clock: Clock,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._clock = clock
        self._longest_line = longest_line
        self._unread = bytearray()
        self._last_words = bytearray()
        self._process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr  # noqa: PT018
        self._stdin, self._stdout, self._stderr = self._process.stdin, self._process.stdout, self._process.stderr
        self._wake, self._waker = socket.socketpair()
        self._waker.settimeout(0)
        self._selector = selectors.DefaultSelector()
        for source in (self._stdout, self._stderr, self._wake):
            self._selector.register(source, selectors.EVENT_READ)

    @property
    def pid(self) -> int:
        """The child's process id, which is its process group's too."""
        return self._process.pid

    @property
    def last_words(self) -> str:
        """The end of what the child wrote to standard error."""
        return self._last_words.decode(errors="replace").replace("\x00", "")

    def cancel_wait(self) -> None:
        """Make the present or next `receive` raise `WaitCancelled`. For other threads and signal handlers."""
        with contextlib.suppress(OSError):  # a full pipe has been told already, a closed one has no one to tell
            self._waker.send(b"x")

    def send(self, line: bytes) -> None:
        """Send one line.

        Raises:
            ChildDied: the child is gone.
        """
        try:
            unsent = memoryview(line + b"\n")
            while unsent:
                unsent = unsent[self._stdin.write(unsent) :]
        except BrokenPipeError:
            raise ChildDied(self._status()) from None

    def receive(self, deadline_s: float) -> bytes:
        """The next line, without its end.

        A line longer than the limit comes as the part that was read: the reader will refuse it.

        Raises:
            ChildDied: the child ended first.
            DeadlinePassed: no whole line came within ``deadline_s``.
            WaitCancelled: another thread wanted the wait to end.
        """
        until_ns = self._clock.monotonic_ns() + round(deadline_s * 1e9)
        while (end := self._unread.find(b"\n")) < 0 and len(self._unread) <= self._longest_line:
            left_s = (until_ns - self._clock.monotonic_ns()) / 1e9
            ready: set[object] = {key.fileobj for key, _ in self._selector.select(left_s)} if left_s > 0 else set()
            if not ready and left_s <= 0:
                raise DeadlinePassed
            self._read(ready)
        line = bytes(self._unread[:end] if end >= 0 else self._unread)
        del self._unread[: len(line) + 1]
        return line

    def _read(self, ready: set[object]) -> None:
        if self._wake in ready:
            raise WaitCancelled
        if self._stderr in ready:
            words = os.read(self._stderr.fileno(), 65_536)
            self._last_words = (self._last_words + words)[-LAST_WORDS_BYTES:]
            if not words:
                self._selector.unregister(self._stderr)
        if self._stdout in ready:
            part = os.read(self._stdout.fileno(), 65_536)
            if not part:
                raise ChildDied(self._status())
            self._unread += part

    def _status(self) -> int:
        """The status of a child that is ending; one that hangs on is killed."""
        try:
            status = self._process.wait(DYING_S)
        except subprocess.TimeoutExpired:
            self._kill_group()
            status = self._process.wait()
        self._drain_last_words()
        return status

    def _drain_last_words(self) -> None:
        os.set_blocking(self._stderr.fileno(), False)
        with contextlib.suppress(BlockingIOError):  # a descendant may still hold the other end
            while words := os.read(self._stderr.fileno(), 65_536):
                self._last_words = (self._last_words + words)[-LAST_WORDS_BYTES:]

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the child and all its descendants, and wait for its end. It holds nothing that is worth saving."""
        self._kill_group()
        self._process.wait()
        self._selector.close()
        for stream in (self._stdin, self._stdout, self._stderr, self._wake, self._waker):
            stream.close()
