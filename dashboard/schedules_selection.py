"""What the Schedules page shows, in its address and back, the stated accuracy curve included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.errors import StepfarmError
from dashboard.address_reader import CURVES, NONE, AddressReader
from orchestrator.analysis.accuracy import AccuracyCurve, BadAccuracy
from orchestrator.analysis.utility import ALPHA
from orchestrator.choosing import Wanted, Work, matching, work_of
from orchestrator.common_schedule import MOST_CURVES
from orchestrator.views import CurveSummary

ACCURACY = "accuracy"
MOST_COUNTS = 600
"""Counts of a stated accuracy curve that an address can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulesSelection:
    """The whole view: numbers of curves (None where nobody chose), and what the paper's utility weighs.

    ``kept`` is the share that one schedule for all of them is to keep, None where nobody said; ``job`` the accuracy job
    whose top-1 is weighed instead of a stated ``accuracy``.
    """

    curves: tuple[int, ...] | None = None
    simulated: bool = False
    alpha: float = ALPHA
    accuracy: AccuracyCurve | None = None
    kept: float | None = None
    job: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulesParsed:
    """What an address selects, and a notice for each part of it that makes no sense and was ignored."""

    selection: SchedulesSelection
    notices: tuple[str, ...] = ()


def from_query(params: Mapping[str, str]) -> SchedulesParsed:
    """The selection in the query parameters of an address."""
    reader = AddressReader(params)
    selection = SchedulesSelection(
        curves=reader.curves(MOST_CURVES),
        simulated=reader.flag("simulated"),
        alpha=reader.share("alpha", ALPHA),
        accuracy=_accuracy(params.get(ACCURACY), reader),
        kept=reader.share("kept", 0.0) or None,
        job=reader.number("job"),
    )
    return SchedulesParsed(selection=selection, notices=tuple(reader.notices))


def to_query(selection: SchedulesSelection) -> dict[str, str]:
    """The query parameters that `from_query` reads as ``selection``; what is usual is left out."""
    query = {
        "simulated": "1" if selection.simulated else "",
        "alpha": "" if selection.alpha == ALPHA else f"{selection.alpha:g}",
        "job": "" if selection.job is None else str(selection.job),
        "kept": "" if selection.kept is None else f"{selection.kept:g}",
        ACCURACY: "" if selection.accuracy is None else _in_address(selection.accuracy),
    }
    if selection.curves is not None:
        query[CURVES] = ",".join(map(str, selection.curves)) or NONE
    return {name: value for name, value in query.items() if value}


def fit_for_address(accuracy: AccuracyCurve) -> AccuracyCurve:
    """``accuracy`` if a link can hold it.

    Raises:
        StepfarmError: it has too many counts.
    """
    if len(accuracy.stated) > MOST_COUNTS:
        raise StepfarmError(
            f"The accuracy curve has {len(accuracy.stated):,} token counts; a link holds {MOST_COUNTS}.",
            "State fewer: between two counts accuracy is taken from the line between them.",
        )
    return accuracy


def _in_address(accuracy: AccuracyCurve) -> str:
    # These characters stand in an address as they are.
    return "~".join(f"{tokens}_{value:.6g}" for tokens, value in accuracy.stated)


def _accuracy(text: str | None, reader: AddressReader) -> AccuracyCurve | None:
    if text is None:
        return None
    try:
        pairs = [pair.split("_") for pair in text.split("~", MOST_COUNTS + 1)]
        return fit_for_address(AccuracyCurve(stated=tuple((int(tokens), float(value)) for tokens, value in pairs)))
    except ValueError:
        reader.ignore("an accuracy curve that cannot be read", "it is counts and accuracies, as in 100_71.5~197_79.8")
    except BadAccuracy as error:
        reader.ignore("an accuracy curve that cannot be meant", error.message)
    except StepfarmError as error:
        reader.ignore("a long accuracy curve", error.message)
    return None


def works(summaries: Sequence[CurveSummary], *, simulated: bool) -> list[Work]:
    """The work that there are curves of, that of the newest curve first."""
    return list(dict.fromkeys(map(work_of, matching(summaries, Wanted(simulated=simulated)).curves)))


def on_offer(summaries: Sequence[CurveSummary], work: Work, *, simulated: bool) -> list[CurveSummary]:
    """The newest curve of each combination that is of ``work``."""
    found = matching(summaries, Wanted(simulated=simulated)).curves
    return [summary for summary in found if work_of(summary) == work]


def left_out(summaries: Sequence[CurveSummary], work: Work) -> int:
    """How many curves of ``work`` are left out because their devices are simulated."""
    of_work = [summary for summary in summaries if work_of(summary) == work]
    return matching(of_work, Wanted()).simulated_left_out
