"""The table of moves, the picture in the docs and the constraints of the database say the same."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import CheckConstraint

from orchestrator.jobs.states import MOVES, AttemptEnding, JobState
from orchestrator.storage.tables import Attempt, Job

DOCS = Path(__file__).parents[2] / "docs" / "architecture.md"
OUTSIDE = "[*]"


def drawn() -> set[tuple[str, str]]:
    """The arrows of the one state diagram in the docs."""
    pictures = re.findall(r"```mermaid\s+stateDiagram-v2\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(pictures) == 1
    return {
        (arrow[1], arrow[2]) for line in pictures[0].splitlines() if (arrow := re.match(r"\s*(\S+) --> (\S+)", line))
    }


def check_of(table: type[Job | Attempt], name: str) -> str:
    """The wording of a CHECK constraint."""
    checks = {
        str(check.name): str(check.sqltext)
        for check in table.__table__.constraints  # type: ignore[attr-defined]
        if isinstance(check, CheckConstraint)
    }
    return checks[f"ck_{table.__tablename__}_{name}"]


def quoted(text: str) -> set[str]:
    return set(re.findall(r"'([^']+)'", text))


def test_the_picture_draws_every_move_and_no_other() -> None:
    moves = {(start.value, end.value) for start, ends in MOVES.items() for end in ends}

    assert {arrow for arrow in drawn() if OUTSIDE not in arrow} == moves


def test_the_picture_begins_at_queued_and_ends_at_the_final_states() -> None:
    outside = {arrow for arrow in drawn() if OUTSIDE in arrow}

    assert outside == {(OUTSIDE, "queued"), *((state.value, OUTSIDE) for state in JobState if state.final)}


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(JobState)


def test_every_state_can_be_reached_from_queued() -> None:
    reached, new = {JobState.QUEUED}, {JobState.QUEUED}
    while new:
        new = {end for state in new for end in MOVES[state]} - reached
        reached |= new

    assert reached == set(JobState)


def test_the_database_knows_the_same_states() -> None:
    assert quoted(check_of(Job, "state")) == {state.value for state in JobState}


def test_the_database_ends_the_same_states() -> None:
    assert quoted(check_of(Job, "ended")) == {state.value for state in JobState if state.final}


def test_the_database_knows_the_same_endings_of_attempts() -> None:
    assert quoted(check_of(Attempt, "ending")) == {ending.value for ending in AttemptEnding}
