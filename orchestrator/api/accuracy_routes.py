"""What people may ask of accuracy: to have it measured, and what was found."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from agent.wire.codec import WireError, shape_of
from agent.wire.fields import ModelName
from agent.wire.jobs import Runtime
from orchestrator.api.auth import AsOperator, AsViewer, Serving, same_protocol
from orchestrator.api.messages import NEWEST, Body, Number, answer, message
from orchestrator.api.openapi import described
from orchestrator.errors import BadRequest
from orchestrator.jobs.holders import holder_of
from orchestrator.jobs.matching import chosen, refuse_too_many_threads
from orchestrator.storage import accuracy_queries, devices, sweep_queries, sweeps
from orchestrator.views import SweepView
from orchestrator.views.accuracy import AccuracyList, AccuracyRequest, AccuracyView

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["people"])


@router.post("/accuracy", **described(AccuracyRequest, SweepView))
def create(caller: AsOperator, body: Body, serving: Serving) -> Response:
    """Queue a sweep of accuracy jobs: one for each model, on a device that has weights of it and the dataset."""
    request, now_ms = message(AccuracyRequest, body), serving.clock.epoch_ms()
    if request.workload.runtime is not Runtime.EAGER:
        raise BadRequest(
            f"Accuracy is measured with the runtime eager, not {request.workload.runtime.value}.",
            "Leave the runtime out: what a model answers does not depend on it.",
        )
    with serving.database.write() as session:
        fleet = devices.candidates(session)
        if request.devices or request.labels:
            fleet = chosen(fleet, request.devices, request.labels)
        fleet = [one for one in fleet if not one.revoked]
        waiting, quiet = devices.waiting(session), devices.quiet(session, now_ms=now_ms)
        holders = {
            model: holder_of(model, request.plan.dataset, fleet, waiting=waiting, quiet=quiet)
            for model in request.models
        }
        refuse_too_many_threads([one.device for one in holders.values()], [request.workload])
        sweep_id = sweeps.create_accuracy(
            session,
            holders=holders,
            workload=request.workload,
            plan=request.plan,
            priority=request.priority,
            key_id=caller.key_id,
            now_ms=now_ms,
        )
        return answer(sweep_queries.sweep(session, sweep_id, now_ms=now_ms))


@router.get("/accuracy", **described(None, AccuracyList))
def accuracy_list(_caller: AsViewer, serving: Serving, model: str | None = None) -> Response:
    """The newest accuracies, all or those of a model."""
    try:
        if model is not None:
            shape_of(ModelName).check(model, "model")
    except WireError as error:
        raise BadRequest(f"{error}.", "Names are of letters, digits, and _ . - between them.") from None
    with serving.database.read() as session:
        return answer(AccuracyList(accuracies=accuracy_queries.accuracies(session, newest=NEWEST, model=model)))


@router.get("/accuracy/{job_id}", **described(None, AccuracyView))
def accuracy(job_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """What one accuracy job found."""
    with serving.database.read() as session:
        return answer(accuracy_queries.accuracy(session, job_id))
