"""The store of curves that came from files. They have no job here: what a job and a device would say is kept beside."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.codec import Message, from_plain, to_plain
from agent.wire.conditions import Conditions, Doubt
from agent.wire.enrolment import DeviceDescription, DeviceKind
from agent.wire.fields import DeviceName, EpochMs, Line, ModelName, Ordinal
from agent.wire.jobs import ModelFacts, Order, Workload
from orchestrator.curves import blob
from orchestrator.curves.file import CurveFile, key_of, stored_passes
from orchestrator.storage.tables import Curve, Device, Job
from orchestrator.views import PassView

ONE_AT_A_TIME = 0x5F_1B_0F
"""The advisory lock under which PostgreSQL takes imports in one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance(Message):
    """What an imported curve is of, and where it came from: what job and device say of a measured one."""

    device: DeviceName
    device_kind: DeviceKind
    description: DeviceDescription | None
    model: ModelName
    workload: Workload
    source: Line
    imported_ms: EpochMs


@dataclass(frozen=True, slots=True, kw_only=True)
class PassNotes(Message):
    """What was noted of a pass beside its readings, and what its round asked."""

    fence: Ordinal
    round: Ordinal
    number: Ordinal
    started_ms: EpochMs
    before: Conditions
    after: Conditions
    doubts: tuple[Doubt, ...]
    order: Order = Order.SHUFFLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported(Message):
    """The column ``imported`` of a curve. ``of`` is read with every list of curves, ``passes`` only with readings."""

    of: Provenance
    passes: tuple[PassNotes, ...]


def take(session: Session, file: CurveFile, *, now_ms: int) -> tuple[int, bool]:
    """The number of the curve in ``file``, and whether it was here already.

    The same curve is one with the same readings, of the same device, model, workload and facts, be it that it was
    imported before or measured by this very fleet. The readings are kept bit for bit, sealed at once; the analysis in
    the file is not kept: the chores make one. Nothing is added to the fleet, to the sweeps or to the jobs.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
    passes = stored_passes(file.passes)
    content = blob.pack(passes)
    sha256 = blob.sha256(content)
    known = _same(session, file, sha256)
    if known is not None:
        return known, True
    curve = Curve(
        facts=to_plain(file.facts),
        readings=sum(len(one.tokens) for one in passes),
        accepted=sum(int(one.accepted.sum()) for one in passes),
        created_ms=file.created_ms,
        sealed_ms=now_ms,
        format=blob.format_of(content),
        blob=content,
        blob_sha256=sha256,
        imported=to_plain(_imported(file, now_ms)),
    )
    session.add(curve)
    session.flush()
    return curve.id, False


def _same(session: Session, file: CurveFile, sha256: str) -> int | None:
    subject = (file.device, file.device_kind, file.model, file.workload, file.facts)
    rows = session.execute(
        sa.select(Curve.id, Curve.facts, Curve.imported["of"], Job.model, Job.workload, Device.name, Device.kind)
        .outerjoin(Job, Job.id == Curve.job_id)
        .outerjoin(Device, Device.id == Job.device_id)
        .where(Curve.blob_sha256 == sha256)
        .order_by(Curve.id)
    )
    for curve_id, facts, of, model, workload, name, kind in rows:
        if of is None:
            found = (name, DeviceKind(kind), model, from_plain(Workload, workload))
        else:
            said = from_plain(Provenance, of)
            found = (said.device, said.device_kind, said.model, said.workload)
        if (*found, from_plain(ModelFacts, facts)) == subject:
            return int(curve_id)
    return None


def _imported(file: CurveFile, now_ms: int) -> Imported:
    of = Provenance(
        device=file.device,
        device_kind=file.device_kind,
        description=file.description,
        model=file.model,
        workload=file.workload,
        source=file.source,
        imported_ms=now_ms,
    )
    return Imported(of=of, passes=tuple(_notes(one) for one in sorted(file.passes, key=key_of)))


def _notes(one: PassView) -> PassNotes:
    return PassNotes(
        fence=one.fence,
        round=one.round,
        number=one.number,
        started_ms=one.started_ms,
        before=one.before,
        after=one.after,
        doubts=one.doubts,
        order=one.order,
    )
