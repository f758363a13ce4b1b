"""How an error is told to the person at the page: what happened, what to do, and a button to try again."""

from __future__ import annotations

import streamlit as st

from agent.errors import OrchestratorAway, Refused, StepfarmError
from dashboard import sign_in
from dashboard.wording import plain


def tell(error: StepfarmError) -> None:
    """Show ``error``; where the key is no longer good, go back to the sign-in form with it."""
    if isinstance(error, Refused) and error.type == "not-signed-in":
        sign_in.sign_out(because=error)
        st.rerun(scope="app")
    st.error(words(error), icon=":material/error:")
    if isinstance(error, OrchestratorAway):
        st.button("Try again", icon=":material/refresh:", key="try-again")


def words(error: StepfarmError) -> str:
    """Message and advice as Markdown."""
    return f"**{plain(error.message)}**\n\n{plain(error.advice)}"
