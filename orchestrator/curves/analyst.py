"""Seals the curves of ended jobs and has them analysed.

What is to do is read from the database each time, never from memory: killed at any moment, it goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.clock import Clock
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.passes import PassReadings
from orchestrator.storage import curves
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Curve

Analyser = Callable[[Sequence[PassReadings]], Analysis]
"""Passes in, analysis out: `orchestrator.analysis.analyse.analyse` itself, or the same as a Ray task."""


class Analyst:
    """Writes what an ``analyser`` makes of the readings."""

    def __init__(self, database: Database, clock: Clock, analyser: Analyser) -> None:
        self._database = database
        self._clock = clock
        self._analyser = analyser

    def work(self) -> int:
        """Seal and analyse all that waits for it; how many curves were analysed."""
        with self._database.write() as session:
            for curve in curves.to_seal(session):
                curves.seal(session, curve, now_ms=self._clock.epoch_ms())
        with self._database.read() as session:
            waiting = curves.to_analyse(session)
        for curve_id in waiting:
            self._analyse(curve_id)
        return len(waiting)

    def _analyse(self, curve_id: int) -> None:
        with self._database.read() as session:
            curve = session.get_one(Curve, curve_id)
            blob_sha256 = curve.blob_sha256
            passes = curves.analysable(session, curve)
        if blob_sha256 is None:
            return
        # No transaction is open while the analysis runs; new readings meanwhile have another hash.
        analysis = self._analyser(passes)
        with self._database.write() as session:
            curves.keep_analysis(session, curve_id, blob_sha256, analysis, now_ms=self._clock.epoch_ms())
