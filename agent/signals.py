"""Stopping in good order at Ctrl-C and at a service manager's SIGTERM."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stopping_on_signals(on_stop: Callable[[], None], *, second_ends: bool) -> Iterator[None]:
    """Call ``on_stop`` at SIGINT and SIGTERM.

    Args:
        on_stop: called in a thread of its own, since the thread interrupted may hold any lock.
        second_ends: whether a second signal ends the process at once; else it is as the first.
    """

    def stop(_number: int, _frame: object) -> None:
        threading.Thread(target=on_stop, daemon=True).start()
        if second_ends:
            for number in STOPPING:
                signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
