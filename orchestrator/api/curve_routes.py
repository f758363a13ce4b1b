"""What people may ask of curves: to see them, to take them away as files, and to bring files in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from agent.wire.codec import WireError
from orchestrator.api.auth import AsOperator, AsViewer, Serving, same_protocol
from orchestrator.api.messages import NEWEST, Number, answer, body_up_to, message
from orchestrator.api.openapi import described
from orchestrator.curves.file import MAX_FILE_BYTES, CurveFile
from orchestrator.errors import BadRequest
from orchestrator.storage import curve_queries, imports
from orchestrator.storage.curve_queries import Wanted
from orchestrator.views import CurveList, CurveTaken, CurveView, ReadingsView

router = APIRouter(prefix="/v1", dependencies=[Depends(same_protocol)], tags=["people"])

FileBody = Annotated[bytes, Depends(body_up_to(MAX_FILE_BYTES))]


@router.get("/curves", **described(None, CurveList))
def curve_list(
    _caller: AsViewer,
    serving: Serving,
    device: str | None = None,
    model: str | None = None,
    simulated: str | None = None,
) -> Response:
    """The newest curves, all or those of a device, of a model, of simulated devices (``true``) or not (``false``)."""
    wanted = _wanted(device, model, simulated)
    with serving.database.read() as session:
        return answer(CurveList(curves=curve_queries.summaries(session, newest=NEWEST, wanted=wanted)))


def _wanted(device: str | None, model: str | None, simulated: str | None) -> Wanted:
    if simulated not in (None, "true", "false"):
        raise BadRequest("simulated must be true or false.", "Leave it out to see both.")
    try:
        return Wanted(device=device, model=model, simulated=None if simulated is None else simulated == "true")
    except WireError as error:
        raise BadRequest(f"{error}.", "Names are of letters, digits, and _ . - between them.") from None


@router.post("/curves", **described(CurveFile, CurveTaken))
def take(_caller: AsOperator, body: FileBody, serving: Serving) -> Response:
    """Bring in a curve that was measured elsewhere; the same curve again is the one that is here."""
    file = message(CurveFile, body, max_bytes=MAX_FILE_BYTES)
    with serving.database.write() as session:
        curve_id, known = imports.take(session, file, now_ms=serving.clock.epoch_ms())
        return answer(CurveTaken(curve=curve_queries.summary(session, curve_id), known=known))


@router.get("/curves/{curve_id}", **described(None, CurveView))
def curve(curve_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """One curve with steps, sweet spots and recommendation."""
    with serving.database.read() as session:
        return answer(curve_queries.curve(session, curve_id))


@router.get("/curves/{curve_id}/readings", **described(None, ReadingsView))
def readings(curve_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """Every reading of a curve, with the conditions of its passes."""
    with serving.database.read() as session:
        return answer(curve_queries.readings(session, curve_id))


@router.get("/curves/{curve_id}/file", **described(None, CurveFile))
def file(curve_id: Number, _caller: AsViewer, serving: Serving) -> Response:
    """One curve with every reading and all that says what it is of, to be kept or imported elsewhere."""
    with serving.database.read() as session:
        return answer(curve_queries.file(session, curve_id))
