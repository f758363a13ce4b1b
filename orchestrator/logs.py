"""The orchestrator's log: one file in the state directory, whoever hosts the API; lines for people, or JSON."""

from __future__ import annotations

import json
import logging
import logging.handlers
import time
from pathlib import Path

from agent.config import LogFormat

FILE_NAME = "orchestrator.log"
LARGEST_BYTES = 5_000_000
KEPT = 3
SUBJECTS = ("job", "device")
"""What a record may be about, as its ``extra``: the number of a job, the number of a device."""

MOMENT = "%Y-%m-%dT%H:%M:%SZ"


class Plain(logging.Formatter):
    """A line for people, with times in UTC."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", MOMENT)
        self.converter = time.gmtime


class AsJson(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and where they are known job, device and exception."""

    def __init__(self) -> None:
        super().__init__(datefmt=MOMENT)
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``."""
        told: dict[str, object] = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: getattr(record, name) for name in SUBJECTS if hasattr(record, name)}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


FORMATTERS: dict[LogFormat, type[logging.Formatter]] = {LogFormat.TEXT: Plain, LogFormat.JSON: AsJson}


def log_to(orchestrator_home: Path, log_format: LogFormat = LogFormat.TEXT) -> None:
    """Write what the orchestrator logs to its file; a full file is kept under a number."""
    ours = logging.getLogger("orchestrator")
    if ours.handlers:
        return
    handler = logging.handlers.RotatingFileHandler(
        orchestrator_home / FILE_NAME, maxBytes=LARGEST_BYTES, backupCount=KEPT, delay=True, encoding="utf-8"
    )
    handler.setFormatter(FORMATTERS[log_format]())
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
