"""An accuracy job in the hands of this agent: one batch of images after the other, from where the last one ended."""

from __future__ import annotations

from collections.abc import Callable

from agent.errors import MeasurementFailed, StateError
from agent.holdings.register import Register
from agent.measure.child_protocol import BeginTrial
from agent.measure.isolation import MeasuringChild
from agent.wire.accuracy import TallyBatch, TrialAnswer, TrialRequest
from agent.wire.jobs import FailureReason, Lease


def tally_trial(
    child: MeasuringChild,
    lease: Lease,
    register: Register,
    *,
    ask: Callable[[TrialRequest], TrialAnswer],
    hand_over: Callable[[TallyBatch], None],
) -> None:
    """Tally every batch of the trial that is not stored yet.

    Nothing is kept here: a batch that was not handed over is counted again, and comes to the same.

    Args:
        ask: asks the orchestrator for the trial, for as long as it is away.
        hand_over: gives it one batch of tallies, for as long as it is away.

    Raises:
        MeasurementFailed: weights or images are not what the job asks for, or the model does not run.
        MeasurementStopped: it was cancelled meanwhile.
    """
    request = TrialRequest(fence=lease.fence, facts=child.start_trial(_begin(lease, register)))
    answer = ask(request)
    while (trial := answer.trial) is not None:
        for number in range(answer.batches_done, trial.batches):
            counted = child.count_batch(trial, number)
            hand_over(
                TallyBatch(fence=lease.fence, number=number, started_ms=counted.started_ms, tallies=counted.tallies)
            )
        answer = ask(request)


def _begin(lease: Lease, register: Register) -> BeginTrial:
    material = lease.material
    assert material is not None  # the lease of an accuracy job has one
    try:
        weights = register.holdings().weights_of(lease.model)
        folder = register.dataset_folder(material.dataset)
    except StateError as error:
        raise MeasurementFailed(FailureReason.DATA_UNUSABLE, error.message, error.advice) from None
    if weights is None or weights.sha256 != material.weights_sha256:
        raise MeasurementFailed(
            FailureReason.DATA_UNUSABLE,
            f"this device has no weights of {lease.model} with the SHA-256 {material.weights_sha256[:12]}... any more",
            f"Add them again: stepfarm-agent weights add {lease.model} FILE; then: stepfarm sweep retry ID",
        )
    if folder is None:
        raise MeasurementFailed(
            FailureReason.DATA_UNUSABLE,
            f"this device has no dataset {material.dataset} any more",
            f"Add it again: stepfarm-agent dataset add {material.dataset} PATH; then: stepfarm sweep retry ID",
        )
    return BeginTrial(
        weights=weights,
        weights_file=str(register.weights_file(weights.sha256)),
        material=material,
        folder=str(folder),
        workload=lease.workload,
    )
