"""Where the parts of the orchestrator are put together; with ``cli.py`` the only place that makes a clock."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from types import TracebackType
from urllib.parse import quote

from agent.clock import Clock, SystemClock
from agent.config import Settings
from agent.errors import StepfarmError
from agent.vit.exporting import export_apart
from orchestrator import keys
from orchestrator.chores import OVERDUE_S, Chore
from orchestrator.curves.analysing import Analyser
from orchestrator.curves.analyst import Analyst
from orchestrator.errors import DatabaseAway, StartFailed
from orchestrator.exports import Exporter, Exports
from orchestrator.jobs.dispatch import Dispatch, LeaseTimes
from orchestrator.jobs.trial_dispatch import TrialDispatch
from orchestrator.roles import Role
from orchestrator.storage import operator_key, schema
from orchestrator.storage.database import Database
from orchestrator.storage.database_clock import DatabaseClock
from orchestrator.storage.writer import Writer, writing

log = logging.getLogger(__name__)

AT_ONCE_S = 2.0
"""How long a command waits for the right to write: as long as a process that was killed needs to be gone."""

SUCCESSION_S = 30.0
"""How long an API process waits for the one before it to be gone."""


def database_url(settings: Settings) -> str:
    """The database that the settings name: by default SQLite in the state directory."""
    return settings.database_url or f"sqlite:///{quote(str(settings.orchestrator_home / 'stepfarm.db'))}"


def prepare(settings: Settings, clock: Clock, tell: Callable[[str], None] = log.info) -> str:
    """Make what a first start needs, keep what is there: directory, tables and the operator's key; that key.

    ``tell`` gets a line for people where a copy was made before the tables were changed.

    Raises:
        SchemaMismatch: the database is newer than this version of Stepfarm; nothing was changed.
        DatabaseTaken: another orchestrator writes to the database.
        DatabaseAway: the database does not answer.
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
        with writing(database, clock, wait_s=AT_ONCE_S):
            copy = schema.upgrade(database)
            if copy is not None:
                tell(f"The database as it was before this upgrade: {copy}. To go back: stepfarm db restore {copy}")
            return _operator_key(settings, database, clock)
    finally:
        database.close()


def _operator_key(settings: Settings, database: Database, clock: Clock) -> str:
    key = keys.read_operator_key(settings.orchestrator_home)
    with database.write() as session:
        if key is None or operator_key.is_revoked(session, key):
            # On disk before it is good: a key that nobody has would be one to revoke by hand.
            key = keys.new_key(Role.OPERATOR)
            keys.write_operator_key(settings.orchestrator_home, key)
        operator_key.make_good(session, key, now_ms=clock.epoch_ms())
    return key


class Orchestrator:
    """The running orchestrator: what the API serves. Use it as a context, which starts and stops its chores.

    Args:
        analyser: what turns the readings of curves into steps; the analysis itself, or the same as Ray tasks.
        exporter: what exports a model for devices without torch; by default a process of its own.
        clock: this machine's time. Leases and codes go by the database's where it has a clock of its own.
        rng: where jitter comes from.
        times: how long leases last, where it is not the usual time.
    """

    def __init__(
        self,
        settings: Settings,
        analyser: Analyser,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        times: LeaseTimes | None = None,
        exporter: Exporter = export_apart,
    ) -> None:
        self.device_url = settings.device_url
        self.home = settings.orchestrator_home
        self.database = Database(database_url(settings))
        self.clock = DatabaseClock(self.database, clock or SystemClock())
        self._writer = Writer(self.database, self.clock, on_taken=lambda: schema.check(self.database))
        self.database.guard_writes(self._writer.confirm)
        self._stopping = False
        self._work_waits = threading.Event()
        rng = rng or random.Random()  # noqa: S311  # jitter
        self.dispatch = Dispatch(self.database, self.clock, rng, self._work_waits, times)
        self.trials = TrialDispatch(self.database, self.clock, rng, self._work_waits)
        self.analyst = Analyst(self.database, self.clock, analyser)
        self.exports = Exports(self.database, self.clock, settings.orchestrator_home / "exports", exporter)
        self._reaper = Chore("reaper", self._reap, self.clock, threading.Event())
        self._curves = Chore("analyst", self._analyse, self.clock, self._work_waits)

    def __enter__(self) -> Orchestrator:
        """Start. With a database that is away it starts too, says so to whoever asks, and works once it is back.

        Raises:
            SchemaMismatch: the database is not of this version.
            DatabaseTaken: another process writes to the database, and did not end in the time that one needs to.
        """
        try:
            self._writer.take(wait_s=SUCCESSION_S)
            self.clock.look()
        except DatabaseAway as away:
            log.warning("started while the database is away: %s", away)
        except BaseException as error:
            if isinstance(error, StepfarmError):
                log.error("not started: %s", error)  # noqa: TRY400  # it says all there is to say
            self._writer.release()
            self.database.close()
            raise
        self._reaper.start()
        self._curves.start()
        return self

    def _reap(self) -> None:
        self.clock.look()
        self.dispatch.expire()

    def _analyse(self) -> None:
        # Many curves may wait: no further one is begun once the orchestrator stops.
        self.analyst.work(going=lambda: not self._stopping)

    def wake_analyst(self) -> None:
        """Have what waits for an analysis looked at now, not at the analyst's next turn."""
        self._work_waits.set()

    def check_ready(self) -> None:
        """Return if this orchestrator can work: the database answers, is of this version, and is its to write.

        Raises:
            NotReady: a chore does not work.
            DatabaseAway: the database does not answer.
            DatabaseTaken: another orchestrator writes to it.
            SchemaMismatch: it is not of this version.
        """
        schema.check(self.database)
        self._writer.confirm()
        self._reaper.check_alive(overdue_s=OVERDUE_S)
        self._curves.check_alive()  # how long an analysis takes, nobody knows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._stopping = True
        self._reaper.stop()
        self._curves.stop()
        self._writer.release()
        self.database.close()
