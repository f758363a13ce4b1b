"""One sweep: how its jobs stand, why some failed or wait, and what an operator may do with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from agent.errors import StepfarmError
from dashboard import places, selection, trouble
from dashboard.address import DEVICE, SWEEP
from dashboard.device_card import SIMULATED
from dashboard.job_words import (
    COLOURS,
    in_order,
    job_remark,
    left_words,
    progress_words,
    queued_words,
    round_share,
    sweep_share,
    sweep_words,
    tally,
    way_words,
    workload_words,
)
from dashboard.long_lists import how_many, offer_rest
from dashboard.shelf import Shelf
from dashboard.wording import plain
from orchestrator.counting import counted
from orchestrator.views import JobView, SweepView

REFRESH_S = 2.0
MOST_SHOWN = 40
LIST = "jobs-list"


def show(shelf: Shelf, sweep: SweepView) -> None:
    """The view. How the jobs stand follows by itself."""
    places.link(places.SWEEPS, "All sweeps", icon=":material/arrow_back:")
    st.markdown(f"#### Sweep {sweep.id}: {plain(sweep_words(sweep))}")
    st.caption(f"{way_words(sweep)} · {queued_words(sweep, shelf.clock.epoch_ms())}")
    if sweep.retry_of is not None:
        places.link(
            places.SWEEPS,
            f"Does again what failed or was cancelled in sweep {sweep.retry_of}",
            {SWEEP: sweep.retry_of},
        )
    if shelf.operates:
        _actions(shelf, sweep)
    if sweep.ended:
        _jobs(shelf, sweep)
    else:
        trouble.kept_fresh(lambda: _now(shelf, sweep), every_s=REFRESH_S)


def _can_be_cancelled(sweep: SweepView) -> bool:
    return any(not job.state.final and not job.cancelling for job in sweep.jobs)


def _can_be_retried(sweep: SweepView) -> bool:
    return any(job.state.value in ("failed", "cancelled") for job in sweep.jobs)


def _actions(shelf: Shelf, sweep: SweepView) -> None:
    with st.container(horizontal=True):
        if _can_be_cancelled(sweep):
            with st.popover("Cancel", icon=":material/cancel:"):
                _cancel(shelf, sweep)
        if _can_be_retried(sweep):
            _retry(shelf, sweep)


def _cancel(shelf: Shelf, sweep: SweepView) -> None:
    st.markdown(
        "What is queued is cancelled at once. A device that is measuring hears of it at its next heartbeat, within "
        "about 15 s, and stops within one pass. What was measured until then is kept."
    )
    if st.button("Cancel the sweep", type="primary", icon=":material/cancel:", key=f"cancel-{sweep.id}"):
        shelf.client.cancel_sweep(sweep.id)
        st.rerun()


def _retry(shelf: Shelf, sweep: SweepView) -> None:
    if st.button("Retry what failed or was cancelled", icon=":material/replay:", key=f"retry-{sweep.id}"):
        try:
            retried = shelf.once(("retry", sweep.id), lambda: shelf.client.retry_sweep(sweep.id).id)
        except StepfarmError as error:
            trouble.tell(error, again=False)
        else:
            places.go(places.SWEEPS, {SWEEP: retried})


def _now(shelf: Shelf, drawn: SweepView) -> None:
    sweep = shelf.client.sweep_view(drawn.id)
    now, then = ((one.ended, _can_be_cancelled(one), _can_be_retried(one)) for one in (sweep, drawn))
    if now != then:
        # What may be done with it has changed.
        st.rerun(scope="app")
    _jobs(shelf, sweep)


def _jobs(shelf: Shelf, sweep: SweepView) -> None:
    simulated, now_ms = shelf.simulated(), shelf.clock.epoch_ms()
    words = f"{counted(len(sweep.jobs), 'job')}: {tally(sweep.jobs)} · {left_words(sweep, now_ms)}"
    if sweep.ended:
        st.markdown(words)
    else:
        st.progress(sweep_share(sweep), text=words)
    shown = in_order(sweep.jobs)[: how_many(LIST, MOST_SHOWN)]
    for device in dict.fromkeys(job.device for job in sweep.jobs):
        jobs = [job for job in shown if job.device == device]
        if jobs:
            _device(device, jobs, simulated=device in simulated, now_ms=now_ms)
    offer_rest(LIST, "more job", left=len(sweep.jobs) - len(shown))


def _device(name: str, jobs: Sequence[JobView], *, simulated: bool, now_ms: int) -> None:
    """The jobs of one device, which does them one after the other."""
    with st.container(border=True):
        label = f"{plain(name)} {SIMULATED}" if simulated else plain(name)
        places.link(places.FLEET, label, {DEVICE: name}, icon=places.FLEET.icon)
        if any(job.device_quiet for job in jobs):
            st.caption(":material/bedtime: It has gone quiet. Its jobs go on when it is back.")
        for job in jobs:
            _job(job, now_ms)


def _job(job: JobView, now_ms: int) -> None:
    what, curve = st.columns([5, 1], vertical_alignment="center")
    state = f":{COLOURS[job.state.value]}-badge[{job.state.value}]"
    what.markdown(f"{state} **{plain(job.model)}** · {plain(workload_words(job.workload))}")
    if job.curve_id is not None:
        with curve:
            query = {selection.CURVE: job.curve_id}
            places.link(places.CURVES, f"Curve {job.curve_id}", query, icon=places.CURVES.icon)
    if job.state.value == "leased":
        st.progress(round_share(job), text=plain(progress_words(job)))
    remark = job_remark(job, now_ms)
    if remark is not None:
        st.markdown(f":material/subdirectory_arrow_right: {plain(remark)}")
