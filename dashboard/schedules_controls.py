"""The controls of the Schedules page. The address is the truth: what a person changes goes into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from agent.errors import StepfarmError
from dashboard import schedules_selection
from dashboard.schedules_selection import SchedulesSelection
from dashboard.wording import error_words
from orchestrator.analysis.accuracy import ADVICE, BadAccuracy, read_accuracy
from orchestrator.choosing import Work, names_of
from orchestrator.common_schedule import MOST_CURVES
from orchestrator.counting import counted
from orchestrator.views import AccuracyView, CurveSummary

_WORK = "schedules-work"
_CURVES = "schedules-curves"
_SIMULATED = "schedules-simulated"
_ALPHA = "schedules-alpha"
_ACCURACY = "schedules-accuracy"
_JOB = "schedules-accuracy-job"
_KEPT = "schedules-kept"
_REFUSED = "schedules-accuracy-refused"


def curves(
    selection: SchedulesSelection, listed: Sequence[CurveSummary], work: Work, chosen: Sequence[CurveSummary]
) -> None:
    """Which model and workload, and which devices' curves of it."""
    works = schedules_selection.works((*chosen, *listed), simulated=selection.simulated)
    of_work = {str(one): one for one in (work, *works)}
    st.session_state[_WORK] = str(work)
    st.selectbox("Model and batch size", list(of_work), key=_WORK, on_change=_other_work, args=(selection, listed))
    offer = schedules_selection.on_offer(listed, work, simulated=selection.simulated)
    named = {one.id: one for one in (*offer, *chosen)}
    names = dict(zip(named, names_of(list(named.values())), strict=True))
    st.session_state[_CURVES] = [one.id for one in chosen]
    st.multiselect(
        f"Devices ({len(chosen)} of {len(named)})",
        list(named),
        format_func=names.__getitem__,
        key=_CURVES,
        on_change=_other_curves,
        args=(selection,),
        max_selections=MOST_CURVES,
        placeholder="Choose at least one",
    )
    simulated_too(selection, 0 if selection.simulated else schedules_selection.left_out(listed, work))


def simulated_too(selection: SchedulesSelection, left_out: int) -> None:
    """Whether simulated devices are among them, and how many curves are left out."""
    st.session_state[_SIMULATED] = selection.simulated
    words = f" ({counted(left_out, 'curve')} left out)" if left_out else ""
    st.toggle(f"Simulated too{words}", key=_SIMULATED, on_change=_other_devices, args=(selection,))


def _other_work(selection: SchedulesSelection, listed: Sequence[CurveSummary]) -> None:
    works = {str(one): one for one in schedules_selection.works(listed, simulated=selection.simulated)}
    work = works.get(st.session_state[_WORK])
    if work is not None:
        offer = schedules_selection.on_offer(listed, work, simulated=selection.simulated)
        _put(replace(selection, curves=tuple(one.id for one in offer[:MOST_CURVES])))


def _other_curves(selection: SchedulesSelection) -> None:
    _put(replace(selection, curves=tuple(st.session_state[_CURVES])))


def _other_devices(selection: SchedulesSelection) -> None:
    # The curves are chosen anew, with or without the simulated ones.
    _put(replace(selection, simulated=st.session_state[_SIMULATED], curves=None))


def utility(selection: SchedulesSelection, accuracies: Sequence[AccuracyView]) -> None:
    """What the paper's utility weighs: any of ``accuracies``, or a stated curve, or the token density."""
    chosen = selection.accuracy is not None or selection.job is not None
    with st.expander("The paper's utility, and accuracy", icon=":material/balance:", expanded=chosen):
        st.latex(r"U(n) = \alpha \left(1 - \frac{L(n)}{\max L}\right) + (1 - \alpha)\, \frac{A(n)}{\max A}")
        st.session_state[_ALPHA] = selection.alpha
        st.slider(
            "Alpha: what latency weighs", 0.0, 1.0, step=0.01, key=_ALPHA, on_change=_other_alpha, args=(selection,)
        )
        _measured(selection, accuracies)
        if selection.job is not None:
            return
        if selection.accuracy is None:
            st.caption("No accuracy curve is stated, so A(n) is the token density n / N: it knows nothing of accuracy.")
        else:
            counts = [tokens for tokens, _ in selection.accuracy.stated]
            st.caption(
                f"A(n) is a stated accuracy curve of {len(counts)} counts from {counts[0]} to {counts[-1]}, with "
                "straight lines between them. The address of this page holds it."
            )
            st.button("Use the token density", key="schedules-density", on_click=_no_accuracy, args=(selection,))
        st.file_uploader(
            "Accuracy curve (CSV)",
            type="csv",
            max_upload_size=1,
            key=_ACCURACY,
            on_change=_uploaded,
            args=(selection,),
            help=ADVICE,
        )
        refused = st.session_state.pop(_REFUSED, None)
        if refused is not None:
            st.error(refused, icon=":material/error:")


def _measured(selection: SchedulesSelection, accuracies: Sequence[AccuracyView]) -> None:
    able = [one for one in accuracies if one.labelled and one.results]
    if not able:
        return
    names = {one.job_id: f"{one.dataset.name} · {one.results[0].images:,} images · job {one.job_id}" for one in able}
    st.session_state[_JOB] = selection.job if selection.job in names else None
    st.selectbox(
        "Measured accuracy",
        [None, *names],
        format_func=lambda job: "none: stated, or the token density" if job is None else names[job],
        key=_JOB,
        on_change=_other_job,
        args=(selection,),
    )


def _other_job(selection: SchedulesSelection) -> None:
    _put(replace(selection, job=st.session_state[_JOB]))


def kept(selection: SchedulesSelection, now: float) -> None:
    """How much one schedule for all devices is to keep; ``now`` is what it keeps, 0 to 1."""
    st.session_state[_KEPT] = round(100 * (now if selection.kept is None else selection.kept), 1)
    st.number_input(
        "Keep at least, % of tokens" if selection.accuracy is None else "Keep at least, % of the stated accuracy",
        min_value=1.0,
        max_value=100.0,
        step=1.0,
        format="%.1f",
        key=_KEPT,
        on_change=_other_kept,
        args=(selection,),
    )


def _other_kept(selection: SchedulesSelection) -> None:
    _put(replace(selection, kept=round(st.session_state[_KEPT] / 100, 4)))


def _other_alpha(selection: SchedulesSelection) -> None:
    _put(replace(selection, alpha=round(st.session_state[_ALPHA], 4)))


def _no_accuracy(selection: SchedulesSelection) -> None:
    _put(replace(selection, accuracy=None))


def _uploaded(selection: SchedulesSelection) -> None:
    file = st.session_state[_ACCURACY]
    if file is None:
        _no_accuracy(selection)
        return
    try:
        text = file.getvalue().decode("utf-8")
        accuracy = schedules_selection.fit_for_address(read_accuracy(text))
    except UnicodeDecodeError:
        st.session_state[_REFUSED] = error_words(BadAccuracy("The accuracy file is no text in UTF-8."))
    except StepfarmError as error:
        st.session_state[_REFUSED] = error_words(error)
    else:
        _put(replace(selection, accuracy=accuracy))


def _put(selection: SchedulesSelection) -> None:
    st.query_params.from_dict(schedules_selection.to_query(selection))
