"""Which start of an agent speaks."""

from __future__ import annotations

from orchestrator.jobs.runs import Run, which_run


def spoken(*runs: str) -> list[Run]:
    """What each of ``runs`` is when they speak one after the other."""
    newest: str | None = None
    earlier: str | None = None
    found = []
    for run in runs:
        found.append(which_run(run, newest=newest, earlier=earlier))
        if found[-1] is Run.NEW:
            newest, earlier = run, newest
    return found


def test_the_first_start_is_new_and_goes_on_as_the_newest() -> None:
    assert spoken("a", "a", "a") == [Run.NEW, Run.NEWEST, Run.NEWEST]


def test_a_start_after_it_takes_its_place() -> None:
    assert spoken("a", "b", "b") == [Run.NEW, Run.NEW, Run.NEWEST]


def test_the_one_before_is_told_so_however_often_it_speaks() -> None:
    assert spoken("a", "b", "a", "a", "b", "a") == [
        Run.NEW,
        Run.NEW,
        Run.EARLIER,
        Run.EARLIER,
        Run.NEWEST,
        Run.EARLIER,
    ]


def test_an_agent_that_starts_again_and_again_is_never_taken_for_two() -> None:
    assert set(spoken(*"abcdefgh")) == {Run.NEW}
