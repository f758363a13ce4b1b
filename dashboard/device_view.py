"""One device in detail: what it is and does, its latest curves, and what an operator may do with it."""

from __future__ import annotations

import streamlit as st

from agent.errors import StepfarmError
from agent.wire.codec import WireError
from dashboard import places, selection, trouble
from dashboard.address import DEVICE, SWEEP
from dashboard.device_card import badges, doing, labels
from dashboard.device_words import MARKS, facts, queue_words
from dashboard.finding import label_change
from dashboard.shelf import Shelf
from dashboard.wording import moment, plain
from orchestrator.views import DeviceState, DeviceView

REFRESH_S = 2.0
LATEST_CURVES = 8


def show(shelf: Shelf, device: DeviceView) -> None:
    """The view. What it does follows by itself; what is typed stays."""
    places.link(places.FLEET, "The whole fleet", icon=":material/arrow_back:")
    trouble.kept_fresh(lambda: _now(shelf, device), every_s=REFRESH_S)
    if shelf.operates:
        _actions(shelf, device)
    left, right = st.columns(2)
    with left:
        st.markdown("##### What it is")
        st.markdown("\n".join(f"- **{name}**: {plain(value)}" for name, value in facts(device).items()))
        if device.description.gaps:
            gaps = "\n".join(f"- {plain(gap)}" for gap in device.description.gaps)
            st.markdown(f"**Not known of it**\n{gaps}")
    with right:
        _curves(shelf, device)


def _now(shelf: Shelf, drawn: DeviceView) -> None:
    device = shelf.device(drawn.name)
    if device is None or _revoked(device) != _revoked(drawn):
        # What may be done with it has changed.
        st.rerun(scope="app")
    st.markdown(f"#### {MARKS[device.kind]} {plain(device.name)} {badges(device)} {labels(device)}")
    doing(device, shelf.clock.epoch_ms(), advise=True)
    st.caption(queue_words(device))
    if device.job is not None:
        places.link(places.SWEEPS, f"Sweep {device.job.sweep_id}", {SWEEP: device.job.sweep_id})


def _revoked(device: DeviceView) -> bool:
    return device.state is DeviceState.REVOKED


def _actions(shelf: Shelf, device: DeviceView) -> None:
    with st.container(horizontal=True):
        if not _revoked(device) and st.button("Queue a sweep", icon=places.NEW_SWEEP.icon, key="queue-here"):
            places.go(places.NEW_SWEEP, {DEVICE: device.name})
        with st.popover("Labels", icon=":material/label:"):
            _labels(shelf, device)
        if not _revoked(device):
            with st.popover("Revoke", icon=":material/block:"):
                _revoke(shelf, device)


def _labels(shelf: Shelf, device: DeviceView) -> None:
    now = ", ".join(str(label) for label in device.labels)
    with st.form(f"labels-{device.name}", border=False):
        # A key of its own for each set of labels: after saving, the box shows what is stored.
        wanted = st.text_input("Labels", now, placeholder="board=orin, lab", key=f"labels-{device.name}-{now}")
        st.caption("NAME=VALUE or a name alone, with commas between. A sweep finds devices by them.")
        if not st.form_submit_button("Save labels"):
            return
    try:
        change = label_change(device.labels, wanted)
        shelf.client.label_device(device.name, put=change.put, remove=change.remove)
    except WireError as error:
        st.error(plain(f"{error.path}: {error.complaint}."), icon=":material/error:")
    except StepfarmError as error:
        trouble.tell(error, again=False)
    else:
        st.rerun()


def _revoke(shelf: Shelf, device: DeviceView) -> None:
    st.markdown(
        f"**{plain(device.name)}** is shut out for good: its key is refused from now on, its queued jobs are "
        "cancelled, and what it has measured but not handed over is lost. Its curves stay, and its name stays taken."
    )
    if st.button("Revoke it for good", type="primary", icon=":material/block:", key=f"revoke-{device.name}"):
        shelf.client.revoke_device(device.name)
        st.rerun()


def _curves(shelf: Shelf, device: DeviceView) -> None:
    st.markdown("##### Its latest curves")
    own = [curve for curve in shelf.curves() if curve.device == device.name and curve.imported_ms is None]
    if not own:
        st.caption("None yet.")
    for curve in own[:LATEST_CURVES]:
        words = f"{plain(curve.model)} · batch {curve.workload.batch_size} · {moment(curve.created_ms)[:10]}"
        places.link(places.CURVES, words, {selection.CURVE: curve.id}, icon=places.CURVES.icon)
    if len(own) > LATEST_CURVES:
        st.caption(f"And {len(own) - LATEST_CURVES:,} more on the page of the curves.")
