"""Seals the curves of ended jobs and has them analysed.

What is to do is read from the database each time, never from memory: killed at any moment, it goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.clock import Clock
from agent.errors import StepfarmError
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.steps import with_budget_used_up
from orchestrator.storage import curves
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Curve

log = logging.getLogger(__name__)

Analyser = Callable[[Sequence[PassReadings]], Analysis]
"""Passes in, analysis out: `orchestrator.analysis.analyse.analyse` itself, or the same as a Ray task."""


AGAIN_MS = 60_000
"""How long a curve that broke the work on it is left alone: others must not wait for it."""


class Analyst:
    """Writes what an ``analyser`` makes of the readings."""

    def __init__(self, database: Database, clock: Clock, analyser: Analyser) -> None:
        self._database = database
        self._clock = clock
        self._analyser = analyser
        self._not_before_ms: dict[int, int] = {}

    def work(self) -> int:
        """Seal and analyse all that waits for it; how many curves were analysed."""
        with self._database.read() as session:
            loose = curves.to_seal(session)
        for curve_id in loose:
            self._guarded(self._seal, curve_id)
        with self._database.read() as session:
            waiting = curves.to_analyse(session)
        return sum(self._guarded(self._analyse, curve_id) for curve_id in waiting)

    def _guarded(self, work: Callable[[int], None], curve_id: int) -> bool:
        """Whether ``work`` on the curve was done. One damaged curve must not keep the others waiting."""
        now_ms = self._clock.epoch_ms()
        if now_ms < self._not_before_ms.get(curve_id, 0):
            return False
        try:
            work(curve_id)
        except StepfarmError:
            raise
        except Exception:
            log.exception("curve %d cannot be worked on; again in a minute", curve_id)
            self._not_before_ms[curve_id] = now_ms + AGAIN_MS
            return False
        self._not_before_ms.pop(curve_id, None)
        return True

    def _seal(self, curve_id: int) -> None:
        with self._database.write() as session:
            curves.seal(session, session.get_one(Curve, curve_id), now_ms=self._clock.epoch_ms())

    def _analyse(self, curve_id: int) -> None:
        with self._database.read() as session:
            curve = session.get_one(Curve, curve_id)
            blob_sha256 = curve.blob_sha256
            # Of what the hash stands for, and nothing else: what came late is analysed once it is sealed.
            passes = curves.analysable(session, curve, curves.sealed_passes(curve))
            used_up = curves.budget_is_used_up(session, curve, passes)
        if blob_sha256 is None:
            return
        # No transaction is open while the analysis runs; new readings meanwhile have another hash.
        analysis = self._analyser(passes)
        if used_up:
            analysis = replace(analysis, steps=with_budget_used_up(analysis.steps))
        with self._database.write() as session:
            curves.keep_analysis(session, curve_id, blob_sha256, analysis, now_ms=self._clock.epoch_ms())
