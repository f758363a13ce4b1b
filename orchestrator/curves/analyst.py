"""Seals the curves of ended jobs and has them analysed, and again those that somebody wants analysed anew.

What is to do is read from the database each time, never from memory: killed at any moment, it goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from agent.clock import Clock
from agent.errors import StepfarmError
from orchestrator.analysis.steps import with_budget_used_up
from orchestrator.curves.analysing import Analyser, Given, Made
from orchestrator.storage import curves, reanalyses
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Curve

log = logging.getLogger(__name__)

AGAIN_MS = 60_000
"""How long a curve that broke the work on it is left alone: others must not wait for it."""

LOOK_AGAIN_S = 5.0
"""So often work that goes on for long is looked up anew: curves that were just measured go first."""

BROKE = "The analysis broke on it; the orchestrator's log has the place. Please report it."
UNREADABLE = "Its stored readings cannot be read; the orchestrator's log says what is wrong with them."


class Analyst:
    """Writes what an ``analyser`` makes of the readings."""

    def __init__(self, database: Database, clock: Clock, analyser: Analyser) -> None:
        self._database = database
        self._clock = clock
        self._analyser = analyser
        self._not_before_ms: dict[int, int] = {}
        self._in_hand: set[int] = set()

    def work(self, going: Callable[[], bool] = lambda: True) -> int:
        """Seal and analyse all that waits for it; how many curves were analysed.

        No further curve is begun once ``going`` says no. What is then left waits for the next call.
        """
        self._in_hand.clear()
        return sum(self._keep(made) for made in self._analyser(self._given(going)))

    def _waiting(self) -> list[int]:
        """Each curve once that waits and is not in hand; what nobody has seen a result of goes first."""
        with self._database.read() as session:
            loose = curves.to_seal(session)
        for curve_id in self._not_left_alone(loose):
            self._seal(curve_id)
        with self._database.read() as session:
            new = curves.to_analyse(session)
            anew = reanalyses.waiting(session)
        return [one for one in dict.fromkeys([*self._not_left_alone(new), *anew]) if one not in self._in_hand]

    def _not_left_alone(self, curve_ids: Sequence[int]) -> list[int]:
        now_ms = self._clock.epoch_ms()
        return [curve_id for curve_id in curve_ids if now_ms >= self._not_before_ms.get(curve_id, 0)]

    def _seal(self, curve_id: int) -> None:
        try:
            with self._database.write() as session:
                curves.seal(session, session.get_one(Curve, curve_id), now_ms=self._clock.epoch_ms())
        except StepfarmError:
            raise
        except Exception as error:  # noqa: BLE001  # one damaged curve must not keep the others waiting
            self._leave_alone(curve_id, error)

    def _given(self, going: Callable[[], bool]) -> Iterator[Given]:
        while waiting := self._waiting():
            look_again_ns = self._clock.monotonic_ns() + round(LOOK_AGAIN_S * 1e9)
            for curve_id in waiting:
                if not going():
                    return
                if self._clock.monotonic_ns() > look_again_ns:
                    break
                self._in_hand.add(curve_id)
                try:
                    given = self._read(curve_id)
                except StepfarmError:
                    raise
                except Exception as error:  # noqa: BLE001  # as above
                    self._fail(curve_id, UNREADABLE, error)
                else:
                    if given is not None:
                        yield given

    def _read(self, curve_id: int) -> Given | None:
        with self._database.read() as session:
            curve = session.get_one(Curve, curve_id)
            if curve.blob_sha256 is None:
                return None
            # Of what the hash stands for, and nothing else: what came late is analysed once it is sealed.
            passes = curves.analysable(session, curve, curves.sealed_passes(curve))
            used_up = curves.budget_is_used_up(session, curve, passes)
            return Given(curve_id=curve_id, blob_sha256=curve.blob_sha256, passes=passes, used_up=used_up)

    def _keep(self, made: Made) -> bool:
        """Whether there is a result, now kept. No transaction is open while the analysis runs."""
        given = made.given
        self._in_hand.discard(given.curve_id)
        if isinstance(made.made, Exception):
            self._fail(given.curve_id, BROKE, made.made)
            return False
        analysis = made.made
        if given.used_up:
            analysis = replace(analysis, steps=with_budget_used_up(analysis.steps))
        now_ms = self._clock.epoch_ms()
        with self._database.write() as session:
            # New readings meanwhile have another hash, and are analysed in their turn.
            curves.keep_analysis(session, given.curve_id, given.blob_sha256, analysis, now_ms=now_ms)
            reanalyses.done(session, given.curve_id)
        self._not_before_ms.pop(given.curve_id, None)
        return True

    def _fail(self, curve_id: int, failure: str, error: Exception) -> None:
        with self._database.write() as session:
            asked_for = reanalyses.failed(session, curve_id, failure, now_ms=self._clock.epoch_ms())
        if asked_for:
            log.error("curve %d cannot be analysed anew; its old result stands", curve_id, exc_info=error)
        else:
            self._leave_alone(curve_id, error)

    def _leave_alone(self, curve_id: int, error: Exception) -> None:
        log.error("curve %d cannot be worked on; again in a minute", curve_id, exc_info=error)
        self._not_before_ms[curve_id] = self._clock.epoch_ms() + AGAIN_MS
