"""The page that queues a sweep: the form, how many jobs it makes, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from agent.errors import StepfarmError
from dashboard import address, places, sweep_wish, trouble
from dashboard.finding import meant, working
from dashboard.shelf import Shelf
from dashboard.sweep_form import sweep_form
from dashboard.sweep_wish import Wish, WishUnclear
from dashboard.wording import plain
from orchestrator.counting import counted
from orchestrator.views import DeviceState, DeviceView, SweepRequest

_QUEUED = "new-sweep-queued"
JUST_NOW_NS = 2 * 10**9
"""Nobody opens the form again so soon after a sweep was queued."""


def show() -> None:
    """The page, or what is wrong."""
    trouble.told(_page)


def _page(shelf: Shelf) -> None:
    if trouble.for_operators_alone(shelf, "Queueing sweeps"):
        return
    queued_id, at_ns = st.session_state.get(_QUEUED, (None, 0))
    if queued_id is not None and shelf.clock.monotonic_ns() - at_ns < JUST_NOW_NS:
        # The second of two presses came while the first was leading away, and brought the person back here.
        places.go(places.SWEEPS, {address.SWEEP: queued_id})
    devices = working(shelf.client.devices())
    if not devices:
        st.info("There is no device yet that could measure. Let one in first.", icon=places.ENROL.icon)
        places.link(places.ENROL, places.ENROL.title, icon=places.ENROL.icon)
        return
    wish = sweep_form(devices, [curve.model for curve in shelf.curves()])
    found = meant(devices, wish.devices, wish.labels)
    st.markdown(_count_words(wish, found))
    quiet = [device.name for device in found if device.state is DeviceState.QUIET]
    if quiet:
        st.caption(f":material/bedtime: Gone quiet: {plain(', '.join(quiet))}. Their jobs wait until they are back.")
    if st.button("Queue the sweep", type="primary", icon=places.NEW_SWEEP.icon, key="queue-sweep"):
        try:
            wanted = sweep_wish.request(wish)
            sweep_id = shelf.once(wanted, lambda: _queued(shelf, wanted))
            st.session_state[_QUEUED] = (sweep_id, shelf.clock.monotonic_ns())
        except StepfarmError as error:
            trouble.tell(error, again=False)
        else:
            places.go(places.SWEEPS, {address.SWEEP: sweep_id})


def _count_words(wish: Wish, devices: Sequence[DeviceView]) -> str:
    """How many jobs the form asks for, as it stands."""
    try:
        sizes = len(sweep_wish.batch_sizes(wish.batches))
    except WishUnclear as error:
        return plain(f"{error.message} {error.advice}")
    models = len(set(wish.models))
    factors = (counted(models, "model"), counted(sizes, "batch size"), counted(len(devices), "device"))
    found = ", ".join(plain(device.name) for device in devices)
    jobs = counted(models * sizes * len(devices), "job")
    return f"{' x '.join(factors)} = **{jobs}**" + (f" on {found}" if found else "")


def _queued(shelf: Shelf, request: SweepRequest) -> int:
    """The number of the sweep that ``request`` becomes."""
    return shelf.client.create_sweep(
        models=request.models,
        workloads=request.workloads,
        devices=request.devices,
        labels=request.labels,
        plan=request.plan,
        priority=request.priority,
    ).id
