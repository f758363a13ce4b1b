"""Which start of an agent speaks: a pure decision."""

from __future__ import annotations

from enum import Enum


class Run(Enum):
    """What a start of an agent is to the orchestrator."""

    NEWEST = "the one that was at work last"
    NEW = "one that never spoke before: the agent was started anew"
    EARLIER = "one that a newer has taken the place of, and that goes on all the same"


def which_run(run: str, *, newest: str | None, earlier: str | None) -> Run:
    """What ``run`` is where ``newest`` and ``earlier`` are the two latest starts that spoke with this identity.

    An agent that is started again has a new run, and its old one falls silent. Where the old one speaks again, two
    agents share an identity: a copied state directory, a cloned memory card.
    """
    if run == newest:
        return Run.NEWEST
    return Run.EARLIER if run == earlier else Run.NEW
