"""One process at a time writes to a database, and it knows when that is no longer it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.clock import SystemClock
from orchestrator.errors import DatabaseAway, DatabaseTaken, SchemaMismatch
from orchestrator.storage.database import Database
from orchestrator.storage.writer import ADVISORY, Writer, writing
from tests.support.clocks import ManualClock

HOLD = """
import sys
from agent.clock import SystemClock
from orchestrator.storage.database import Database
from orchestrator.storage.writer import Writer
writer = Writer(Database(sys.argv[1]), SystemClock())
writer.take(wait_s=0)
print("held", flush=True)
sys.stdin.read()
"""
# Waits until the other side is gone: the connection still answers until then.
CUT = sa.text(
    "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 30000)) FROM pg_locks "
    "WHERE locktype = 'advisory' AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)


def a_writer(database: Database) -> Writer:
    """A writer with a connection, or file, of its own, as another process has."""
    return Writer(Database(database.url.render_as_string(hide_password=False)), ManualClock())


@contextmanager
def another_process(database: Database) -> Iterator[subprocess.Popen[str]]:
    """A process that has the right to write, until it ends."""
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", HOLD, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def cut_the_locks_connection(database: Database) -> None:
    with database.engine.connect() as connection:
        assert connection.scalar(CUT) == 1


def test_one_at_a_time_may_write(database: Database) -> None:
    first, second = a_writer(database), a_writer(database)
    first.take(wait_s=0)

    with pytest.raises(DatabaseTaken) as refusal:
        second.take(wait_s=1)
    first.release()
    second.take(wait_s=0)

    assert "STEPFARM_DATABASE_URL" in refusal.value.advice
    second.release()


def test_the_refusal_says_which_process_has_the_right(database: Database) -> None:
    with another_process(database) as process, pytest.raises(DatabaseTaken) as refusal:
        a_writer(database).take(wait_s=0)

    assert f"stepfarm on {os.uname().nodename}, process {process.pid}." in refusal.value.message


def test_the_right_of_a_process_that_is_killed_goes_to_the_one_that_waits(database: Database) -> None:
    with another_process(database) as process:
        killing = threading.Timer(0.3, process.kill)
        killing.start()

        successor = Writer(database, SystemClock())
        successor.take(wait_s=20)

        assert process.wait(10) != 0
        successor.release()


def test_who_has_the_right_may_ask_for_it_again(database: Database) -> None:
    writer = a_writer(database)
    writer.take(wait_s=0)
    writer.take(wait_s=0)

    writer.confirm()
    writer.release()


def test_the_right_is_held_for_as_long_as_the_context_lasts(database: Database) -> None:
    with writing(database, ManualClock(), wait_s=0), pytest.raises(DatabaseTaken):
        a_writer(database).take(wait_s=0)

    with writing(database, ManualClock(), wait_s=0):
        pass


def test_what_keeps_the_new_writer_from_writing_gives_the_right_back(database: Database) -> None:
    def refuse() -> None:
        raise SchemaMismatch("of another version", "upgrade")

    with pytest.raises(SchemaMismatch):
        Writer(database, ManualClock(), on_taken=refuse).take(wait_s=0)

    with writing(database, ManualClock(), wait_s=0):
        pass


def test_a_guarded_database_begins_no_transaction_without_the_right(database: Database) -> None:
    other = a_writer(database)
    other.take(wait_s=0)
    database.guard_writes(Writer(database, ManualClock()).confirm)

    with pytest.raises(DatabaseTaken), database.write():
        pytest.fail("a transaction was begun")

    with database.read() as session:
        assert session.scalar(sa.text("SELECT 1")) == 1
    other.release()


def test_a_lock_whose_connection_broke_is_taken_again_before_the_next_write(
    on_postgresql: Database, caplog: pytest.LogCaptureFixture
) -> None:
    writer = a_writer(on_postgresql)
    writer.take(wait_s=0)
    cut_the_locks_connection(on_postgresql)

    with caplog.at_level(logging.WARNING, "orchestrator"):
        writer.confirm()

    assert "taking it again" in caplog.text
    with pytest.raises(DatabaseTaken):
        a_writer(on_postgresql).take(wait_s=0)
    writer.release()


def test_a_lock_that_another_took_meanwhile_is_lost_and_writing_refused(on_postgresql: Database) -> None:
    first, second = a_writer(on_postgresql), a_writer(on_postgresql)
    first.take(wait_s=0)
    cut_the_locks_connection(on_postgresql)
    second.take(wait_s=0)

    with pytest.raises(DatabaseTaken):
        first.confirm()
    second.release()
    first.confirm()
    first.release()


def test_other_databases_of_one_server_have_writers_of_their_own(on_postgresql: Database) -> None:
    url = on_postgresql.url.set(database="postgres").render_as_string(hide_password=False)
    elsewhere = Writer(Database(url), ManualClock())
    elsewhere.take(wait_s=0)

    with writing(on_postgresql, ManualClock(), wait_s=0):
        pass

    elsewhere.release()


def test_a_lock_of_somebody_elses_with_another_number_is_no_hindrance(on_postgresql: Database) -> None:
    with on_postgresql.engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:number)"), {"number": ADVISORY + 1})

        with writing(on_postgresql, ManualClock(), wait_s=0):
            pass


def test_the_password_is_in_no_refusal(on_postgresql: Database) -> None:
    url = on_postgresql.url.set(password="geheim").render_as_string(hide_password=False)
    with writing(on_postgresql, ManualClock(), wait_s=0), pytest.raises(DatabaseTaken) as refusal:
        Writer(Database(url), ManualClock()).take(wait_s=0)

    assert "geheim" not in str(refusal.value)


def test_by_whatever_links_a_file_is_named_it_has_one_writer(tmp_path: Path) -> None:
    (tmp_path / "farm.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "farm.db")
    first = Writer(Database(f"sqlite:///{tmp_path / 'farm.db'}"), ManualClock())
    first.take(wait_s=0)

    with pytest.raises(DatabaseTaken):
        Writer(Database(f"sqlite:///{tmp_path / 'link.db'}"), ManualClock()).take(wait_s=0)
    first.release()


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway) as refusal:
        Writer(Database(f"sqlite:///{tmp_path / 'missing' / 'farm.db'}"), ManualClock()).take(wait_s=0)

    assert "directory" in refusal.value.advice
