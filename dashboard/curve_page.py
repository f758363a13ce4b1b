"""The curve page: choose a curve, see where it jumps and which token counts are worth keeping."""

from __future__ import annotations

import streamlit as st

from agent.errors import Refused, StepfarmError
from dashboard import curve_sections, selection, sign_in, trouble
from dashboard.selection import Selection
from dashboard.shelf import Look, Shelf
from dashboard.wording import curve_label, plain
from orchestrator.views import CurveSummary, CurveView, JobView

CHOSEN = "chosen-curve"
REFRESH_S = 2.0


def show() -> None:
    """The page, or what is wrong."""
    shelf = sign_in.current()
    if shelf is None:
        return
    try:
        _page(shelf)
    except StepfarmError as error:
        trouble.tell(error)


def _page(shelf: Shelf) -> None:
    summaries = shelf.curves()
    parsed = selection.from_query(st.query_params.to_dict())
    notices = list(parsed.notices)
    wanted = parsed.selection.curve_id
    if wanted is not None and all(summary.id != wanted for summary in summaries):
        # The list holds the newest; an older curve can still be asked for by number.
        try:
            summaries = (*summaries, shelf.client.curve(wanted).summary)
        except Refused as error:
            if error.type != "not-found":
                raise
            notices.append(f"{error.message} The newest is shown instead." if summaries else error.message)
            wanted = None
    for notice in notices:
        st.warning(plain(notice), icon=":material/link_off:")
    if not summaries:
        st.fragment(_empty, run_every=REFRESH_S)(shelf)
        return
    chosen = _choose(summaries, wanted)
    if not notices:
        st.query_params.from_dict({**st.query_params.to_dict(), **selection.to_query(Selection(curve_id=chosen.id))})
    look = shelf.look(chosen)
    if _still_growing(look.view):
        st.fragment(_growing, run_every=REFRESH_S)(shelf, chosen.id)
    else:
        _show(shelf, look)


def _choose(summaries: tuple[CurveSummary, ...], wanted: int | None) -> CurveSummary:
    by_id = {summary.id: summary for summary in summaries}
    # The address is the truth; the box shows it.
    st.session_state[CHOSEN] = wanted or summaries[0].id
    chosen: int = st.selectbox(
        "Curve",
        list(by_id),
        format_func=lambda curve_id: curve_label(by_id[curve_id]),
        key=CHOSEN,
        on_change=_put_in_address,
    )
    return by_id[chosen]


def _put_in_address() -> None:
    st.query_params.update(selection.to_query(Selection(curve_id=st.session_state[CHOSEN])))


def _put_count_in_address(tokens: int | None) -> None:
    if tokens is None:
        st.query_params.pop(selection.TOKENS, None)
    else:
        st.query_params.update(selection.to_query(Selection(tokens=tokens)))


def _still_growing(view: CurveView) -> bool:
    """Whether more is to come. A job that ended without one reading is never sealed."""
    return not view.sealed and not (view.summary.job_state.final and view.summary.readings == 0)


def _growing(shelf: Shelf, curve_id: int) -> None:
    try:
        look = shelf.fresh_look(curve_id)
        if not _still_growing(look.view):
            st.rerun(scope="app")
        _show(shelf, look)
    except StepfarmError as error:
        trouble.tell(error)


def _show(shelf: Shelf, look: Look) -> None:
    view, summary = look.view, look.view.summary
    curve_sections.headline(summary)
    if _still_growing(view):
        curve_sections.progress(summary, None if summary.imported else shelf.job_of(summary))
    elif summary.job_state.value != "done":
        _ending(shelf.job_of(summary), view)
    curve_sections.outdated(view)
    curve_sections.doubts(view.analysis.curve)
    curve_sections.metrics(view.analysis, summary)
    curve_sections.outcome(view.analysis)
    curve_sections.chart(look)
    in_mind = selection.from_query(st.query_params.to_dict()).selection.tokens
    curve_sections.advice(view.analysis, in_mind, _put_count_in_address)
    curve_sections.recommendation(view.analysis)
    left, right = st.columns(2)
    with left:
        curve_sections.steps(view.analysis)
    with right:
        curve_sections.sweet_spots(view.analysis)
    # A device of this fleet may by chance be called what the file says.
    curve_sections.conditions(look, None if summary.imported else shelf.device(summary.device))


def _ending(job: JobView, view: CurveView) -> None:
    words = f"The job is {view.summary.job_state.value}: what was measured until then is shown."
    if job.failure is not None:
        words = f"{words} {job.failure.message} {job.failure.advice}"
    st.warning(plain(words), icon=":material/block:")


def _empty(shelf: Shelf) -> None:
    """What to do while there is no curve."""
    try:
        if shelf.curves():
            st.rerun(scope="app")
        jobs = shelf.latest_jobs()
    except StepfarmError as error:
        trouble.tell(error)
        return
    st.markdown("#### No curve yet")
    if jobs:
        st.markdown("A curve appears here as soon as a device has loaded the model of its first job.")
        lines = "\n".join(f"- {_job_words(job)}" for job in jobs[:20])
        st.markdown(lines)
        return
    st.markdown("Measure one: name a model and a device of the fleet.")
    st.code("stepfarm devices list\nstepfarm sweep create --help", language="shell")
    st.caption("No device is enrolled yet? `stepfarm enroll-code` prints the command to run on it.")


def _job_words(job: JobView) -> str:
    words = f"{job.model} at batch {job.workload.batch_size} on {job.device}: {job.state.value}"
    if job.failure is not None:
        words = f"{words}. {job.failure.message} {job.failure.advice}"
    return plain(words)
