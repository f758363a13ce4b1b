"""The store of what is to be analysed anew: asked for by people, worked off by the chores, safe from any kill."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestrator.analysis.analyse import METHOD, METHOD_VERSION
from orchestrator.errors import BadRequest, NotFound
from orchestrator.storage.curves import is_curve, made_of_its_readings
from orchestrator.storage.tables import AnalysisResult, Curve, Reanalysis
from orchestrator.views import ReanalysisFailure, ReanalysisRequest, ReanalysisView

MOST_FAILURES = 500
"""So many failures are shown, the newest first."""

LONGEST_FAILURE = 4_000


def ask(session: Session, request: ReanalysisRequest, *, now_ms: int) -> None:
    """Have the curves analysed anew that ``request`` names; where it names none, those with an older version's result.

    What waits already is not asked for twice, and what failed is tried again. While a request for everything is under
    way, another one goes on with it: what is done is not done again.

    Raises:
        NotFound: there is no curve of that number.
        BadRequest: a curve still grows.
    """
    if request.everything:
        under_way = session.scalar(
            sa.select(Reanalysis.curve_id).where(Reanalysis.everything, Reanalysis.failure.is_(None)).limit(1)
        )
        sealed = sa.select(Curve.id).where(Curve.blob.is_not(None), is_curve())
        wanted = _failed_of_everything(session) if under_way is not None else set(session.scalars(sealed))
    elif request.curves:
        _refuse_what_cannot_be(session, request.curves)
        wanted = set(request.curves)
    else:
        wanted = set(session.scalars(sa.select(Curve.id).where(_outdated())))
    _wish(session, wanted, everything=request.everything, now_ms=now_ms)


def _failed_of_everything(session: Session) -> set[int]:
    return set(
        session.scalars(sa.select(Reanalysis.curve_id).where(Reanalysis.everything, Reanalysis.failure.is_not(None)))
    )


def _outdated() -> sa.ColumnElement[bool]:
    return sa.and_(
        Curve.blob.is_not(None),
        made_of_its_readings(AnalysisResult.method_version < METHOD_VERSION),
        ~made_of_its_readings(AnalysisResult.method_version == METHOD_VERSION),
    )


def _refuse_what_cannot_be(session: Session, curves: Collection[int]) -> None:
    rows = session.execute(sa.select(Curve.id, Curve.blob.is_not(None)).where(Curve.id.in_(curves), is_curve()))
    sealed = {curve: bool(is_sealed) for curve, is_sealed in rows}
    for curve in curves:
        if curve not in sealed:
            raise NotFound(f"There is no curve {curve}.", "`stepfarm curves list` shows the curves.")
        if not sealed[curve]:
            raise BadRequest(f"Curve {curve} still grows.", "It is analysed by itself once its job has ended.")


def _wish(session: Session, curves: Collection[int], *, everything: bool, now_ms: int) -> None:
    known = {row.curve_id: row for row in session.scalars(sa.select(Reanalysis))}
    for curve_id in sorted(curves):
        row = known.get(curve_id)
        if row is None:
            session.add(Reanalysis(curve_id=curve_id, asked_ms=now_ms, everything=everything))
        else:
            row.failure = row.failed_ms = None
            row.everything = row.everything or everything
    session.flush()


def waiting(session: Session) -> list[int]:
    """The numbers of the curves that wait to be analysed anew."""
    rows = sa.select(Reanalysis.curve_id).where(Reanalysis.failure.is_(None)).order_by(Reanalysis.curve_id)
    return list(session.scalars(rows))


def done(session: Session, curve_id: int) -> None:
    """The curve waits no longer; harmless where it never did."""
    session.execute(sa.delete(Reanalysis).where(Reanalysis.curve_id == curve_id))


def failed(session: Session, curve_id: int, failure: str, *, now_ms: int) -> bool:
    """Note that the curve could not be analysed anew; whether anybody had asked for that. Its old result stays."""
    row = session.get(Reanalysis, curve_id)
    if row is None:
        return False
    row.failure, row.failed_ms = failure[:LONGEST_FAILURE], now_ms
    session.flush()
    return True


def standing(session: Session) -> ReanalysisView:
    """How many curves have a result of which version, how many wait, and which could not be analysed."""
    failures = session.scalars(
        sa.select(Reanalysis)
        .where(Reanalysis.failure.is_not(None))
        .order_by(Reanalysis.failed_ms.desc(), Reanalysis.curve_id)
        .limit(MOST_FAILURES)
    )
    return ReanalysisView(
        method=METHOD,
        method_version=METHOD_VERSION,
        current=_count(
            session, Curve.blob.is_not(None), made_of_its_readings(AnalysisResult.method_version == METHOD_VERSION)
        ),
        outdated=_count(session, _outdated()),
        waiting=len(waiting(session)),
        failures=tuple(
            ReanalysisFailure(curve=row.curve_id, failure=row.failure or "", failed_ms=row.failed_ms or 0)
            for row in failures
        ),
    )


def _count(session: Session, *conditions: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(Curve).where(*conditions)) or 0
