"""What a device said of schedules, joined to them: for the commands and the pages alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.wire.schedule_files import Latency, Proof, ScheduleFile
from agent.wire.schedules import Schedule
from orchestrator.analysis.schedules import Option, Origin, SchedulesFound
from orchestrator.views import CurveView, VerificationView, VerifiedView

UNPROVED = "Nothing has timed the pruned model on the device: verify it first (stepfarm schedule verify)."
SIMULATED = "Simulated: no hardware was timed, so this is not to be deployed."


def worth_verifying(found: SchedulesFound) -> tuple[Option, ...]:
    """The options that remove tokens, each schedule once, without uniform pruning, which stands beside each anyway."""
    able = [option for option in found.options if option.schedule.prunes and option.origin is not Origin.UNIFORM]
    # The first of two equal ones names it: the best before the recommended.
    first = {option.schedule: option for option in reversed(able)}
    return tuple(option for option in able if first[option.schedule] is option)


def latest(schedule: Schedule, verifications: Iterable[VerificationView]) -> VerifiedView | None:
    """What the newest verification says of ``schedule`` that has timed it, of ``verifications``, newest first."""
    entries = (entry for one in verifications for entry in one.entries if entry.schedule == schedule)
    return next((entry for entry in entries if entry.proof is not None), None)


def verdict(proof: Proof | None) -> str:
    """Whether the device proved a schedule, in words; and why not where it did not."""
    if proof is None:
        return "not verified"
    if proof.proved:
        words = "proved"
    elif not proof.against_plain.faster:
        words = "not proved: not surely faster than the plain model"
    else:
        words = "not proved: not surely faster than uniform pruning"
    doubts = ", ".join(doubt.value for doubt in proof.doubts)
    return f"{words} (doubted: {doubts})" if doubts else words


def schedule_file(view: CurveView, option: Option, verifications: Sequence[VerificationView]) -> ScheduleFile:
    """An option of a curve as a file, with the newest proof of it that there is."""
    summary, entry = view.summary, latest(option.schedule, verifications)
    proof = None if entry is None else entry.proof
    predicted = option.predicted
    notes = [UNPROVED if proof is None else f"On {summary.device}: {verdict(proof)}."]
    if summary.simulated:
        notes.append(SIMULATED)
    if view.doubts:
        notes.append(f"The curve is doubted: {', '.join(dict.fromkeys(doubt.reason.value for doubt in view.doubts))}.")
    return ScheduleFile(
        schedule=option.schedule,
        model=summary.model,
        workload=summary.workload,
        device=summary.device,
        device_kind=summary.device_kind,
        curve_id=summary.id,
        curve_sha256=view.readings_sha256,
        predicted=None
        if predicted is None
        else Latency(latency_ns=predicted.latency_ns, low_ns=predicted.low_ns, high_ns=predicted.high_ns),
        proof=proof,
        note=" ".join(notes),
    )
