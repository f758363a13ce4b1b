"""Loading: what comes to stay is not looked through by Python's collector."""

from __future__ import annotations

import gc

import pytest

from agent.errors import MeasurementFailed
from agent.vit.loading import require, uncollected


def test_the_collector_rests_while_a_library_is_loaded_and_leaves_what_came_alone() -> None:
    frozen = gc.get_freeze_count()
    with uncollected():
        resting = not gc.isenabled()
        kept = [[number] for number in range(1_000)]
    assert resting
    assert gc.isenabled()
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_a_library_that_is_missing_is_told_with_advice_and_the_collector_works_again() -> None:
    with pytest.raises(MeasurementFailed, match="no_such_library cannot be imported") as failed:
        require("no_such_library", extra="torch")
    assert "pip install stepfarm[torch]" in failed.value.advice
    assert gc.isenabled()
