"""Old curves are analysed anew when somebody asks: once, whatever is killed, and no old result is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.analysis.analyse import METHOD_VERSION, Analysis, analyse
from orchestrator.analysis.passes import PassReadings
from orchestrator.curves.analysing import Analyser, Given, Made, one_by_one
from orchestrator.curves.analyst import LOOK_AGAIN_S, Analyst
from orchestrator.storage import curve_queries, imports, reanalyses, schema
from orchestrator.storage.database import Database
from orchestrator.storage.tables import AnalysisResult, Curve
from orchestrator.views import CurveView, ReanalysisRequest, ReanalysisView
from tests.support.curve_files import a_curve_file
from tests.support.store import Store

NOW_MS = 1_770_000_000_000


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database = Database(f"sqlite:///{tmp_path / 'stepfarm.db'}")
    schema.upgrade(database)
    yield Store(database)
    database.close()


def sealed(store: Store, name: str) -> int:
    """A curve that nobody has analysed."""
    with store.database.write() as session:
        return imports.take(session, a_curve_file(device=name), now_ms=NOW_MS)[0]


def outdated(store: Store, *names: str) -> list[int]:
    """Curves whose results an older version of the method made."""
    found = [sealed(store, name) for name in names]
    analyst(store).work()
    with store.database.write() as session:
        session.execute(sa.update(AnalysisResult).values(method_version=METHOD_VERSION - 1))
    return found


def analyst(store: Store, analyser: Analyser = one_by_one(analyse)) -> Analyst:  # noqa: B008  # it holds nothing
    return Analyst(store.database, store.clock, analyser)


class Noting:
    """The analysis itself, noting what it works on; it is killed instead at the curve ``fatal``, breaks at others."""

    def __init__(self, *, fatal: int | None = None, breaking: Sequence[int] = ()) -> None:
        self.worked: list[int] = []
        self.fatal, self.breaking = fatal, breaking

    def __call__(self, given: Iterable[Given]) -> Iterator[Made]:
        for one in given:
            if one.curve_id == self.fatal:
                raise Killed
            self.worked.append(one.curve_id)
            yield Made(given=one, made=ZeroDivisionError() if one.curve_id in self.breaking else analyse(one.passes))


def ask(store: Store, *curves: int, everything: bool = False) -> None:
    with store.database.write() as session:
        reanalyses.ask(session, ReanalysisRequest(curves=curves, everything=everything), now_ms=NOW_MS)


def standing(store: Store) -> ReanalysisView:
    with store.database.read() as session:
        return reanalyses.standing(session)


def shown(store: Store, curve: int) -> CurveView:
    with store.database.read() as session:
        return curve_queries.curve(session, curve)


def versions(store: Store, curve: int) -> list[int]:
    with store.database.read() as session:
        rows = sa.select(AnalysisResult.method_version).where(AnalysisResult.curve_id == curve)
        return list(session.scalars(rows.order_by(AnalysisResult.method_version)))


def test_the_result_of_an_older_version_stands_until_somebody_asks_for_a_new_one(store: Store) -> None:
    (curve,) = outdated(store, "board")

    assert analyst(store).work() == 0
    assert shown(store, curve).sealed

    ask(store)

    assert analyst(store).work() == 1
    assert versions(store, curve) == [METHOD_VERSION - 1, METHOD_VERSION]
    assert (standing(store).waiting, standing(store).outdated, standing(store).current) == (0, 0, 1)


def test_killed_in_the_middle_the_rest_is_done_and_what_was_done_is_not_done_again(store: Store) -> None:
    found = outdated(store, "one", "two", "three")
    ask(store, everything=True)
    killed, after = Noting(fatal=found[1]), Noting()

    with pytest.raises(Killed):
        analyst(store, killed).work()
    ask(store, everything=True)
    analyst(store, after).work()

    assert (killed.worked, after.worked) == (found[:1], found[1:])
    assert standing(store).waiting == 0


def test_a_new_analysis_that_fails_leaves_the_old_result_and_the_others_their_turn(store: Store) -> None:
    breaking, good = outdated(store, "one", "two")
    old = shown(store, breaking)
    ask(store)

    assert analyst(store, Noting(breaking=[breaking])).work() == 1

    assert shown(store, breaking) == old
    assert versions(store, good) == [METHOD_VERSION - 1, METHOD_VERSION]
    now = standing(store)
    assert (now.waiting, now.outdated, [one.curve for one in now.failures]) == (0, 1, [breaking])
    assert "ZeroDivision" not in now.failures[0].failure


def test_what_could_not_be_analysed_anew_is_tried_again_when_asked_for_again(store: Store) -> None:
    (curve,) = outdated(store, "board")
    ask(store, curve)
    analyst(store, Noting(breaking=[curve])).work()

    unasked = analyst(store).work()
    ask(store, curve)

    assert (unasked, analyst(store).work()) == (0, 1)
    assert standing(store).failures == ()


def test_readings_that_cannot_be_read_fail_alone_and_leave_the_old_result(store: Store) -> None:
    rusty, _ = outdated(store, "one", "two")
    with store.database.write() as session:
        session.execute(sa.update(Curve).where(Curve.id == rusty).values(blob=b"rust"))
    ask(store)

    assert analyst(store).work() == 1

    assert shown(store, rusty).sealed
    assert versions(store, rusty) == [METHOD_VERSION - 1]
    assert [one.curve for one in standing(store).failures] == [rusty]


def test_a_curve_that_was_just_measured_goes_before_those_that_still_wait_to_be_done_anew(store: Store) -> None:
    old = outdated(store, "one", "two", "three")
    ask(store)
    new: list[int] = []

    def slow(passes: Sequence[PassReadings]) -> Analysis:
        if not new:
            new.append(sealed(store, "four"))
        store.clock.move(round(LOOK_AGAIN_S * 1_000) + 1)
        return analyse(passes)

    worked: list[int] = []

    def noted(given: Iterable[Given]) -> Iterator[Made]:
        for made in one_by_one(slow)(given):
            worked.append(made.given.curve_id)
            yield made

    assert analyst(store, noted).work() == 4
    assert worked == [old[0], *new, *old[1:]]


def test_no_further_curve_is_begun_once_the_orchestrator_stops(store: Store) -> None:
    outdated(store, "one", "two")
    ask(store)
    noting = Noting()

    assert analyst(store, noting).work(going=lambda: not noting.worked) == 1
    assert standing(store).waiting == 1
