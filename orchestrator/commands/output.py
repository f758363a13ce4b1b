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
    """``message``, a dataclass or a sequence of them, as JSON."""
    plain = [to_plain(one) for one in message] if isinstance(message, list | tuple) else to_plain(message)
    print(json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(rows: Iterable[Sequence[object]], headers: Sequence[str], *, empty: str) -> None:
    """``rows`` under ``headers``, or the line ``empty`` where there are none."""
    from tabulate import tabulate

    listed = list(rows)
    print(tabulate(listed, headers=headers, disable_numparse=True) if listed else empty)


def when(epoch_ms: int) -> str:
    """A moment in this machine's time zone, to the minute."""
    return datetime.fromtimestamp(epoch_ms / 1_000, tz=timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M")


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
