"""How commands print: text for people, JSON for programs, and progress on the error stream."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

from agent.errors import StepfarmError
from agent.wire.codec import to_plain


def take_json(command: argparse.ArgumentParser) -> None:
    """Let ``command`` print JSON."""
    command.add_argument("--json", action="store_true", help="print JSON")


def print_json(message: object) -> None:
    """``message``, a dataclass, a sequence of them or plain values, as JSON."""
    print(json.dumps(_plain(message), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(message: object) -> object:
    if isinstance(message, list | tuple):
        return [to_plain(one) for one in message]
    return message if isinstance(message, dict) else to_plain(message)


def print_table(rows: Iterable[Sequence[object]], headers: Sequence[str], *, empty: str) -> None:
    """``rows`` under ``headers``, or the line ``empty`` where there are none."""
    from tabulate import tabulate

    listed = list(rows)
    print(tabulate(listed, headers=headers, disable_numparse=True) if listed else empty)


def when(epoch_ms: int) -> str:
    """A moment in this machine's time zone, to the minute."""
    return datetime.fromtimestamp(epoch_ms / 1_000, tz=timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M")


def clock_time(epoch_ms: int) -> str:
    """A moment near to now: the time of day, to the second, in this machine's time zone."""
    return datetime.fromtimestamp(epoch_ms / 1_000, tz=timezone.utc).astimezone().strftime("%H:%M:%S")


def roughly(seconds: float) -> str:
    """A duration that is an estimate: about 40 s, about 3 min, about 2.5 h."""
    if seconds < 90:
        return f"about {max(round(seconds, -1 if seconds >= 20 else 0), 1):.0f} s"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3_600:.1f} h"


def agreed(question: str) -> bool:
    """Whether the person at the terminal says yes.

    Raises:
        StepfarmError: nobody sits there.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise StepfarmError("Nobody can be asked here whether that is meant.", "Give --yes if it is.")
    # On the error stream: what the command prints may go into a file.
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def shows_unicode() -> bool:
    """Whether the terminal takes more than ASCII."""
    return (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def need(module: str, extra: str) -> None:
    """Refuse a command whose packages are not installed.

    Raises:
        StepfarmError: ``module``, of the extra ``extra``, cannot be found.
    """
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise StepfarmError(f"This needs {module}, which is not installed.", f"pip install 'stepfarm[{extra}]'")
