"""Stepfarm: where one more pruned token makes a Vision Transformer faster, on the hardware where it will really run.

The public names, imported when they are first used, so that ``import stepfarm`` costs nothing:

- `measure`: the token-latency curve of a model on this machine.
- `Client`: what a person may ask of an orchestrator.
- `Plan`, `Workload`: what to measure, and how.
- `StepfarmError`: the base of every error that is not a bug.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.errors import StepfarmError
    from agent.wire.jobs import Workload
    from orchestrator.alone import measure
    from orchestrator.analysis.planning import Plan
    from orchestrator.client import Client

__all__ = ["Client", "Plan", "StepfarmError", "Workload", "measure"]

_HOMES = {
    "Client": "orchestrator.client",
    "Plan": "orchestrator.analysis.planning",
    "StepfarmError": "agent.errors",
    "Workload": "agent.wire.jobs",
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
