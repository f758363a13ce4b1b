"""A device at a glance: what the fleet page shows of each, and the head of a device's own view."""

from __future__ import annotations

import streamlit as st

from agent.wire.enrolment import DeviceKind
from dashboard import places
from dashboard.address import DEVICE
from dashboard.device_words import (
    COLOURS,
    DOUBLED_ADVICE,
    MARKS,
    STATES,
    doubled_words,
    hardware_words,
    queue_words,
    state_words,
)
from dashboard.job_words import round_share
from dashboard.wording import plain
from orchestrator.views import DeviceState, DeviceView

SIMULATED = ":violet-badge[simulated]"
"""The mark of what was never timed on hardware, as Markdown."""


def card(device: DeviceView, now_ms: int) -> None:
    """One device of the fleet, with a link to its own view."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"{MARKS[device.kind]} **{plain(device.name)}** {badges(device)}")
        st.caption(plain(hardware_words(device)))
        doing(device, now_ms)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f":gray[{queue_words(device)}] {labels(device)}", width="content")
            places.link(places.FLEET, "Details", {DEVICE: device.name}, icon=":material/chevron_right:")


def badges(device: DeviceView) -> str:
    """State and, where nothing is timed there, that it is simulated, as Markdown."""
    state = f":{COLOURS[device.state]}-badge[{STATES[device.state]}]"
    return f"{state} {SIMULATED}" if device.kind is DeviceKind.SIMULATED else state


def labels(device: DeviceView) -> str:
    """The labels as Markdown."""
    return " ".join(f":gray-badge[{plain(str(label))}]" for label in device.labels)


def doing(device: DeviceView, now_ms: int, *, advise: bool = False) -> None:
    """What the device is doing, how far it is, and whether somebody else uses its identity.

    Args:
        advise: say what to do about the latter.
    """
    st.markdown(plain(state_words(device, now_ms)))
    if device.state is DeviceState.MEASURING and device.job is not None:
        st.progress(round_share(device.job))
    doubled = doubled_words(device, now_ms)
    if doubled is not None:
        st.warning(plain(f"{doubled} {DOUBLED_ADVICE}" if advise else doubled), icon=":material/content_copy:")
