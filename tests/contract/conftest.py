"""Each store test runs twice: on SQLite and on PostgreSQL, each time with a fresh database that Alembic made."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from orchestrator.storage import schema
from orchestrator.storage.database import Database
from tests.support import postgres
from tests.support.postgres import PostgresServer
from tests.support.store import Store

TEMPLATE = "migrated"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The one server of this run, with a migrated database to copy."""
    if os.environ.get(postgres.WITHOUT) == "1":
        pytest.skip(f"{postgres.WITHOUT}=1")
    with postgres.server() as running:
        _create(running, TEMPLATE, "template1")
        _migrate(running.url(TEMPLATE))
        yield running


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database without a row."""
    if request.param == "sqlite":
        file = tmp_path / "stepfarm.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        made = Database(f"sqlite:///{file}")
    else:
        made = Database(_new_on(request.getfixturevalue("postgres_server"), TEMPLATE))
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a table."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'empty.db'}")
        made.make_file()
    else:
        made = Database(_new_on(request.getfixturevalue("postgres_server"), "template1"))
    yield made
    made.close()


@pytest.fixture
def on_postgresql(postgres_server: PostgresServer) -> Iterator[Database]:
    """A migrated database without a row, on PostgreSQL alone."""
    made = Database(_new_on(postgres_server, TEMPLATE))
    yield made
    made.close()


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated database without a row, on SQLite alone."""
    file = tmp_path / "stepfarm.db"
    shutil.copy(sqlite_template, file)
    made = Database(f"sqlite:///{file}")
    yield made
    made.close()


@pytest.fixture
def store(database: Database) -> Store:
    """The stores on ``database``, an operator's key in it."""
    return Store(database)


def _migrate(url: str) -> None:
    made = Database(url)
    schema.upgrade(made)
    made.close()


def _new_on(server: PostgresServer, template: str) -> str:
    name = f"test_{next(_numbers)}"
    _create(server, name, template)
    return server.url(name)


def _create(server: PostgresServer, name: str, template: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
