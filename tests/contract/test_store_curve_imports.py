"""The store of imported curves keeps its promises on either database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.conditions import Doubt, DoubtReason
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import Workload
from orchestrator.analysis.analyse import analyse
from orchestrator.curves import blob
from orchestrator.curves.analysing import one_by_one
from orchestrator.curves.analyst import Analyst
from orchestrator.curves.blob import StoredPass
from orchestrator.curves.file import CurveFile, view_of
from orchestrator.errors import BadRequest, NotFound
from orchestrator.jobs.states import JobState
from orchestrator.storage import curve_queries, imports
from orchestrator.storage.curve_queries import Wanted
from orchestrator.storage.tables import Curve, Device, Job, Pass, ReadingBatch, Sweep
from tests.support.curve_files import a_curve_file
from tests.support.store import COUNTS, FACTS, ROUND, Store, a_batch, a_description

NOW_MS = 1_770_000_000_000
DOUBT = Doubt(reason=DoubtReason.THROTTLED, evidence="the throttle flag was set")
BATCHES = (
    a_batch(number=0, doubts=(DOUBT,)),
    a_batch(number=1, doubts=(DOUBT,)),
    a_batch(fence=2, number=2),
    a_batch(fence=2, round_=1),
)


def a_file(*, device: str = "orin", kind: DeviceKind = DeviceKind.JETSON, model: str = "deit") -> CurveFile:
    return a_curve_file(
        device=device, device_kind=kind, model=model, facts=FACTS, passes=tuple(view_of(one, ROUND) for one in BATCHES)
    )


def take(store: Store, file: CurveFile) -> tuple[int, bool]:
    with store.database.write() as session:
        return imports.take(session, file, now_ms=NOW_MS)


def rows(session: Session, *tables: type) -> list[int]:
    return [session.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables]


def analysed(store: Store) -> int:
    return Analyst(store.database, store.clock, one_by_one(analyse)).work()


def measured_curve(store: Store) -> int:
    device = store.enrol()
    store.sweep(device, models=("deit",))
    leased = store.leased(device)
    curve = store.begin_curve(device, leased)
    store.take_in(device, leased.job_id, a_batch())
    store.finish(device, leased)
    return curve


def test_an_imported_curve_has_the_readings_of_the_file_bit_for_bit(store: Store) -> None:
    number, known = take(store, a_file())

    ordered = sorted(BATCHES, key=lambda batch: (batch.round, batch.fence, batch.number))
    row = store.curve(number)
    assert not known
    assert row.blob == blob.pack([StoredPass.of(batch) for batch in ordered])
    assert row.blob_sha256 == blob.sha256(row.blob)
    assert (row.readings, row.accepted) == (12, 8)


def test_the_order_of_passes_in_a_file_does_not_matter(store: Store) -> None:
    file = a_file()

    number, _ = take(store, file)

    assert take(store, replace(file, passes=file.passes[::-1])) == (number, True)


def test_an_import_adds_nothing_to_fleet_sweeps_and_jobs(store: Store) -> None:
    take(store, a_file())

    with store.database.read() as session:
        assert rows(session, Device, Sweep, Job, Pass, ReadingBatch, Curve) == [0, 0, 0, 0, 0, 1]


def test_the_same_file_twice_is_one_curve(store: Store) -> None:
    first = take(store, a_file())
    again = take(store, replace(a_file(), source="from elsewhere", created_ms=1))

    assert (first[1], again) == (False, (first[0], True))
    with store.database.read() as session:
        assert rows(session, Curve) == [1]


def test_the_same_file_many_times_at_once_is_one_curve(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: take(store, a_file()), range(4)))

    assert len({number for number, _ in taken}) == 1
    assert sorted(known for _, known in taken) == [False, True, True, True]


@pytest.mark.parametrize(
    "other",
    [
        {"device": "xavier"},
        {"device_kind": DeviceKind.SIMULATED},
        {"model": "vit"},
        {"workload": Workload(batch_size=8)},
        {"facts": replace(FACTS, threads=2)},
    ],
)
def test_the_same_readings_of_something_else_are_another_curve(store: Store, other: dict[str, object]) -> None:
    first, _ = take(store, a_file())

    second, known = take(store, replace(a_file(), **other))  # type: ignore[arg-type]

    assert not known
    assert second != first


def test_the_file_of_a_curve_that_was_measured_here_is_that_curve(store: Store) -> None:
    curve = measured_curve(store)
    store.seal(curve)
    with store.database.read() as session:
        file = curve_queries.file(session, curve)

    assert take(store, file) == (curve, True)


def test_an_imported_curve_is_analysed_like_any_other_with_what_its_device_doubted(store: Store) -> None:
    number, _ = take(store, a_file())

    assert analysed(store) == 1
    assert analysed(store) == 0

    with store.database.read() as session:
        view = curve_queries.curve(session, number)
    assert view.sealed
    assert view.tokens.tolist() == [2, 17]
    assert "in 2 of 4 passes: the throttle flag was set" in {doubt.evidence for doubt in view.doubts}


def test_an_imported_curve_can_be_seen_before_it_is_analysed(store: Store) -> None:
    number, _ = take(store, a_file())

    with store.database.read() as session:
        view = curve_queries.curve(session, number)

    assert not view.sealed
    assert view.tokens.tolist() == [2, 17]


def test_an_imported_curve_says_what_the_file_says_and_that_it_has_no_job_here(store: Store) -> None:
    number, _ = take(store, a_file())

    with store.database.read() as session:
        summary = curve_queries.summary(session, number)

    assert (summary.id, summary.job_id, summary.sweep_id, summary.job_state) == (number, None, None, JobState.DONE)
    assert (summary.imported_ms, summary.imported, summary.simulated) == (NOW_MS, True, False)
    assert (summary.device, summary.device_kind, summary.model) == ("orin", DeviceKind.JETSON, "deit")
    assert (summary.workload, summary.facts) == (Workload(batch_size=4), FACTS)
    assert summary.source == "stepfarm 0.1.0, measured alone"
    assert summary.created_ms == 1_760_000_000_000


def test_measured_and_imported_curves_are_listed_together_newest_first(store: Store) -> None:
    imported, _ = take(store, a_file())
    measured = measured_curve(store)
    later, _ = take(store, a_file(device="xavier"))

    with store.database.read() as session:
        listed = curve_queries.summaries(session, newest=10)
        newest = curve_queries.summaries(session, newest=2)

    assert [one.id for one in listed] == [later, measured, imported]
    assert [one.imported for one in listed] == [True, False, True]
    assert newest == listed[:2]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), {"orin", "sim", "board"}),
        (Wanted(device="orin"), {"orin"}),
        (Wanted(device="board"), {"board"}),
        (Wanted(model="deit"), {"orin", "board"}),
        (Wanted(simulated=True), {"sim"}),
        (Wanted(simulated=False), {"orin", "board"}),
        (Wanted(device="board", model="vit"), set()),
        (Wanted(device="nobody"), set()),
    ],
)
def test_a_list_shows_what_is_wanted_measured_or_imported(store: Store, wanted: Wanted, found: set[str]) -> None:
    take(store, a_file())
    take(store, a_file(device="sim", kind=DeviceKind.SIMULATED, model="vit"))
    measured_curve(store)

    with store.database.read() as session:
        listed = curve_queries.summaries(session, newest=10, wanted=wanted)

    assert {one.device for one in listed} == found


def test_the_file_of_an_imported_curve_is_the_file_that_was_imported(store: Store) -> None:
    file = a_file()
    number, _ = take(store, file)

    with store.database.read() as session:
        again = curve_queries.file(session, number)

    assert again.origin is not None
    assert (again.origin.curve_id, again.origin.job_id, again.origin.sweep_id) == (number, None, None)
    ordered = tuple(sorted(file.passes, key=lambda one: (one.round, one.fence, one.number)))
    assert replace(again, origin=None, analysis=None) == replace(file, passes=ordered)


def test_the_file_of_a_measured_curve_says_which_job_and_device_it_is_of(store: Store) -> None:
    curve = measured_curve(store)

    with store.database.read() as session:
        file = curve_queries.file(session, curve)

    assert file.origin is not None
    assert (file.origin.curve_id, file.origin.job_id, file.origin.job_state) == (curve, 1, JobState.DONE)
    assert (file.device, file.description, file.facts) == ("board", a_description(), FACTS)
    assert [one.tokens for one in file.passes] == [COUNTS]
    assert file.analysis is not None


def test_a_curve_without_a_reading_makes_no_file(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    curve = store.begin_curve(device, store.leased(device))

    with store.database.read() as session, pytest.raises(BadRequest, match="no reading yet"):
        curve_queries.file(session, curve)


def test_what_is_not_there_is_told_as_that(store: Store) -> None:
    for look in (curve_queries.summary, curve_queries.curve, curve_queries.readings, curve_queries.file):
        with store.database.read() as session, pytest.raises(NotFound, match="no curve 7"):
            look(session, 7)


def test_readings_of_an_imported_curve_come_with_the_conditions_of_the_file(store: Store) -> None:
    number, _ = take(store, a_file())

    with store.database.read() as session:
        passes = curve_queries.readings(session, number).passes

    ordered = sorted(BATCHES, key=lambda batch: (batch.round, batch.fence, batch.number))
    assert {one.before for one in passes} == {batch.before for batch in BATCHES}
    assert [one.doubts for one in passes] == [batch.doubts for batch in ordered]
