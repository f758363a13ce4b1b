"""The page that lets a device in: a line to paste on it, good once, and a greeting when it has arrived."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from agent.connection import LOOPBACK
from agent.errors import Refused
from dashboard import address, places, trouble
from dashboard.device_card import badges
from dashboard.device_words import MARKS, facts, hardware_words
from dashboard.install_steps import STEPS
from dashboard.qr import qr_svg
from dashboard.shelf import Shelf
from dashboard.wording import moment, plain, span
from orchestrator.views import JoinCode, JoinCodeState, JoinCodeView

REFRESH_S = 2.0
QR_WIDTH = 260
_MADE = "enrol-code-made"


def show() -> None:
    """The page, or what is wrong."""
    trouble.told(_page)


def _page(shelf: Shelf) -> None:
    if trouble.for_operators_alone(shelf, "Enrolling devices"):
        return
    code = _looked_at(shelf)
    if code is None:
        _beginning(shelf)
    elif code.state is JoinCodeState.USED:
        _greeting(shelf, code)
    elif code.state is JoinCodeState.EXPIRED:
        st.warning(
            f"This code has expired at {moment(code.expires_ms)}. No device has used it.", icon=":material/timer_off:"
        )
        _offer(shelf, "Make a new code")
    else:
        _waiting(shelf, code)


def _looked_at(shelf: Shelf) -> JoinCodeView | None:
    """The code that the address names. Only a press of the button makes one: a page may be loaded again at any time."""
    asked = address.number_in(st.query_params.to_dict(), address.CODE)
    notice = asked.notice
    if asked.number is not None:
        try:
            return shelf.client.join_code(asked.number)
        except Refused as error:
            if error.type != "not-found":
                raise
            notice = error.message
    if notice is not None:
        st.warning(plain(notice), icon=":material/link_off:")
    return None


def _beginning(shelf: Shelf) -> None:
    st.markdown(
        "A device is any machine that runs the agent: a Jetson, a Raspberry Pi, a phone, a PC. It calls this farm and "
        "opens no port of its own, so it may stand behind any router."
    )
    st.markdown("A code lets one device in, once, within 60 minutes.")
    _offer(shelf, "Make a code")


def _offer(shelf: Shelf, label: str, *, first: bool = True) -> None:
    """A button that makes a code; ``first`` where it is what the person came for."""
    if st.button(label, type="primary" if first else "secondary", icon=places.ENROL.icon, key="make-code"):
        made = shelf.once(("code after", st.query_params.get(address.CODE)), shelf.client.new_join_code)
        # The code itself is told once and kept nowhere but in this sign-in.
        st.session_state[_MADE] = made
        places.go(places.ENROL, {address.CODE: made.id})


def _waiting(shelf: Shelf, code: JoinCodeView) -> None:
    made = st.session_state.get(_MADE)
    if isinstance(made, JoinCode) and made.id == code.id:
        _line(made)
    else:
        st.info(
            f"Code {code.id} waits for its device. It was shown when it was made and cannot be shown again; this page "
            "still greets the device that uses it.",
            icon=":material/visibility_off:",
        )
    trouble.kept_fresh(lambda: _arrival(shelf, code), every_s=REFRESH_S)
    _offer(shelf, "Make another code", first=False)


def _line(made: JoinCode) -> None:
    if urlsplit(made.url).hostname in {host.strip("[]") for host in LOOPBACK}:
        st.warning(
            f"**This line works on this machine alone**: `{made.url}` is its loopback address. To let other "
            "machines in, put a TLS reverse proxy before the orchestrator and set `STEPFARM_PUBLIC_URL` to its address "
            "(docs/operating.md).",
            icon=":material/lan:",
        )
    left, right = st.columns([3, 1])
    with left:
        st.markdown("##### 1. Make the device ready")
        for tab, steps in zip(st.tabs([steps.title for steps in STEPS.values()]), STEPS.values(), strict=True):
            with tab:
                st.code(steps.commands, language="shell", wrap_lines=True)
                st.caption(f"{steps.note} More: `{steps.document}`.")
        st.markdown("##### 2. Paste this line on it")
        st.code(made.command, language="shell", wrap_lines=True)
    with right:
        st.image(
            qr_svg(made.command),
            width=QR_WIDTH,
            caption="The same line, for a phone's camera",
            alt="QR code of the line",
        )


def _arrival(shelf: Shelf, drawn: JoinCodeView) -> None:
    """How long the code still waits. The page is drawn anew when it waits no longer."""
    code = shelf.client.join_code(drawn.id)
    if code.state is not JoinCodeState.WAITING:
        st.rerun(scope="app")
    left_s = (code.expires_ms - shelf.clock.epoch_ms()) / 1_000
    st.markdown(f":material/hourglass_top: Waiting for the device. The code is good for another **{span(left_s)}**.")


def _greeting(shelf: Shelf, code: JoinCodeView) -> None:
    device = None if code.device is None else shelf.device(code.device)
    if device is None:
        st.info(f"Code {code.id} has been used.", icon=":material/check_circle:")
        _offer(shelf, "Make a new code")
        return
    st.success(
        f"**Welcome, {plain(device.name)}!** {plain(hardware_words(device))}",
        icon=":material/waving_hand:",
    )
    with st.container(border=True):
        st.markdown(f"{MARKS[device.kind]} **{plain(device.name)}** {badges(device)}")
        st.markdown("\n".join(f"- **{name}**: {plain(value)}" for name, value in facts(device).items()))
    with st.container(horizontal=True):
        if st.button("Queue its first sweep", type="primary", icon=places.NEW_SWEEP.icon, key="first-sweep"):
            places.go(places.NEW_SWEEP, {address.DEVICE: device.name})
        _offer(shelf, "Enrol another device", first=False)
    st.caption("The code was good once: it lets no second device in.")
