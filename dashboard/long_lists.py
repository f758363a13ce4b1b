"""Long lists: the first of them are shown, and a button brings the rest."""

from __future__ import annotations

import streamlit as st

from orchestrator.counting import counted


def how_many(key: str, most: int) -> int:
    """How many to show of the list ``key``: at first ``most``, all once somebody asked."""
    asked: int = st.session_state.get(key, most)
    return asked


def offer_rest(key: str, thing: str, *, left: int) -> None:
    """A button below the list that brings the ``left`` things which are not shown, if there are any."""
    if left > 0:
        st.button(f"Show {counted(left, thing)}", key=f"{key}-rest", on_click=_show_all, args=(key,))


def _show_all(key: str) -> None:
    st.session_state[key] = 10**9
