"""The store of readings, curves and analyses keeps its promises on either database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from agent.wire.conditions import Doubt, DoubtReason
from agent.wire.jobs import Round, Subject
from agent.wire.readings import Batch
from orchestrator.analysis.analyse import METHOD_VERSION, analyse
from orchestrator.curves import blob
from orchestrator.curves.blob import StoredPass
from orchestrator.errors import BadRequest, Conflict, NotFound
from orchestrator.storage import curve_queries, curves, jobs, sweep_queries
from orchestrator.storage.jobs import LeasedJob
from orchestrator.storage.tables import AnalysisResult, Curve, Job, Pass, ReadingBatch
from tests.support.store import FACTS, LEASE_MS, ROUND, Store, a_batch


class Measured:
    """A device that holds a job whose first round is asked for."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.device = store.enrol()
        store.sweep(self.device)
        self.leased: LeasedJob = store.leased(self.device)
        self.curve = store.begin_curve(self.device, self.leased)

    def post(self, batch: Batch) -> int:
        return self.store.take_in(self.device, self.leased.job_id, batch)

    def ask(self, round_: Round) -> None:
        with self.store.database.write() as session:
            jobs.add_round(session, session.get_one(Job, self.leased.job_id), round_, now_ms=0)

    def finish(self) -> None:
        self.store.finish(self.device, self.leased)

    def stored(self) -> bytes:
        """All readings of the curve as they are kept now."""
        with self.store.database.read() as session:
            return blob.pack(curves.passes_of(session, session.get_one(Curve, self.curve)))

    def rows(self) -> tuple[int, int]:
        """How many passes and loose batches there are."""
        with self.store.database.read() as session:
            return (
                session.scalar(sa.select(sa.func.count()).select_from(Pass)) or 0,
                session.scalar(sa.select(sa.func.count()).select_from(ReadingBatch)) or 0,
            )


@pytest.fixture
def measured(store: Store) -> Measured:
    return Measured(store)


def test_a_batch_is_kept_with_every_reading_rejected_ones_too(measured: Measured) -> None:
    batch = a_batch()

    assert measured.post(batch) == 3

    assert measured.stored() == blob.pack([StoredPass.of(batch)])
    curve = measured.store.curve(measured.curve)
    assert (curve.readings, curve.accepted) == (3, 2)


def test_the_same_batch_counts_once_however_often_it_comes(measured: Measured) -> None:
    answers = [measured.post(a_batch()) for _ in range(3)]

    assert answers == [3, 3, 3]
    assert measured.rows() == (1, 1)
    assert measured.store.curve(measured.curve).readings == 3


def test_the_same_batch_counts_once_when_it_comes_twice_at_once(measured: Measured) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: measured.post(a_batch()), range(4)))

    assert answers == [3, 3, 3, 3]
    assert measured.store.curve(measured.curve).readings == 3


def test_batches_that_come_at_once_are_all_counted(measured: Measured) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: measured.post(a_batch(number=number)), range(8)))

    assert measured.store.curve(measured.curve).readings == 24


def test_other_readings_under_the_same_key_are_refused_and_change_nothing(measured: Measured) -> None:
    measured.post(a_batch())
    before = measured.stored()

    with pytest.raises(Conflict):
        measured.post(a_batch(slower=1.5))

    assert measured.stored() == before
    assert measured.store.curve(measured.curve).readings == 3


def test_other_readings_under_the_same_key_are_refused_after_sealing_too(measured: Measured) -> None:
    measured.post(a_batch())
    measured.finish()
    measured.store.seal(measured.curve)

    measured.post(a_batch())
    with pytest.raises(Conflict):
        measured.post(a_batch(slower=1.5))

    assert measured.rows() == (1, 0)


def test_readings_of_another_device_are_refused(measured: Measured) -> None:
    stranger = measured.store.enrol("stranger")

    with pytest.raises(NotFound):
        measured.store.take_in(stranger, measured.leased.job_id, a_batch())

    assert measured.rows() == (0, 0)


def test_readings_of_an_attempt_that_never_was_are_refused(measured: Measured) -> None:
    with pytest.raises(NotFound):
        measured.post(a_batch(fence=2))


def test_readings_before_the_first_round_are_refused(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    leased = store.leased(device)

    with pytest.raises(NotFound, match="no curve"):
        store.take_in(device, leased.job_id, a_batch())


def test_readings_of_a_round_that_was_never_asked_for_are_refused(measured: Measured) -> None:
    with pytest.raises(BadRequest):
        measured.post(a_batch(round_=1))


def test_readings_at_a_count_that_was_never_asked_for_are_refused(measured: Measured) -> None:
    batch = a_batch()
    strange = replace(batch, readings=tuple(replace(one, tokens=5) for one in batch.readings))

    with pytest.raises(BadRequest, match="5 tokens"):
        measured.post(strange)


def of_blocks(batch: Batch, blocks: int = FACTS.blocks) -> Batch:
    readings = tuple(replace(one, blocks_ns=(one.latency_ns // (blocks + 1),) * blocks) for one in batch.readings)
    return replace(batch, readings=readings)


def test_times_of_blocks_are_kept_beside_the_curve_and_shown_with_their_pass(measured: Measured) -> None:
    measured.ask(replace(ROUND, number=1, subject=Subject.BLOCKS))
    timed = of_blocks(a_batch(round_=1))
    measured.post(a_batch())
    measured.post(timed)
    with measured.store.database.read() as session:
        _, shown = curve_queries.readings(session, measured.curve).passes
    assert shown.blocks_ns == tuple(one.blocks_ns for one in timed.readings)
    measured.finish()

    measured.store.seal(measured.curve)

    curve = measured.store.curve(measured.curve)
    assert curve.blob == blob.pack([StoredPass.of(a_batch()), StoredPass.of(timed)])
    assert curve.format == 2
    with measured.store.database.read() as session:
        passes = curves.analysable(session, curve, curves.sealed_passes(curve))
    assert [one.subject for one in passes] == [Subject.MODEL, Subject.BLOCKS]
    assert analyse(passes).curve == analyse(passes[:1]).curve


def test_readings_of_another_subject_than_was_asked_for_are_refused(measured: Measured) -> None:
    with pytest.raises(BadRequest, match="subject model: its readings hold the times of 0 blocks"):
        measured.post(of_blocks(a_batch()))
    measured.ask(replace(ROUND, number=1, subject=Subject.BLOCKS))
    with pytest.raises(BadRequest, match=f"the times of {FACTS.blocks} blocks, not of 0"):
        measured.post(a_batch(round_=1))
    with pytest.raises(BadRequest, match=f"the times of {FACTS.blocks} blocks, not of 1"):
        measured.post(of_blocks(a_batch(round_=1), blocks=1))


def test_readings_are_taken_after_their_lease_has_lapsed(measured: Measured) -> None:
    store = measured.store
    store.clock.move(LEASE_MS + 1)
    store.expire()
    store.clock.move(LEASE_MS)
    second = store.leased(measured.device, "second")

    measured.post(a_batch(fence=1))
    measured.post(a_batch(fence=second.fence))

    assert measured.rows() == (2, 2)


def test_whole_passes_of_a_round_are_counted_over_all_attempts(measured: Measured) -> None:
    measured.post(a_batch(number=0))
    measured.post(a_batch(number=1))
    second = measured.store.leased(measured.device, "second")
    measured.post(a_batch(fence=second.fence, number=2))

    with measured.store.database.read() as session:
        assert curves.complete_passes(session, measured.leased.job_id, 0) == 3
        assert curves.complete_passes(session, measured.leased.job_id, 1) == 0


def test_a_sealed_curve_holds_the_same_readings_bit_for_bit(measured: Measured) -> None:
    for number in (2, 0, 1):
        measured.post(a_batch(number=number))
    before = measured.stored()
    measured.finish()

    measured.store.seal(measured.curve)

    curve = measured.store.curve(measured.curve)
    assert curve.blob == before == measured.stored()
    assert curve.blob_sha256 == blob.sha256(before)
    assert measured.rows() == (3, 0)


def test_only_ended_jobs_with_loose_readings_are_to_be_sealed(measured: Measured) -> None:
    def to_seal() -> list[int]:
        with measured.store.database.read() as session:
            return curves.to_seal(session)

    measured.post(a_batch())
    running = to_seal()
    measured.finish()
    ended = to_seal()
    measured.store.seal(measured.curve)

    assert (running, ended, to_seal()) == ([], [measured.curve], [])


def test_a_curve_without_a_reading_is_never_sealed(measured: Measured) -> None:
    measured.finish()

    measured.store.seal(measured.curve)

    assert measured.store.curve(measured.curve).blob is None


def test_a_batch_that_comes_after_sealing_is_kept_and_sealed_in_its_turn(measured: Measured) -> None:
    measured.post(a_batch(number=0))
    measured.finish()
    measured.store.seal(measured.curve)
    first = measured.store.curve(measured.curve).blob_sha256

    measured.post(a_batch(number=1))
    between = measured.stored()
    measured.store.seal(measured.curve)

    curve = measured.store.curve(measured.curve)
    assert curve.blob == between == blob.pack([StoredPass.of(a_batch(number=n)) for n in (0, 1)])
    assert curve.blob_sha256 != first
    assert (curve.readings, measured.rows()) == (6, (2, 0))


def test_no_reading_is_lost_between_posting_and_sealing_at_once(measured: Measured) -> None:
    measured.post(a_batch(number=0))
    measured.finish()

    def work(number: int) -> None:
        if number % 3 == 0:
            measured.store.seal(measured.curve)
        else:
            measured.post(a_batch(number=number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(12)))
    measured.store.seal(measured.curve)

    posted = [StoredPass.of(a_batch(number=number)) for number in range(12) if number == 0 or number % 3]
    assert measured.store.curve(measured.curve).blob == blob.pack(posted)


def test_the_analysis_sees_what_the_device_doubted(measured: Measured) -> None:
    doubt = Doubt(reason=DoubtReason.THROTTLED, evidence="the throttle flag was set")
    measured.post(a_batch(doubts=(doubt,)))

    with measured.store.database.read() as session:
        curve = session.get_one(Curve, measured.curve)
        (one,) = curves.analysable(session, curve, curves.passes_of(session, curve))

    assert one.doubts == (doubt,)
    assert one.accepted.tolist() == [True, False, True]
    assert one.tokens.dtype == np.int64


def test_an_analysis_is_kept_once_for_each_version_and_each_content(measured: Measured) -> None:
    store = measured.store
    measured.post(a_batch())
    measured.finish()

    def analysed() -> tuple[list[int], list[tuple[int, str]]]:
        store.seal(measured.curve)
        with store.database.write() as session:
            curve = session.get_one(Curve, measured.curve)
            assert curve.blob_sha256 is not None
            analysis = analyse(curves.analysable(session, curve, curves.sealed_passes(curve)))
            for _ in range(2):
                curves.keep_analysis(session, curve.id, curve.blob_sha256, analysis, now_ms=1)
            waiting = curves.to_analyse(session)
            rows = session.execute(
                sa.select(AnalysisResult.method_version, AnalysisResult.blob_sha256).order_by(AnalysisResult.id)
            )
            return waiting, [(version, content) for version, content in rows]

    waiting, kept = analysed()
    again = analysed()
    measured.post(a_batch(number=1))
    _, more = analysed()

    assert (waiting, again) == ([], ([], kept))
    assert [version for version, _ in more] == [METHOD_VERSION, METHOD_VERSION]
    assert len({content for _, content in more}) == 2


def test_a_kept_analysis_comes_back_as_it_was(measured: Measured) -> None:
    for number in range(5):
        measured.post(a_batch(number=number))
    measured.finish()
    measured.store.seal(measured.curve)

    with measured.store.database.write() as session:
        curve = session.get_one(Curve, measured.curve)
        assert curve.blob_sha256 is not None
        analysis = analyse(curves.analysable(session, curve, curves.sealed_passes(curve)))
        curves.keep_analysis(session, curve.id, curve.blob_sha256, analysis, now_ms=1)

    with measured.store.database.read() as session:
        view = curve_queries.curve(session, measured.curve)
    assert view.sealed
    assert view.analysis == analysis


def test_people_see_every_reading_with_its_conditions(measured: Measured) -> None:
    batch = a_batch()
    measured.post(batch)

    with measured.store.database.read() as session:
        (view,) = curve_queries.readings(session, measured.curve).passes

    assert view.latency_ns == tuple(one.latency_ns for one in batch.readings)
    assert view.rejected == ("", "waited", "")
    assert (view.before, view.after) == (batch.before, batch.after)


def test_progress_is_counted_from_stored_passes(measured: Measured) -> None:
    measured.post(a_batch(number=0))
    measured.post(a_batch(number=1))

    with measured.store.database.read() as session:
        (sweep,) = sweep_queries.newest_sweeps(session, newest=10, now_ms=measured.store.clock.epoch_ms())

    progress = sweep.jobs[0].progress
    assert progress is not None
    assert (progress.round, progress.passes_done, progress.passes_planned) == (0, 2, 5)
    assert sweep.jobs[0].curve_id == measured.curve
