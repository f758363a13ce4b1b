"""The fleet page: every device, what it is doing, and one of them in detail where the address names it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import address, device_view, places, trouble
from dashboard.device_card import card
from dashboard.device_words import KINDS, STATES
from dashboard.finding import Filter, labels_of
from dashboard.long_lists import how_many, offer_rest
from dashboard.shelf import Shelf
from dashboard.wording import plain
from orchestrator.counting import counted
from orchestrator.views import DeviceState, DeviceView

REFRESH_S = 3.0
ACROSS = 3
"""Cards side by side in a wide window; in a narrow one they stand below each other."""
MOST_SHOWN = 30
LIST = "fleet-list"


def show() -> None:
    """The page, or what is wrong."""
    trouble.told(_page)


def _page(shelf: Shelf) -> None:
    name = st.query_params.get(address.DEVICE)
    if name is not None:
        device = shelf.device(name)
        if device is not None:
            device_view.show(shelf, device)
            return
        notice = f"There is no device {address.shown(name)}. The whole fleet is shown instead."
        st.warning(plain(notice), icon=":material/link_off:")
    devices = shelf.client.devices()
    if not devices:
        _empty(shelf)
        return
    wanted = _filter(devices) if len(devices) > 1 else Filter()
    trouble.kept_fresh(lambda: _cards(shelf, wanted), every_s=REFRESH_S)


def _empty(shelf: Shelf) -> None:
    st.markdown("#### No device yet")
    st.markdown("A device is any machine that runs the agent: a Jetson, a Raspberry Pi, a phone, this computer.")
    if shelf.operates:
        places.link(places.ENROL, "Enrol a device", icon=places.ENROL.icon)
        st.caption("Or run `stepfarm enroll-code` here: it prints the line to paste on the device.")
    else:
        st.caption("An operator lets the first one in, by the page *Enrol a device* or by `stepfarm enroll-code`.")

    def wait() -> None:
        if shelf.client.devices():
            st.rerun(scope="app")

    trouble.kept_fresh(wait, every_s=REFRESH_S)


def _filter(devices: Sequence[DeviceView]) -> Filter:
    """What the person wants to see. Every state is offered always: devices change theirs while the page is open."""
    kinds = [kind for kind in KINDS if any(device.kind is kind for device in devices)]
    known = labels_of(devices)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        states = st.pills(
            "State", list(DeviceState), selection_mode="multi", format_func=STATES.__getitem__, key="fleet-states"
        )
        of_kinds = (
            st.pills("Kind", kinds, selection_mode="multi", format_func=KINDS.__getitem__, key="fleet-kinds")
            if len(kinds) > 1
            else []
        )
        labels = st.multiselect("Label", known, format_func=str, key="fleet-labels", width=280) if known else []
    return Filter(states=states, kinds=of_kinds, labels=labels)


def _cards(shelf: Shelf, wanted: Filter) -> None:
    devices, now_ms = shelf.client.devices(), shelf.clock.epoch_ms()
    shown = [device for device in devices if wanted.shows(device)]
    st.caption(_tally(devices, shown))
    drawn = shown[: how_many(LIST, MOST_SHOWN)]
    for start in range(0, len(drawn), ACROSS):
        for column, device in zip(st.columns(ACROSS), drawn[start : start + ACROSS], strict=False):
            with column:
                card(device, now_ms)
    offer_rest(LIST, "more device", left=len(shown) - len(drawn))


def _tally(devices: Sequence[DeviceView], shown: Sequence[DeviceView]) -> str:
    """How many devices there are and what they do: "3 devices: 2 idle, 1 gone quiet"."""
    states = [device.state for device in devices]
    parts = ", ".join(f"{states.count(state)} {STATES[state]}" for state in DeviceState if state in states)
    left_out = len(devices) - len(shown)
    hidden = f" · {left_out} not shown: they do not match what is chosen above" if left_out else ""
    return f"{counted(len(devices), 'device')}: {parts}{hidden}"
