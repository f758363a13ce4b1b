"""Signing in by the key, which is kept in this browser session's state on the server and nowhere else."""

from __future__ import annotations

import os

import streamlit as st

from agent.clock import SystemClock
from agent.config import load_settings
from agent.errors import Refused, StepfarmError
from dashboard.brand import NAME, TAGLINE
from dashboard.shelf import Shelf
from dashboard.wording import error_words, plain
from orchestrator.client import Client
from orchestrator.roles import Role

_SHELF = "stepfarm-shelf"
_NOTICE = "stepfarm-sign-in-notice"
LONGEST_KEY = 200


def open_shelf(url: str, key: str) -> Shelf:
    """What ``key`` opens at the orchestrator.

    Raises:
        StepfarmError: nobody answers, or the key is not one that may look.
    """
    key = key.strip()
    # An empty key would make the client look for one in the state directory of the server, which is the operator's.
    if not key or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise _no_key()
    client = Client(url, key)
    principal = client.me()
    if principal.role is Role.DEVICE:
        raise Refused(
            "That is the key of a device, which may not look.",
            "Sign in with the operator's key.",
            status=403,
            type="not-allowed",
        )
    return Shelf(client, principal, SystemClock())


def _no_key() -> Refused:
    return Refused(
        "That is no key.",
        "A key is one word such as sfo_… ; the operator's lies in the state directory, in orchestrator/operator.key.",
        status=401,
        type="not-signed-in",
    )


def current() -> Shelf | None:
    """What the person at this page has opened, None before they signed in."""
    found = st.session_state.get(_SHELF)
    return found if isinstance(found, Shelf) else None


def sign_out(*, because: StepfarmError | None = None) -> None:
    """Forget the key and all that it opened; the form then says ``because``."""
    st.session_state.clear()
    if because is not None:
        st.session_state[_NOTICE] = error_words(because)


def form() -> None:
    """The form that asks for the key."""
    _, middle, _ = st.columns([1, 1.6, 1])
    with middle:
        st.title(NAME)
        st.markdown(TAGLINE)
        # The key leaves the form with the submission, so that no widget keeps it.
        with st.form("sign-in", clear_on_submit=True):
            key = st.text_input("Key", type="password", placeholder="sfo_…", autocomplete="current-password")
            submitted = st.form_submit_button("Sign in", type="primary", width="stretch")
        st.caption("`stepfarm up` and `stepfarm demo` say where the operator's key lies.")
        notice = st.session_state.pop(_NOTICE, None)
        if submitted:
            _try(key)
        elif notice:
            st.error(notice, icon=":material/lock:")


def _try(key: str) -> None:
    try:
        shelf = open_shelf(load_settings(os.environ).orchestrator_url, key)
    except StepfarmError as error:
        st.error(error_words(error), icon=":material/lock:")
        return
    st.session_state[_SHELF] = shelf
    st.rerun()


def account(shelf: Shelf) -> None:
    """Who is signed in, and the way out."""
    with st.popover(plain(shelf.principal.label) or shelf.principal.role.value, icon=":material/account_circle:"):
        st.markdown(f"Signed in as **{shelf.principal.role.value}**")
        if st.button("Sign out", icon=":material/logout:", width="stretch", key="sign-out"):
            sign_out()
            st.rerun()
