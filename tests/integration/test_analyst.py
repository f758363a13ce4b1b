"""Ended jobs become analysed curves, once, whatever is killed on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.planning import Plan
from orchestrator.curves.analysing import one_by_one
from orchestrator.curves.analyst import AGAIN_MS, Analyst
from orchestrator.jobs.states import JobState
from orchestrator.storage import schema
from orchestrator.storage.database import Database
from orchestrator.storage.tables import AnalysisResult, Curve, Job
from tests.support.filling import begun, enrolled
from tests.support.processes import wait_until
from tests.support.serving import serving
from tests.support.store import Store, a_batch


class Killed(BaseException):
    """The process ends here."""


class CountedAnalyser:
    """The analysis itself, counting what it was given; ``wrong`` is raised instead where it is set."""

    def __init__(self) -> None:
        self.given: list[int] = []
        self.wrong: BaseException | None = None

    def __call__(self, passes: Sequence[PassReadings]) -> Analysis:
        self.given.append(len(passes))
        if self.wrong is not None:
            raise self.wrong
        return analyse(passes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database = Database(f"sqlite:///{tmp_path / 'stepfarm.db'}")
    schema.upgrade(database)
    yield Store(database)
    database.close()


@pytest.fixture
def analyser() -> CountedAnalyser:
    return CountedAnalyser()


def measured(store: Store, name: str = "board") -> tuple[int, int, int]:
    """The device, job and curve of a finished job with one pass."""
    device = store.enrol(name)
    store.sweep(device)
    leased = store.leased(device)
    curve = store.begin_curve(device, leased)
    store.take_in(device, leased.job_id, a_batch())
    store.finish(device, leased)
    return device, leased.job_id, curve


def analyses(store: Store) -> list[tuple[int, str]]:
    with store.database.read() as session:
        rows = session.execute(
            sa.select(AnalysisResult.curve_id, AnalysisResult.blob_sha256).order_by(AnalysisResult.id)
        )
        return [(curve, content) for curve, content in rows]


def test_an_ended_job_is_sealed_and_analysed_exactly_once(store: Store, analyser: CountedAnalyser) -> None:
    _, _, curve = measured(store)
    analyst = Analyst(store.database, store.clock, one_by_one(analyser))

    done = [analyst.work() for _ in range(3)]

    assert (done, analyser.given) == ([1, 0, 0], [1])
    assert analyses(store) == [(curve, store.curve(curve).blob_sha256)]


def test_a_job_that_runs_is_left_alone(store: Store, analyser: CountedAnalyser) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)
    curve = store.begin_curve(device, leased)
    store.take_in(device, leased.job_id, a_batch())

    assert Analyst(store.database, store.clock, one_by_one(analyser)).work() == 0
    assert store.curve(curve).blob is None


def test_killed_between_sealing_and_analysis_it_goes_on(store: Store, analyser: CountedAnalyser) -> None:
    _, _, curve = measured(store)
    analyser.wrong = Killed()
    with pytest.raises(Killed):
        Analyst(store.database, store.clock, one_by_one(analyser)).work()
    sealed = store.curve(curve).blob_sha256
    analyser.wrong = None

    Analyst(store.database, store.clock, one_by_one(analyser)).work()

    assert sealed is not None
    assert analyses(store) == [(curve, sealed)]


def test_readings_that_come_late_are_sealed_and_analysed_again(store: Store, analyser: CountedAnalyser) -> None:
    device, job_id, curve = measured(store)
    analyst = Analyst(store.database, store.clock, one_by_one(analyser))
    analyst.work()

    store.take_in(device, job_id, a_batch(number=1))
    analyst.work()

    assert analyser.given == [1, 2]
    assert [row for row, _ in analyses(store)] == [curve, curve]
    assert analyses(store)[-1][1] == store.curve(curve).blob_sha256


def test_an_analysis_rests_on_sealed_readings_alone(store: Store, analyser: CountedAnalyser) -> None:
    device, job_id, curve = measured(store)
    store.seal(curve)
    # Late readings, in the moment between sealing and analysis.
    store.take_in(device, job_id, a_batch(number=1))

    given = Analyst(store.database, store.clock, one_by_one(analyser))._read(curve)

    assert given is not None
    assert len(given.passes) == 1


def test_a_damaged_curve_does_not_keep_the_others_waiting(store: Store, analyser: CountedAnalyser) -> None:
    _, _, damaged = measured(store, "one")
    _, _, good = measured(store, "two")
    store.seal(damaged)
    with store.database.write() as session:
        session.execute(sa.update(Curve).where(Curve.id == damaged).values(blob=b"rust"))
    analyst = Analyst(store.database, store.clock, one_by_one(analyser))

    assert analyst.work() == 1
    assert [curve for curve, _ in analyses(store)] == [good]


def test_a_curve_that_breaks_the_analysis_is_tried_again_after_a_while(store: Store, analyser: CountedAnalyser) -> None:
    measured(store)
    analyst = Analyst(store.database, store.clock, one_by_one(analyser))
    analyser.wrong = ZeroDivisionError()
    analyst.work()
    analyser.wrong = None

    store.clock.move(AGAIN_MS - 1)
    too_early = analyst.work()
    store.clock.move(1)

    assert (too_early, analyst.work()) == (0, 1)


def test_the_running_orchestrator_analyses_and_takes_back_expired_leases_by_itself(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        device = enrolled(served.url, served.client, "board")
        begun(
            device, served.client, plan=Plan(exhaustive=True, confirm=False, passes=1, min_tokens=190, stride=4)
        ).finish()
        lost = begun(
            device,
            served.client,
            batch_size=4,
            plan=Plan(exhaustive=True, confirm=False, passes=1, min_tokens=190, stride=4),
        )
        with served.orchestrator.database.write() as session:
            session.execute(sa.update(Job).where(Job.id == lost.job_id).values(lease_until_ms=1))

        wait_until(lambda: served.client.sweeps()[0].jobs[0].state is JobState.QUEUED, what="it is queued", seconds=10)
