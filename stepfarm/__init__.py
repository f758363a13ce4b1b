"""Stepfarm: where one more pruned token makes a Vision Transformer faster, on the hardware where it will really run.

The public names, imported when they are first used, so that ``import stepfarm`` costs nothing:

- `measure`: the token-latency curve of a model on this machine.
- `apply_schedule`: a model with fewer tokens after each block, as a schedule says.
- `Client`: what a person may ask of an orchestrator.
- `Plan`, `Workload`: what to measure, and how.
- `Method`, `Schedule`: how many tokens leave each block, and what chooses them.
- `StepfarmError`: the base of every error that is not a bug.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.errors import StepfarmError
    from agent.vit.applying import apply_schedule
    from agent.wire.jobs import Workload
    from agent.wire.schedules import Method, Schedule
    from orchestrator.alone import measure
    from orchestrator.analysis.planning import Plan
    from orchestrator.client import Client

__all__ = ["Client", "Method", "Plan", "Schedule", "StepfarmError", "Workload", "apply_schedule", "measure"]

_HOMES = {
    "Client": "orchestrator.client",
    "Method": "agent.wire.schedules",
    "Plan": "orchestrator.analysis.planning",
    "Schedule": "agent.wire.schedules",
    "StepfarmError": "agent.errors",
    "Workload": "agent.wire.jobs",
    "apply_schedule": "agent.vit.applying",
    "measure": "orchestrator.alone",
}


def __getattr__(name: str) -> object:
    """The public name ``name``, from its home."""
    if name not in _HOMES:
        raise AttributeError(f"stepfarm has no {name!r}; its names are {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
