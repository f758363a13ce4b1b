"""The time that leases and keys go by: the database's, so that a succession of servers agrees on it."""

from __future__ import annotations

import threading

import sqlalchemy as sa

from agent.clock import Clock
from orchestrator.storage.database import Database

NOW_MS = sa.text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")


class DatabaseClock:
    """The clock of a PostgreSQL server, looked at now and then, and carried on by this machine's monotonic clock.

    A server whose own clock is wrong, or is set while it runs, then neither ends leases early nor keeps them for years.
    On SQLite the database has no clock but this machine's.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._anchor: tuple[int, int] | None = None

    def look(self) -> None:
        """Look at the database's clock.

        Raises:
            DatabaseAway: it does not answer; the time goes on from the last look.
        """
        if self._database.is_sqlite:
            return
        asked_ns = self._clock.monotonic_ns()
        with self._database.read() as session:
            now_ms = session.scalar(NOW_MS)
        if now_ms is not None:
            self._anchor = ((asked_ns + self._clock.monotonic_ns()) // 2, int(now_ms))

    def monotonic_ns(self) -> int:
        """Nanoseconds of this machine's monotonic clock."""
        return self._clock.monotonic_ns()

    def epoch_ms(self) -> int:
        """Milliseconds since 1970 UTC, as the database believes; before the first look, as this machine does."""
        if self._anchor is None:
            return self._clock.epoch_ms()
        looked_ns, epoch_ms = self._anchor
        return epoch_ms + (self._clock.monotonic_ns() - looked_ns) // 1_000_000

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until ``stop`` is set or ``seconds`` have passed; whether it was set."""
        return self._clock.wait(stop, seconds)
