"""Numbers of things are said in English, whatever is counted."""

from __future__ import annotations

from orchestrator.counting import counted


def test_things_are_counted_in_english() -> None:
    assert [counted(number, "job") for number in (0, 1, 2, 1_200)] == ["0 jobs", "1 job", "2 jobs", "1,200 jobs"]
    assert [counted(number, "pass") for number in (1, 2)] == ["1 pass", "2 passes"]
    assert counted(2, "batch") == "2 batches"
