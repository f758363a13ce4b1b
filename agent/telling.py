"""What the agent tells people, on its standard output: lines, or one JSON object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timezone

from agent.clock import Clock
from agent.config import LogFormat

_ABOUT_A_JOB = re.compile(r"Job (\d+): ", re.ASCII)
"""How every line about a job begins (`agent.work`)."""


def teller(log_format: LogFormat, *, device: str, clock: Clock) -> Callable[[str], None]:
    """What prints a line at once, as ``log_format`` wants it."""

    def plain(line: str) -> None:
        print(line, flush=True)

    def as_json(line: str) -> None:
        moment = datetime.fromtimestamp(clock.epoch_ms() // 1_000, timezone.utc)
        told: dict[str, object] = {"time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "device": device, "message": line}
        about = _ABOUT_A_JOB.match(line)
        if about is not None:
            told["job"] = int(about[1])
        print(json.dumps(told, ensure_ascii=False), flush=True)

    return as_json if log_format is LogFormat.JSON else plain
