"""The store of trials and tallies: what accuracy jobs were asked, and what came of it."""

from __future__ import annotations

import random

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.wire.accuracy import Tally as TallyTold
from agent.wire.accuracy import TallyBatch
from agent.wire.accuracy import Trial as TrialAsked
from agent.wire.codec import WireError, from_plain, to_plain
from agent.wire.holdings import DatasetHeld, Material, WeightsHeld
from agent.wire.jobs import Failure, FailureReason, ModelFacts, Workload
from orchestrator.analysis.trials import AccuracyPlan, trial_of
from orchestrator.errors import BadRequest, Conflict, NotFound
from orchestrator.storage import jobs
from orchestrator.storage.curves import BUG, refuse_foreign
from orchestrator.storage.tables import Job, Tally, Trial

TOLD = ("images", "agreeing", "divergence", "divergence_squares", "top_1", "top_5", "lost", "gained")


def add(session: Session, job_id: int, *, plan: AccuracyPlan, weights: WeightsHeld, dataset: DatasetHeld) -> None:
    """Say what the accuracy job of that number is for."""
    session.add(Trial(job_id=job_id, plan=to_plain(plan), weights=to_plain(weights), dataset=to_plain(dataset)))
    session.flush()


def copy(session: Session, job_id: int, again: int) -> None:
    """The job ``again`` is for what the job ``job_id`` was for; nothing where that was no accuracy job."""
    old = session.get(Trial, job_id)
    if old is not None:
        session.add(Trial(job_id=again, plan=old.plan, weights=old.weights, dataset=old.dataset))
        session.flush()


def material_of(session: Session, job_id: int) -> Material:
    """What the accuracy job of that number rests on."""
    row = session.get_one(Trial, job_id)
    dataset = from_plain(DatasetHeld, row.dataset)
    return Material(
        weights_sha256=from_plain(WeightsHeld, row.weights).sha256,
        dataset=dataset.name,
        listing_sha256=dataset.listing_sha256,
    )


def begin(session: Session, job: Job, facts: ModelFacts, *, now_ms: int, rng: random.Random) -> TrialAsked | None:
    """The trial of ``job``, held and locked for writing, made when its device first says what it loaded.

    Returns:
        None where what was asked cannot be done with the model: the job has failed, and says why.

    Raises:
        Conflict: the device loaded another model than in an earlier attempt.
    """
    row = session.get_one(Trial, job.id)
    if row.trial is not None and row.facts is not None:
        known = from_plain(ModelFacts, row.facts)
        if (known.tokens, known.blocks, known.image_size) != (facts.tokens, facts.blocks, facts.image_size):
            raise Conflict(
                f"This model has {facts.tokens} tokens now and had {known.tokens} in an earlier attempt.",
                "The device's timm has changed in mid-job: cancel the sweep and queue it again.",
            )
        return from_plain(TrialAsked, row.trial)
    plan, dataset = from_plain(AccuracyPlan, row.plan), from_plain(DatasetHeld, row.dataset)
    try:
        trial = trial_of(plan, facts, dataset, batch_images=from_plain(Workload, job.workload).batch_size)
    except WireError as error:
        jobs.fail(session, job, _misfit(job.model, facts, error), now_ms=now_ms, rng=rng)
        return None
    row.facts, row.trial, row.begun_ms = to_plain(facts), to_plain(trial), now_ms
    session.flush()
    return trial


def _misfit(model: str, facts: ModelFacts, error: WireError) -> Failure:
    return Failure(
        reason=FailureReason.WORKLOAD_UNSUPPORTED,
        message=f"a schedule that was asked for cannot be made for {model}: {error}",
        advice=f"It has {facts.tokens} tokens, {facts.prefix_tokens} of them prefix, and {facts.blocks} blocks: ask "
        "for counts between.",
    )


def take_in(session: Session, *, device_id: int, job_id: int, batch: TallyBatch, now_ms: int) -> None:
    """Keep the tallies of ``batch``, whatever became of the lease.

    The same batch may come any number of times and counts once. One that was counted again in a later attempt, because
    nobody had told the device that it was stored, is not kept: the first stands.

    Raises:
        NotFound: this device never had an attempt of that number at that job, or had not asked for its trial.
        BadRequest: the batch is not of that trial.
        Conflict: other tallies of the same attempt stand under the same number; they stay as they are.
    """
    refuse_foreign(session, device_id=device_id, job_id=job_id, fence=batch.fence)
    row = session.scalar(sa.select(Trial).where(Trial.job_id == job_id).with_for_update(key_share=True))
    if row is None or row.trial is None:
        raise NotFound(f"Job {job_id} has no trial yet.", "Ask for it before posting tallies.")
    labelled = from_plain(DatasetHeld, row.dataset).classes is not None
    _refuse_unasked(job_id, from_plain(TrialAsked, row.trial), batch, labelled=labelled)
    known = session.scalars(
        sa.select(Tally).where(Tally.job_id == job_id, Tally.number == batch.number).order_by(Tally.place)
    ).all()
    if known:
        same = tuple(_told(one) for one in known) == batch.tallies
        if not same and known[0].fence == batch.fence:
            raise Conflict(
                f"Batch {batch.number} of job {job_id} (lease {batch.fence}) holds other tallies.",
                f"Tallies are never rewritten. {BUG}",
            )
        return
    for place, tally in enumerate(batch.tallies):
        told = {name: getattr(tally, name) for name in TOLD}
        session.add(
            Tally(job_id=job_id, number=batch.number, place=place, fence=batch.fence, received_ms=now_ms, **told)
        )
    session.flush()


def _told(row: Tally) -> TallyTold:
    return TallyTold(**{name: getattr(row, name) for name in TOLD})


def _refuse_unasked(job_id: int, trial: TrialAsked, batch: TallyBatch, *, labelled: bool) -> None:
    if batch.number >= trial.batches:
        raise BadRequest(f"The trial of job {job_id} has {trial.batches} batches, and none of that number.", BUG)
    if len(batch.tallies) != 1 + len(trial.schedules):
        raise BadRequest(
            f"The trial of job {job_id} is of the unpruned model and {len(trial.schedules)} schedules; this batch has "
            f"{len(batch.tallies)} tallies.",
            BUG,
        )
    images = len(trial.images_in(batch.number))
    for tally in batch.tallies:
        if tally.images != images or (tally.top_1 is not None) != labelled:
            raise BadRequest(f"A tally of batch {batch.number} is not of its {images} images and their labels.", BUG)


def batches_done(session: Session, job_id: int) -> int:
    """How many batches are stored, all from the first on: a device counts them in their order."""
    count = sa.select(sa.func.count()).where(Tally.job_id == job_id, Tally.place == 0)
    return session.scalar(count) or 0
