"""Numbers of things, in English, as the command line and the pages say them."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """``number`` of a ``thing``: 1 job, 2 jobs, 3 passes, 4 batches."""
    plural = f"{thing}es" if thing.endswith(("s", "ch")) else f"{thing}s"
    return f"{number:,} {thing if number == 1 else plural}"
