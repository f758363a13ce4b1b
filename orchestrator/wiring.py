"""Where the parts of the orchestrator are put together; with ``cli.py`` the only place that makes a clock."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from types import TracebackType

from agent.clock import Clock, SystemClock
from agent.config import Settings
from orchestrator import keys
from orchestrator.chores import Chores
from orchestrator.curves.analyst import Analyser, Analyst
from orchestrator.errors import SchemaMismatch, StartFailed
from orchestrator.jobs.dispatch import Dispatch
from orchestrator.roles import Role
from orchestrator.storage import devices, schema
from orchestrator.storage.database import Database


def database_url(settings: Settings) -> str:
    """The database that the settings name: by default SQLite in the state directory."""
    return settings.database_url or f"sqlite:///{settings.orchestrator_home / 'stepfarm.db'}"


def existing_database(settings: Settings) -> Database:
    """The database that the settings name, if it is there: looking into an SQLite file that is not would make it.

    Raises:
        SchemaMismatch: there is none.
    """
    database = Database(database_url(settings))
    file = database.url.database
    if database.is_sqlite and file is not None and not Path(file).exists():
        raise SchemaMismatch(f"There is no database {file} yet.", "Make it: stepfarm db upgrade, or stepfarm up.")
    return database


def prepare(settings: Settings, clock: Clock) -> str:
    """Make what a first start needs, keep what is there: directory, tables and the operator's key; that key.

    Raises:
        SchemaMismatch: the database is newer than this version of Stepfarm; nothing was changed.
    """
    home = settings.orchestrator_home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartFailed(
            f"The state directory {home} cannot be made: {error.strerror}.",
            "Set STEPFARM_HOME to one you may write to.",
        ) from None
    database = Database(database_url(settings))
    try:
        schema.upgrade(database)
        return _operator_key(settings, database, clock)
    finally:
        database.close()


def _operator_key(settings: Settings, database: Database, clock: Clock) -> str:
    key = keys.read_operator_key(settings.orchestrator_home)
    if key is None:
        key = keys.new_operator_key()
        keys.write_operator_key(settings.orchestrator_home, key)
    with database.write() as session:
        if not devices.is_key(session, key):
            devices.add_key(session, key, Role.OPERATOR, "operator", now_ms=clock.epoch_ms())
    return key


class Orchestrator:
    """The running orchestrator: what the API serves. Use it as a context, which starts and stops its chores.

    Args:
        analyser: what turns the readings of a curve into steps; the analysis itself, or the same as a Ray task.
        clock: the time that leases and codes go by.
        rng: where jitter comes from.
    """

    def __init__(
        self, settings: Settings, analyser: Analyser, *, clock: Clock | None = None, rng: random.Random | None = None
    ) -> None:
        self.clock = clock or SystemClock()
        self.database = Database(database_url(settings))
        job_ended = threading.Event()
        self.dispatch = Dispatch(self.database, self.clock, rng or random.Random(), job_ended)  # noqa: S311  # jitter
        self.analyst = Analyst(self.database, self.clock, analyser)
        self._chores = Chores(self.dispatch, self.analyst, self.clock, job_ended)

    def __enter__(self) -> Orchestrator:
        """Start.

        Raises:
            SchemaMismatch: the database is not of this version.
        """
        try:
            schema.check(self.database)
        except BaseException:
            self.database.close()
            raise
        self._chores.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._chores.stop()
        self.database.close()
