"""What the store of trials promises, on either database."""

from __future__ import annotations

import dataclasses

import pytest

from agent.wire.accuracy import Tally, TallyBatch
from agent.wire.jobs import FailureReason, Task
from agent.wire.schedules import Method
from orchestrator.errors import BadRequest, Conflict, NotFound
from orchestrator.jobs.states import JobState
from orchestrator.storage import accuracy_queries, trials
from orchestrator.storage.jobs import LeasedJob
from orchestrator.views import AccuracyView
from tests.support.store import ACCURACY_PLAN, FACTS, IMAGES, WEIGHTS, Store, a_tally_batch


def done(store: Store, job_id: int) -> int:
    with store.database.read() as session:
        return trials.batches_done(session, job_id)


def shown(store: Store, job_id: int) -> AccuracyView:
    with store.database.read() as session:
        return accuracy_queries.accuracy(session, job_id)


def at_work(store: Store) -> tuple[int, LeasedJob]:
    """A device that has leased an accuracy job and was told its trial."""
    device = store.enrol()
    store.accuracy(device)
    leased = store.leased(device)
    store.begin_trial(device, leased)
    return device, leased


def test_a_lease_of_an_accuracy_job_says_what_it_rests_on(store: Store) -> None:
    device = store.enrol()
    store.accuracy(device)
    leased = store.leased(device)
    with store.database.read() as session:
        material = trials.material_of(session, leased.job_id)

    assert leased.task is Task.ACCURACY
    assert (material.weights_sha256, material.dataset, material.listing_sha256) == ("a" * 64, "val", "b" * 64)


def test_shares_are_added_up_from_batches(store: Store) -> None:
    device, leased = at_work(store)
    store.take_tallies(device, leased.job_id, a_tally_batch())
    store.take_tallies(device, leased.job_id, a_tally_batch(number=1, right=10))

    unpruned, pruned = shown(store, leased.job_id).results
    assert unpruned.top_1 is not None
    assert pruned.top_1 is not None
    assert pruned.change is not None
    assert (unpruned.images, unpruned.top_1.value, pruned.top_1.value) == (IMAGES, 30 / 50, 20 / 50)
    assert (pruned.change.value, pruned.agreement.value, pruned.divergence.value) == (-0.2, 0.8, 0.05)
    assert pruned.schedule is not None
    assert pruned.schedule.leaving[-1] == 9


def test_the_same_batch_counts_once_and_another_under_its_number_is_refused(store: Store) -> None:
    device, leased = at_work(store)
    store.take_tallies(device, leased.job_id, a_tally_batch())
    store.take_tallies(device, leased.job_id, a_tally_batch())
    with pytest.raises(Conflict, match="holds other tallies"):
        store.take_tallies(device, leased.job_id, a_tally_batch(right=21))

    assert done(store, leased.job_id) == 1
    assert shown(store, leased.job_id).results[0].images == 32


def test_a_batch_that_was_counted_again_in_a_later_attempt_leaves_the_first_as_it_is(store: Store) -> None:
    device, leased = at_work(store)
    store.take_tallies(device, leased.job_id, a_tally_batch())
    store.give_back(device, leased)
    again = store.leased(device, "again")
    store.take_tallies(device, leased.job_id, a_tally_batch(again.fence, right=21))

    top_1 = shown(store, leased.job_id).results[0].top_1
    assert top_1 is not None
    assert top_1.value == 20 / 32


def test_tallies_are_taken_whatever_became_of_the_lease(store: Store) -> None:
    device, leased = at_work(store)
    store.give_back(device, leased)
    store.take_tallies(device, leased.job_id, a_tally_batch())

    assert done(store, leased.job_id) == 1


def test_tallies_that_were_never_asked_for_are_refused(store: Store) -> None:
    device, leased = at_work(store)
    batch = a_tally_batch()
    with pytest.raises(BadRequest, match="has 2 batches"):
        store.take_tallies(device, leased.job_id, dataclasses.replace(batch, number=2))
    with pytest.raises(BadRequest, match="1 schedules; this batch has 1 tallies"):
        store.take_tallies(device, leased.job_id, dataclasses.replace(batch, tallies=batch.tallies[:1]))
    with pytest.raises(BadRequest, match="not of its 18 images"):
        store.take_tallies(device, leased.job_id, dataclasses.replace(batch, number=1))
    with pytest.raises(NotFound):
        store.take_tallies(store.enrol("other"), leased.job_id, batch)

    assert done(store, leased.job_id) == 0


def test_before_its_trial_a_job_takes_no_tallies(store: Store) -> None:
    device = store.enrol()
    store.accuracy(device)
    leased = store.leased(device)

    with pytest.raises(NotFound, match="has no trial yet"):
        store.take_tallies(device, leased.job_id, a_tally_batch())


def test_a_device_that_loaded_another_model_than_before_is_refused(store: Store) -> None:
    device, leased = at_work(store)

    with pytest.raises(Conflict, match="33 tokens now and had 17"):
        store.begin_trial(device, leased, facts=dataclasses.replace(FACTS, tokens=33))


def test_what_cannot_be_done_with_the_model_fails_the_job_with_its_reason(store: Store) -> None:
    device = store.enrol()
    store.accuracy(device, plan=dataclasses.replace(ACCURACY_PLAN, methods=(Method.TOKEN_MERGING,), tokens=(3,)))
    leased = store.leased(device)
    store.begin_trial(device, leased)

    assert store.state(leased.job_id) is JobState.FAILED
    failure = store.job(leased.job_id).failure
    assert failure is not None
    assert failure["reason"] == FailureReason.WORKLOAD_UNSUPPORTED.value
    assert "token-merging can leave no fewer of 17 tokens" in failure["message"]


def test_an_attempt_that_brought_a_batch_is_no_strike(store: Store) -> None:
    device, leased = at_work(store)
    store.take_tallies(device, leased.job_id, a_tally_batch())
    store.fail(device, leased)

    assert store.job(leased.job_id).strikes == 0


def test_a_retry_asks_for_the_same_again(store: Store) -> None:
    device = store.enrol()
    sweep = store.accuracy(device)
    store.cancel(sweep)
    store.retry(sweep)
    leased = store.leased(device)
    store.begin_trial(device, leased)
    view = shown(store, leased.job_id)

    assert leased.task is Task.ACCURACY
    assert (view.plan, view.weights, view.images_planned) == (ACCURACY_PLAN, WEIGHTS, IMAGES)


def test_progress_is_told_in_batches_of_images(store: Store) -> None:
    device, leased = at_work(store)
    store.take_tallies(device, leased.job_id, a_tally_batch())
    (job,) = store.sweep_view(shown(store, leased.job_id).sweep_id).jobs

    assert job.progress is not None
    assert (job.progress.passes_done, job.progress.passes_planned) == (1, 2)


def test_images_without_labels_have_no_accuracy(store: Store) -> None:
    device = store.enrol()
    store.accuracy(device, labelled=False)
    leased = store.leased(device)
    store.begin_trial(device, leased)
    tally = Tally(images=32, agreeing=30, divergence=1.0, divergence_squares=0.5)
    with pytest.raises(BadRequest, match="and their labels"):
        store.take_tallies(device, leased.job_id, a_tally_batch())
    store.take_tallies(device, leased.job_id, TallyBatch(fence=1, number=0, started_ms=0, tallies=(tally, tally)))

    view = shown(store, leased.job_id)
    assert not view.labelled
    assert [(one.top_1, one.change, one.agreement.value) for one in view.results] == [(None, None, 30 / 32)] * 2


def test_accuracies_are_shown_newest_first_and_by_model(store: Store) -> None:
    device = store.enrol()
    store.accuracy(device)
    store.accuracy(device)
    with store.database.read() as session:
        newest = accuracy_queries.accuracies(session, newest=5)
        assert accuracy_queries.accuracies(session, newest=5, model="b") == ()
        with pytest.raises(NotFound, match="no accuracy job 77"):
            accuracy_queries.accuracy(session, 77)

    assert [one.job_id for one in newest] == [2, 1]
    assert newest[0].results == ()
