"""What people are shown of curves, measured here or imported, read from the tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.codec import Message, from_plain
from agent.wire.enrolment import DeviceDescription, DeviceKind
from agent.wire.fields import DeviceName, ModelName
from agent.wire.jobs import ModelFacts, Workload
from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.analysis.steps import with_budget_used_up
from orchestrator.curves.file import CurveFile, CurveOrigin
from orchestrator.errors import BadRequest, NotFound
from orchestrator.jobs.states import JobState
from orchestrator.storage import curves
from orchestrator.storage.imports import Provenance
from orchestrator.storage.tables import Curve, Device, Job
from orchestrator.views import CurveSummary, CurveView, PassView, ReadingsView


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(Message):
    """Which curves a list shall show: those that meet every field that is not None."""

    device: DeviceName | None = None
    model: ModelName | None = None
    simulated: bool | None = None


def summaries(session: Session, *, newest: int, wanted: Wanted | None = None) -> tuple[CurveSummary, ...]:
    """The ``newest`` curves, newest first."""
    conditions = _meeting(wanted or Wanted())
    rows = session.execute(_curves().where(*conditions).order_by(Curve.id.desc()).limit(newest)).all()
    return tuple(_summary(*row) for row in rows)


def _curves() -> sa.Select[Curve, Job | None, Device | None, Any]:
    # The blob is megabytes and the notes of passes can be many: left out until somebody asks for them. SQLite reads
    # through the blob to reach the columns behind it, so of a measured curve nothing behind it is touched either.
    of = sa.case((Curve.job_id.is_(None), Curve.imported["of"]))
    return (
        sa.select(Curve, Job, Device, sa.type_coerce(of, Curve.imported.type))
        .outerjoin(Job, Job.id == Curve.job_id)
        .outerjoin(Device, Device.id == Job.device_id)
        .where(curves.is_curve())
        .options(sa.orm.defer(Curve.blob), sa.orm.defer(Curve.blob_sha256), sa.orm.defer(Curve.imported))
    )


def _meeting(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions = []
    if wanted.device is not None:
        conditions.append(_said(Device.name, "device") == wanted.device)
    if wanted.model is not None:
        conditions.append(_said(Job.model, "model") == wanted.model)
    if wanted.simulated is not None:
        simulated = _said(Device.kind, "device_kind") == DeviceKind.SIMULATED.value
        conditions.append(simulated if wanted.simulated else ~simulated)
    return conditions


def _said(measured: sa.SQLColumnExpression[str], imported: str) -> sa.ColumnElement[str]:
    return sa.case((Curve.job_id.is_(None), Curve.imported[("of", imported)].as_string()), else_=measured)


def summary(session: Session, curve_id: int) -> CurveSummary:
    """What one curve is of.

    Raises:
        NotFound: there is none of that number.
    """
    return _summary(*_one_curve(session, curve_id))


def _summary(curve: Curve, job: Job | None, device: Device | None, of: Any) -> CurveSummary:
    if job is None or device is None:
        said = from_plain(Provenance, of)
        return _about(
            curve,
            job_state=JobState.DONE,
            imported_ms=said.imported_ms,
            source=said.source,
            device=said.device,
            device_kind=said.device_kind,
            model=said.model,
            workload=said.workload,
        )
    return _about(
        curve,
        job_id=job.id,
        sweep_id=job.sweep_id,
        job_state=JobState(job.state),
        device=device.name,
        device_kind=DeviceKind(device.kind),
        model=job.model,
        workload=from_plain(Workload, job.workload),
    )


def _about(
    curve: Curve,
    *,
    job_state: JobState,
    device: str,
    device_kind: DeviceKind,
    model: str,
    workload: Workload,
    job_id: int | None = None,
    sweep_id: int | None = None,
    imported_ms: int | None = None,
    source: str | None = None,
) -> CurveSummary:
    return CurveSummary(
        id=curve.id,
        job_id=job_id,
        sweep_id=sweep_id,
        job_state=job_state,
        imported_ms=imported_ms,
        device=device,
        device_kind=device_kind,
        model=model,
        workload=workload,
        facts=from_plain(ModelFacts, curve.facts),
        readings=curve.readings,
        accepted=curve.accepted,
        created_ms=curve.created_ms,
        source=source,
    )


def curve(session: Session, curve_id: int) -> CurveView:
    """One curve with its analysis, made on the spot from the readings so far where none is stored yet.

    Raises:
        NotFound: there is none of that number.
    """
    row = _one_curve(session, curve_id)
    stored = _stored_analysis(session, row[0])
    return CurveView(
        summary=_summary(*row),
        sealed=stored is not None,
        analysis=stored or _analysed_now(session, row[0]),
        readings_sha256=row[0].blob_sha256,
    )


def _one_curve(session: Session, curve_id: int) -> sa.Row[Curve, Job | None, Device | None, Any]:
    row = session.execute(_curves().where(Curve.id == curve_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no curve {curve_id}.", "`stepfarm curves list` shows the curves.")
    return row


def _stored_analysis(session: Session, row: Curve) -> Analysis | None:
    if row.blob_sha256 is None:
        return None
    return curves.find_analysis(session, row.id, row.blob_sha256)


def _analysed_now(session: Session, row: Curve) -> Analysis:
    passes = curves.analysable(session, row, curves.passes_of(session, row))
    analysis = analyse(passes)
    if curves.budget_is_used_up(session, row, passes):
        return replace(analysis, steps=with_budget_used_up(analysis.steps))
    return analysis


def readings(session: Session, curve_id: int) -> ReadingsView:
    """All readings of a curve with the conditions of their passes.

    Raises:
        NotFound: there is none of that number.
    """
    row = _one_curve(session, curve_id)
    return ReadingsView(curve_id=curve_id, passes=_passes(session, row[0]))


def _passes(session: Session, row: Curve) -> tuple[PassView, ...]:
    notes = curves.notes_of(session, row)
    views = []
    for one in curves.passes_of(session, row):
        kept = notes[one.round, one.fence, one.number]
        views.append(
            PassView(
                fence=one.fence,
                round=one.round,
                number=one.number,
                complete=one.complete,
                started_ms=kept.started_ms,
                before=kept.before,
                after=kept.after,
                doubts=kept.doubts,
                tokens=tuple(one.tokens.tolist()),
                start_ns=tuple(one.start_ns.tolist()),
                latency_ns=tuple(one.latency_ns.tolist()),
                rejected=one.rejections(),
                blocks_ns=() if one.blocks_ns is None else tuple(map(tuple, one.blocks_ns.tolist())),
                order=kept.order,
            )
        )
    return tuple(views)


def file(session: Session, curve_id: int) -> CurveFile:
    """One curve with every reading and all that says what it is of, to be kept elsewhere.

    Raises:
        NotFound: there is none of that number.
        BadRequest: it has no reading yet.
    """
    row, job, device, of = _one_curve(session, curve_id)
    if row.readings == 0:
        raise BadRequest(f"Curve {curve_id} has no reading yet.", "Export it once its first pass is measured.")
    about = _summary(row, job, device, of)
    if device is None:
        said = from_plain(Provenance, of)
        source, description = said.source, said.description
    else:
        source = f"stepfarm {version('stepfarm')}, curve {curve_id}, job {about.job_id} of sweep {about.sweep_id}"
        if about.job_state is not JobState.DONE:
            source += f", which was {about.job_state.value}"
        description = from_plain(DeviceDescription, device.description)
    return CurveFile(
        source=source,
        origin=CurveOrigin(curve_id=curve_id, job_id=about.job_id, sweep_id=about.sweep_id, job_state=about.job_state),
        device=about.device,
        device_kind=about.device_kind,
        description=description,
        model=about.model,
        workload=about.workload,
        facts=about.facts,
        created_ms=about.created_ms,
        passes=_passes(session, row),
        analysis=_stored_analysis(session, row) or _analysed_now(session, row),
    )
