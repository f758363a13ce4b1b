"""Copies of a database: whole, made while it is at work, and put back without giving a number twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from orchestrator.errors import BadFile, LeaseLost, StartFailed
from orchestrator.jobs.states import AttemptEnding, JobState
from orchestrator.storage import backups, schema
from orchestrator.storage.database import Database
from tests.support.store import Store, a_batch


def test_a_copy_that_is_made_while_the_database_is_at_work_holds_all_that_was_committed(
    sqlite_database: Database, tmp_path: Path
) -> None:
    store = Store(sqlite_database)
    device = store.enrol()
    store.sweep(device)
    with sqlite_database.write() as session:
        session.connection()
        backups.back_up(sqlite_database, tmp_path / "copy.db")
    assert backups.check_copy(tmp_path / "copy.db") == schema.newest_revision()
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    found = sqlite3.connect(tmp_path / "copy.db").execute("SELECT state FROM jobs").fetchall()
    assert found == [("queued",)]
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]


def test_a_copy_is_never_written_over_another(sqlite_database: Database, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(BadFile, match="there already"):
        backups.back_up(sqlite_database, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"


def test_on_postgresql_its_own_tools_are_named(on_postgresql: Database, tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"(?s)PostgreSQL.*pg_dump.*pg_restore.*stepfarm db restored"):
        backups.back_up(on_postgresql, tmp_path / "copy.db")


@pytest.mark.parametrize("length", [0, 100, 5_000])
def test_a_copy_that_is_torn_or_none_is_refused_and_the_database_stays(
    sqlite_database: Database, tmp_path: Path, length: int
) -> None:
    backups.back_up(sqlite_database, tmp_path / "copy.db")
    (tmp_path / "torn.db").write_bytes((tmp_path / "copy.db").read_bytes()[:length])
    before = (tmp_path / "stepfarm.db").read_bytes()
    with pytest.raises(BadFile):
        backups.restore(sqlite_database, tmp_path / "torn.db")
    assert (tmp_path / "stepfarm.db").read_bytes() == before


def test_what_was_restored_is_what_was_copied(sqlite_database: Database, tmp_path: Path) -> None:
    store = Store(sqlite_database)
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)
    curve_id = store.begin_curve(device, leased)
    store.take_in(device, leased.job_id, a_batch(leased.fence))
    backups.back_up(sqlite_database, tmp_path / "copy.db")
    store.take_in(device, leased.job_id, a_batch(leased.fence, 1))
    assert store.curve(curve_id).readings == 6

    backups.restore(sqlite_database, tmp_path / "copy.db")

    store.database = Database(str(sqlite_database.url))
    assert store.curve(curve_id).readings == 3
    store.database.close()


def test_a_database_that_was_put_back_gives_no_fence_and_no_number_twice(store: Store) -> None:
    device = store.enrol()
    store.sweep(device, models=("a", "b"))
    leased = store.leased(device)
    cancelled_by = store.sweep(device)

    backups.step_over(store.database, now_ms=store.clock.epoch_ms())

    assert (store.state(leased.job_id), store.endings(leased.job_id)) == (
        JobState.QUEUED,
        [AttemptEnding.GIVEN_BACK],
    )
    with pytest.raises(LeaseLost):
        store.heartbeat(device, leased.job_id, leased.fence)
    assert store.leased(device, "second").fence > leased.fence + backups.FENCES_OVER
    assert store.sweep(device) > cancelled_by + backups.NUMBERS_OVER
    assert store.sweep_view(cancelled_by).jobs[0].attempts == 0
    assert store.sweep_view(cancelled_by - 1).jobs[0].attempts == 2
