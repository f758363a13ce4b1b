"""The tables, as SQLAlchemy sees them. Alembic alone makes them (``migrations/``); a test compares the two.

Times are milliseconds since 1970 UTC, durations of readings are nanoseconds, both whole numbers on either database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orchestrator.jobs.states import AttemptEnding, JobState
from orchestrator.roles import Role

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite numbers rows by itself only where the key is exactly INTEGER; AUTOINCREMENT keeps a number from coming twice.
RowId = BigInteger().with_variant(Integer, "sqlite")
PlainJson = JSON(none_as_null=True)


def one_of(column: str, values: type[JobState | AttemptEnding | Role]) -> str:
    """The CHECK that ``column`` holds a value of the enum."""
    return f"{column} IN ({', '.join(repr(str(value.value)) for value in values)})"


def only_where(condition: str) -> dict[str, Any]:
    """The options of an index over the rows that meet ``condition``, on either database."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Table(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {int: BigInteger, str: String, dict[str, Any]: PlainJson, bytes: LargeBinary}  # noqa: RUF012


class Device(Table):
    """An enrolled machine. ``agent_run`` and ``earlier_run`` are the two latest starts of an agent with its key."""

    __tablename__ = "devices"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    labels: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    description: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    enrolled_ms: Mapped[int]
    last_seen_ms: Mapped[int]
    agent_run: Mapped[str | None] = mapped_column(String(64))
    earlier_run: Mapped[str | None] = mapped_column(String(64))
    doubled_ms: Mapped[int | None]
    quarantined_ms: Mapped[int | None]
    revoked_ms: Mapped[int | None]


class JoinCode(Table):
    """A code that lets one device in, once. Only its hash is kept. ``readmits`` is the known device that it is for."""

    __tablename__ = "join_codes"
    __table_args__ = (
        CheckConstraint("(used_ms IS NULL) = (device_id IS NULL)", "used_by_a_device"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    code_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_ms: Mapped[int]
    expires_ms: Mapped[int]
    used_ms: Mapped[int | None]
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id"))
    readmits: Mapped[int | None]


class Key(Table):
    """What a device or person holds. Only its hash is kept.

    ``rotate_asked_ms`` is when a device was asked to make itself another; that one ``supersedes`` this key, which is
    good until the device has used the other.
    """

    __tablename__ = "keys"
    __table_args__ = (
        CheckConstraint(one_of("role", Role), "role"),
        CheckConstraint("(role = 'device') = (device_id IS NOT NULL)", "device_keys_have_a_device"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(10))
    label: Mapped[str] = mapped_column(String(200))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id"))
    created_ms: Mapped[int]
    expires_ms: Mapped[int | None]
    revoked_ms: Mapped[int | None]
    rotate_asked_ms: Mapped[int | None]
    supersedes: Mapped[int | None]


class Sweep(Table):
    """What a person asked for. ``retry_of`` is the sweep whose failed and cancelled jobs it does again."""

    __tablename__ = "sweeps"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    plan: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    priority: Mapped[int] = mapped_column(Integer)
    retry_of: Mapped[int | None]
    created_by: Mapped[int] = mapped_column(ForeignKey("keys.id"))
    created_ms: Mapped[int]


class Job(Table):
    """One device's part of a sweep. ``fence`` numbers its leases and only ever grows."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(one_of("state", JobState), "state"),
        CheckConstraint("(state = 'leased') = (lease_until_ms IS NOT NULL)", "leased_until"),
        CheckConstraint("(state IN ('done', 'failed', 'cancelled')) = (ended_ms IS NOT NULL)", "ended"),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", "failed_with_a_reason"),
        CheckConstraint("fence >= 0 AND strikes >= 0", "counters"),
        # The last line of defence: whatever the code does, a device holds one lease.
        Index("uq_jobs_leased_device", "device_id", unique=True, **only_where("state = 'leased'")),
        Index("ix_jobs_queue", "device_id", text("priority DESC"), "id", **only_where("state = 'queued'")),
        Index("ix_jobs_lease_until_ms", "lease_until_ms", **only_where("state = 'leased'")),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    sweep_id: Mapped[int] = mapped_column(ForeignKey("sweeps.id"), index=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    task: Mapped[str] = mapped_column(String(20))
    model: Mapped[str] = mapped_column(String(100))
    workload: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    priority: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10))
    fence: Mapped[int] = mapped_column(Integer)
    strikes: Mapped[int] = mapped_column(Integer)
    not_before_ms: Mapped[int]
    lease_until_ms: Mapped[int | None]
    cancel_asked_ms: Mapped[int | None]
    failure: Mapped[dict[str, Any] | None] = mapped_column(PlainJson)
    created_ms: Mapped[int]
    ended_ms: Mapped[int | None]


class Verification(Table):
    """What a job of the task verification times: ``entries``, schedules with what each must beat, chosen on a curve."""

    __tablename__ = "verifications"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    curve_id: Mapped[int] = mapped_column(ForeignKey("curves.id"), index=True)
    entries: Mapped[list[Any]] = mapped_column(PlainJson)


class Attempt(Table):
    """One lease of a job, by its fence. ``claim`` is the device's name for its wish, so that asking again is safe."""

    __tablename__ = "attempts"
    __table_args__ = (
        CheckConstraint(one_of("ending", AttemptEnding), "ending"),
        CheckConstraint("(ending IS NULL) = (ended_ms IS NULL)", "ended"),
    )

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    fence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    claim: Mapped[str] = mapped_column(String(64))
    started_ms: Mapped[int]
    ended_ms: Mapped[int | None]
    ending: Mapped[str | None] = mapped_column(String(10))
    failure: Mapped[dict[str, Any] | None] = mapped_column(PlainJson)


class Round(Table):
    """The token counts that a device was asked to measure. ``request`` is the round as it goes over the wire."""

    __tablename__ = "rounds"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    request: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    created_ms: Mapped[int]
    completed_ms: Mapped[int | None]


class Pass(Table):
    """One visit to the counts of a round, with the conditions around it. ``readings_sha256`` makes repeats harmless."""

    __tablename__ = "passes"
    __table_args__ = (UniqueConstraint("job_id", "fence", "round", "number"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    fence: Mapped[int] = mapped_column(Integer)
    round: Mapped[int] = mapped_column(Integer)
    number: Mapped[int] = mapped_column(Integer)
    complete: Mapped[bool]
    started_ms: Mapped[int]
    received_ms: Mapped[int]
    conditions_before: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    conditions_after: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    doubts: Mapped[list[Any]] = mapped_column(PlainJson)
    readings: Mapped[int] = mapped_column(Integer)
    accepted: Mapped[int] = mapped_column(Integer)
    readings_sha256: Mapped[str] = mapped_column(String(64))


class ReadingBatch(Table):
    """The readings of one pass, until its curve is sealed. ``format`` is the version of the blob."""

    __tablename__ = "reading_batches"

    pass_id: Mapped[int] = mapped_column(ForeignKey("passes.id"), primary_key=True, autoincrement=False)
    format: Mapped[int] = mapped_column(Integer)
    blob: Mapped[bytes]


class Curve(Table):
    """All readings of a job and what they are of: one blob once the job has ended, and later batches beside it.

    A curve that was imported has no job here: ``imported`` says what it is of, and holds what else came with it.
    """

    __tablename__ = "curves"
    __table_args__ = (
        CheckConstraint("(blob IS NULL) = (sealed_ms IS NULL)", "sealed"),
        CheckConstraint("(blob IS NULL) = (blob_sha256 IS NULL)", "sealed_with_a_hash"),
        CheckConstraint("(job_id IS NULL) = (imported IS NOT NULL)", "measured_or_imported"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"), unique=True)
    facts: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    readings: Mapped[int]
    accepted: Mapped[int]
    created_ms: Mapped[int]
    sealed_ms: Mapped[int | None]
    format: Mapped[int | None] = mapped_column(Integer)
    blob: Mapped[bytes | None]
    blob_sha256: Mapped[str | None] = mapped_column(String(64))
    imported: Mapped[dict[str, Any] | None] = mapped_column(PlainJson)


class AnalysisResult(Table):
    """What a version of a method made of the readings of a curve."""

    __tablename__ = "analyses"
    __table_args__ = (
        UniqueConstraint("curve_id", "method", "method_version", "blob_sha256"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    curve_id: Mapped[int] = mapped_column(ForeignKey("curves.id"))
    method: Mapped[str] = mapped_column(String(50))
    method_version: Mapped[int] = mapped_column(Integer)
    blob_sha256: Mapped[str] = mapped_column(String(64))
    computed_ms: Mapped[int]
    result: Mapped[dict[str, Any]] = mapped_column(PlainJson)


class Export(Table):
    """A model that was exported; its file lies in the state directory under ``sha256``.

    ``image_size`` is what was asked for, None for the model's own. ``made_with`` are the versions that decide the
    content.
    """

    __tablename__ = "exports"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    model: Mapped[str] = mapped_column(String(100))
    image_size: Mapped[int | None] = mapped_column(Integer)
    data_type: Mapped[str] = mapped_column(String(20))
    made_with: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    created_ms: Mapped[int]


class Reanalysis(Table):
    """A curve that somebody wants analysed anew, or, with a failure, one that could not be.

    ``everything`` says that it was asked for with all others. The row goes in the transaction that keeps the result.
    """

    __tablename__ = "reanalyses"
    __table_args__ = (CheckConstraint("(failure IS NULL) = (failed_ms IS NULL)", "failed_at_a_time"),)

    curve_id: Mapped[int] = mapped_column(ForeignKey("curves.id"), primary_key=True, autoincrement=False)
    asked_ms: Mapped[int]
    everything: Mapped[bool]
    failure: Mapped[str | None] = mapped_column(String(4_000))
    failed_ms: Mapped[int | None]


class Trial(Table):
    """An accuracy job's own part: what was asked, which weights and images it rests on, and what the device was told.

    ``facts`` and ``trial`` are there once the device has loaded the model.
    """

    __tablename__ = "trials"
    __table_args__ = (CheckConstraint("(facts IS NULL) = (trial IS NULL)", "begun"),)

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    plan: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    weights: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    dataset: Mapped[dict[str, Any]] = mapped_column(PlainJson)
    facts: Mapped[dict[str, Any] | None] = mapped_column(PlainJson)
    trial: Mapped[dict[str, Any] | None] = mapped_column(PlainJson)
    begun_ms: Mapped[int | None]


class Tally(Table):
    """What a batch of images came to under one schedule; place 0 is the unpruned model. Never changed."""

    __tablename__ = "tallies"
    __table_args__ = (
        CheckConstraint("(top_1 IS NULL) = (top_5 IS NULL)", "labelled"),
        CheckConstraint("images > 0", "of_images"),
    )

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    fence: Mapped[int] = mapped_column(Integer)
    images: Mapped[int] = mapped_column(Integer)
    agreeing: Mapped[int] = mapped_column(Integer)
    divergence: Mapped[float] = mapped_column(Double)
    divergence_squares: Mapped[float] = mapped_column(Double)
    top_1: Mapped[int | None] = mapped_column(Integer)
    top_5: Mapped[int | None] = mapped_column(Integer)
    lost: Mapped[int | None] = mapped_column(Integer)
    gained: Mapped[int | None] = mapped_column(Integer)
    received_ms: Mapped[int]
