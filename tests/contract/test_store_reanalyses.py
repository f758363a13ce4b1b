"""The store of what is to be analysed anew keeps its promises on either database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from orchestrator.analysis.analyse import METHOD, METHOD_VERSION, analyse
from orchestrator.curves.analysing import one_by_one
from orchestrator.curves.analyst import Analyst
from orchestrator.errors import BadRequest, NotFound
from orchestrator.storage import curve_queries, curves, imports, reanalyses
from orchestrator.storage.tables import AnalysisResult, Curve
from orchestrator.views import ReanalysisRequest, ReanalysisView
from tests.support.curve_files import a_curve_file
from tests.support.store import Store

NOW_MS = 1_770_000_000_000


@pytest.fixture
def three(store: Store) -> list[int]:
    """Three curves, the first of them with a result of an older version alone."""
    with store.database.write() as session:
        found = [imports.take(session, a_curve_file(device=name), now_ms=NOW_MS)[0] for name in ("a", "b", "c")]
    Analyst(store.database, store.clock, one_by_one(analyse)).work()
    with store.database.write() as session:
        old = sa.update(AnalysisResult).where(AnalysisResult.curve_id == found[0])
        session.execute(old.values(method_version=METHOD_VERSION - 1))
    return found


def ask(store: Store, *named: int, everything: bool = False) -> list[int]:
    """What waits once these, or everything, are asked for."""
    with store.database.write() as session:
        reanalyses.ask(session, ReanalysisRequest(curves=named, everything=everything), now_ms=NOW_MS)
        return reanalyses.waiting(session)


def fail(store: Store, curve: int) -> bool:
    with store.database.write() as session:
        return reanalyses.failed(session, curve, "it broke", now_ms=NOW_MS)


def finish(store: Store, curve: int) -> None:
    with store.database.write() as session:
        reanalyses.done(session, curve)


def standing(store: Store) -> ReanalysisView:
    with store.database.read() as session:
        return reanalyses.standing(session)


def add_result(store: Store, curve: int, version: int) -> None:
    """One more result of the curve, by another version of the method."""
    with store.database.write() as session:
        kept = session.scalars(sa.select(AnalysisResult).where(AnalysisResult.curve_id == curve)).one()
        session.add(
            AnalysisResult(
                curve_id=curve,
                method=METHOD,
                method_version=version,
                blob_sha256=kept.blob_sha256,
                computed_ms=NOW_MS,
                result={**kept.result, "method_version": version},
            )
        )


def shown_version(store: Store, curve: int) -> int:
    """The version of the method that made what people are shown."""
    with store.database.read() as session:
        view = curve_queries.curve(session, curve)
    assert view.sealed
    return view.analysis.method_version


def test_without_a_name_the_curves_with_an_older_versions_result_are_wanted(store: Store, three: list[int]) -> None:
    assert ask(store) == three[:1]


def test_a_named_curve_is_wanted_whatever_version_its_result_is_of(store: Store, three: list[int]) -> None:
    assert ask(store, three[2]) == three[2:]


def test_everything_is_every_curve(store: Store, three: list[int]) -> None:
    assert ask(store, everything=True) == three


def test_asked_for_twice_it_waits_once(store: Store, three: list[int]) -> None:
    ask(store, three[0])

    assert ask(store, three[0]) == three[:1]


def test_everything_asked_for_again_on_the_way_goes_on_with_the_rest(store: Store, three: list[int]) -> None:
    ask(store, everything=True)
    finish(store, three[0])
    fail(store, three[1])

    on_the_way = ask(store, everything=True)
    for curve in three[1:]:
        finish(store, curve)

    assert on_the_way == three[1:]
    assert ask(store, everything=True) == three


def test_everything_asked_for_while_named_curves_wait_is_every_curve(store: Store, three: list[int]) -> None:
    ask(store, three[1])

    assert ask(store, everything=True) == three


def test_a_curve_that_failed_waits_no_longer_until_it_is_asked_for_again(store: Store, three: list[int]) -> None:
    ask(store, three[1])

    assert fail(store, three[1])

    failed = standing(store)
    assert (failed.waiting, [(one.curve, one.failure) for one in failed.failures]) == (0, [(three[1], "it broke")])
    assert ask(store, three[1]) == [three[1]]
    assert standing(store).failures == ()


def test_a_failure_of_what_nobody_asked_for_is_not_noted(store: Store, three: list[int]) -> None:
    assert not fail(store, three[1])
    assert standing(store).failures == ()


def test_a_curve_that_is_not_there_is_refused_and_then_none_is_wanted(store: Store, three: list[int]) -> None:
    with pytest.raises(NotFound, match="no curve 99"):
        ask(store, three[0], 99)

    assert standing(store).waiting == 0


def test_a_curve_that_still_grows_is_refused(store: Store) -> None:
    device = store.enrol()
    store.sweep(device)
    curve = store.begin_curve(device, store.leased(device))

    with pytest.raises(BadRequest, match="still grows"):
        ask(store, curve)


def test_how_it_stands_counts_by_the_newest_result(store: Store, three: list[int]) -> None:
    ask(store, three[1])

    assert standing(store) == ReanalysisView(
        method=METHOD, method_version=METHOD_VERSION, current=2, outdated=1, waiting=1, failures=()
    )


def test_a_curve_with_an_older_versions_result_is_not_analysed_unasked(store: Store, three: list[int]) -> None:
    with store.database.read() as session:
        assert curves.to_analyse(session) == []
    with store.database.read() as session:
        assert curve_queries.curve(session, three[0]).sealed


def test_a_result_of_a_version_to_come_is_not_shown_and_a_curve_with_no_other_is_analysed(
    store: Store, three: list[int]
) -> None:
    add_result(store, three[1], METHOD_VERSION + 1)
    with store.database.write() as session:
        to_come = sa.update(AnalysisResult).where(AnalysisResult.curve_id == three[2])
        session.execute(to_come.values(method_version=METHOD_VERSION + 1))

    with store.database.read() as session:
        assert curves.to_analyse(session) == three[2:]
    assert shown_version(store, three[1]) == METHOD_VERSION


def test_a_result_that_is_no_longer_understood_gives_way_to_an_older_one(store: Store, three: list[int]) -> None:
    add_result(store, three[1], METHOD_VERSION - 1)
    with store.database.write() as session:
        newest = sa.update(AnalysisResult).where(
            AnalysisResult.curve_id == three[1], AnalysisResult.method_version == METHOD_VERSION
        )
        session.execute(newest.values(result={"in": "another form"}))

    assert shown_version(store, three[1]) == METHOD_VERSION - 1


def test_a_curve_of_this_versions_own_result_is_made_anew_in_its_place(store: Store, three: list[int]) -> None:
    with store.database.write() as session:
        row = session.get_one(Curve, three[1])
        assert row.blob_sha256 is not None
        analysis = analyse(curves.analysable(session, row, curves.sealed_passes(row)))
        curves.keep_analysis(session, three[1], row.blob_sha256, analysis, now_ms=NOW_MS + 1)

        kept = session.scalars(sa.select(AnalysisResult).where(AnalysisResult.curve_id == three[1])).one()
        assert kept.computed_ms == NOW_MS + 1
