"""What a database says when it cannot work, told in words with what to do, and never with a password."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from agent.errors import ConfigError, StepfarmError
from orchestrator.errors import DatabaseAway
from orchestrator.storage import schema
from orchestrator.storage.database import Database
from orchestrator.storage.writer import writing
from tests.support import postgres
from tests.support.clocks import ManualClock
from tests.support.postgres import PostgresServer

SECRET = "geheim"


@dataclasses.dataclass(frozen=True)
class Guarded:
    """A server that lets ``me`` in by password alone."""

    server: PostgresServer
    host: str

    def url(self, *, user: str = "me", password: str = SECRET, database: str = "farm", more: str = "") -> str:
        return f"postgresql://{user}:{password}@/{database}?host={self.host}{more}"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    if os.environ.get(postgres.WITHOUT) == "1":
        pytest.skip(f"{postgres.WITHOUT}=1")
    with postgres.server() as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE me LOGIN PASSWORD '{SECRET}'".encode())
            connection.execute("CREATE DATABASE farm")
            connection.execute("CREATE DATABASE mine OWNER me")
        server.stop()
        server.ask_for_passwords("me")
        server.start()
        host = sa.make_url(server.url("farm")).query["host"]
        assert isinstance(host, str)
        yield Guarded(server, host)


def make_tables(url: str) -> None:
    database = Database(url)
    with writing(database, ManualClock(), wait_s=0):
        schema.upgrade(database)


def refusal_of(url: str) -> StepfarmError:
    """What is said when the tables are to be made."""
    with pytest.raises(StepfarmError) as refusal:
        make_tables(url)
    assert SECRET not in str(refusal.value)
    assert refusal.value.advice
    return refusal.value


def test_a_wrong_password_and_an_unknown_user_are_told_alike(guarded: Guarded) -> None:
    wrong = refusal_of(guarded.url(password=f"x{SECRET}x"))
    unknown = refusal_of(guarded.url(user="nobody"))

    assert str(wrong) == str(unknown)
    assert f"PostgreSQL at {guarded.host} refuses the user name or the password." in wrong.message


def test_a_database_that_the_server_does_not_have_is_named(guarded: Guarded) -> None:
    refusal = refusal_of(guarded.url(database="farn"))

    assert "has no database farn" in refusal.message
    assert "createdb" in refusal.advice


def test_a_user_who_may_make_no_tables_is_told_how_to_get_the_right(guarded: Guarded) -> None:
    refusal = refusal_of(guarded.url())

    assert "does not let this user work with the tables" in refusal.message
    assert "OWNER TO" in refusal.advice


def test_the_owner_of_the_database_makes_the_tables_with_the_right_password(guarded: Guarded) -> None:
    database = Database(guarded.url(database="mine"))

    schema.upgrade(database)

    schema.check(database)
    database.close()


def test_an_option_that_postgresql_does_not_know_is_a_mistake_in_the_setting(guarded: Guarded) -> None:
    refusal = refusal_of(guarded.url(more=f"&paswort={SECRET}"))

    assert isinstance(refusal, ConfigError)
    assert "STEPFARM_DATABASE_URL" in refusal.advice


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"postgresql://me:{SECRET}@127.0.0.1:1/farm", "PostgreSQL at 127.0.0.1:1 does not answer."),
        (f"postgresql://me:{SECRET}@/farm?host=/nowhere", "PostgreSQL at /nowhere does not answer."),
        (f"postgresql://me:{SECRET}@no-such-host.invalid/farm", "There is no host no-such-host.invalid."),
    ],
)
def test_a_server_that_is_not_there_is_told_with_its_place(url: str, said: str) -> None:
    refusal = refusal_of(url)

    assert isinstance(refusal, DatabaseAway)
    assert refusal.message == said
    assert "STEPFARM_DATABASE_URL" in refusal.advice


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "cannot be read"),
        (f"mysql://me:{SECRET}@host/farm", "of the kind mysql"),
        (f"postgresql+asyncpg://me:{SECRET}@host/farm", r"of the kind postgresql\+asyncpg"),
        (f"{SECRET}://me@host/farm".upper(), "of the kind that it names"),
        (f"postgresql://me:{SECRET}@host:port/farm", "cannot be read"),
        (f"postgresql://me:{SECRET}@host", "names no database"),
        (f"postgresql://me:x@{SECRET}@host/farm", "more than one @"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///farm.db", "whole path of farm.db"),
        ("sqlite:////srv/farm.db?mode=ro", "names no file"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_before_anything_is_asked(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refusal:
        Database(url)

    assert SECRET not in str(refusal.value).lower()
    assert refusal.value.advice


def a_file(folder: Path) -> Database:
    """A migrated SQLite database."""
    database = Database(f"sqlite:///{folder / 'farm.db'}")
    schema.upgrade(database)
    return database


def with_pragma(database: Database, pragma: str) -> Database:
    """The same file, on connections that have ``pragma`` set."""
    again = Database(database.url.render_as_string())

    @sa.event.listens_for(again.engine, "connect")
    def set_it(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    return again


def write(database: Database, size: int = 1) -> None:
    with database.write() as session:
        session.execute(sa.text("CREATE TABLE more (content BLOB)"))
        session.execute(sa.text("INSERT INTO more VALUES (zeroblob(:size))"), {"size": size})


@contextmanager
def away(message: str) -> Iterator[None]:
    with pytest.raises(DatabaseAway, match=message) as refusal:
        yield
    assert refusal.value.advice


def test_a_full_disk_is_told_and_nothing_is_written_in_part(tmp_path: Path) -> None:
    database = a_file(tmp_path)
    with database.engine.connect() as connection:
        pages = connection.scalar(sa.text("PRAGMA page_count"))

    with away("no room left for the database .*farm.db"):
        write(with_pragma(database, f"max_page_count = {pages + 2}"), size=100_000)

    schema.check(database)
    with database.read() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM sqlite_master WHERE name = 'more'")) == 0


def test_a_file_that_may_only_be_read_is_told(tmp_path: Path) -> None:
    with away("cannot be written"):
        write(with_pragma(a_file(tmp_path), "query_only = ON"))


def test_a_file_that_another_program_holds_is_told(tmp_path: Path) -> None:
    database = a_file(tmp_path)
    with sqlite3.connect(tmp_path / "farm.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with away("is locked by another program"):
            write(with_pragma(database, "busy_timeout = 0"))


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "farm.db").write_text("a shopping list\n" * 100)

    with away("is no SQLite database"):
        schema.upgrade(Database(f"sqlite:///{tmp_path / 'farm.db'}"))

    assert (tmp_path / "farm.db").read_text().startswith("a shopping list")


def test_a_database_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    with away("There is no database"):
        schema.check(Database(f"sqlite:///{tmp_path / 'farm.db'}"))

    assert list(tmp_path.iterdir()) == []


def test_a_database_in_a_directory_that_is_not_there_cannot_be_made(tmp_path: Path) -> None:
    with away("cannot be made: No such file or directory"):
        schema.upgrade(Database(f"sqlite:///{tmp_path / 'missing' / 'farm.db'}"))


def test_a_new_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    database = a_file(tmp_path)

    write(database)

    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("farm.db*")} == {0o600}
    database.close()


def test_a_mistake_of_ours_is_not_blamed_on_the_database(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError), database.read() as session:
        session.execute(sa.text("SELECT nonsense FROM nowhere"))
