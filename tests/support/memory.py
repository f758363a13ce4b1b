"""Machines with little memory: a limit on how much more a process may map."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

needs_linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads and sets limits as Linux has them"
)


@contextlib.contextmanager
def memory_for_more(more_bytes: int, pid: int | None = None) -> Iterator[None]:
    """Have a process, this one or ``pid``, map no more than ``more_bytes`` beyond what it has mapped."""
    pid = os.getpid() if pid is None else pid
    status = Path(f"/proc/{pid}/status").read_text()
    mapped = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmSize"))
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (mapped + more_bytes, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, before)
