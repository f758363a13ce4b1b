"""How an error is told to the person at the page: what happened, what to do, and a button to try again."""

from __future__ import annotations

import streamlit as st

from agent.errors import Refused, StepfarmError
from dashboard import sign_in
from dashboard.wording import error_words


def tell(error: StepfarmError) -> None:
    """Show ``error``; where the key is no longer good, go back to the sign-in form with it."""
    if isinstance(error, Refused) and error.type == "not-signed-in":
        sign_in.sign_out(because=error)
        st.rerun(scope="app")
    st.error(error_words(error), icon=":material/error:")
    st.button("Try again", icon=":material/refresh:", key="try-again")
