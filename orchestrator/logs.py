"""The orchestrator's log: one file in the state directory, whoever hosts the API."""

from __future__ import annotations

import logging
import logging.handlers
import time
from pathlib import Path

FILE_NAME = "orchestrator.log"
LARGEST_BYTES = 5_000_000
KEPT = 3


def log_to(orchestrator_home: Path) -> None:
    """Write what the orchestrator logs to its file, with times in UTC; a full file is kept under a number."""
    ours = logging.getLogger("orchestrator")
    if ours.handlers:
        return
    handler = logging.handlers.RotatingFileHandler(
        orchestrator_home / FILE_NAME, maxBytes=LARGEST_BYTES, backupCount=KEPT, delay=True, encoding="utf-8"
    )
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
