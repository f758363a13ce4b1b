"""How an error is told to the person at the page: what happened, what to do, and a button to try again."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from agent.errors import Refused, StepfarmError
from dashboard import sign_in
from dashboard.shelf import Shelf
from dashboard.wording import error_words


def told(page: Callable[[Shelf], None]) -> None:
    """Draw ``page`` with what this person may see, or tell what is wrong."""
    shelf = sign_in.current()
    if shelf is None:
        return
    try:
        page(shelf)
    except StepfarmError as error:
        tell(error)


def kept_fresh(draw: Callable[[], None], *, every_s: float) -> None:
    """Draw now and anew every ``every_s`` without touching what else is on the page, or tell what is wrong."""

    def part() -> None:
        try:
            draw()
        except StepfarmError as error:
            tell(error, again=False)
            st.caption(f"It is tried again every {every_s:g} s.")

    st.fragment(part, run_every=every_s)()


def tell(error: StepfarmError, *, again: bool = True) -> None:
    """Show ``error``; where the key is no longer good, go back to the sign-in form with it.

    Args:
        again: offer to try again; not beside a form, which has a button of its own, nor where it happens by itself.
    """
    if isinstance(error, Refused) and error.type == "not-signed-in":
        sign_in.sign_out(because=error)
        st.rerun(scope="app")
    st.error(error_words(error), icon=":material/error:")
    if again:
        st.button("Try again", icon=":material/refresh:", key="try-again")


def for_operators_alone(shelf: Shelf, what: str) -> bool:
    """Whether the person may only look; then it is told that ``what`` is not for them."""
    if shelf.operates:
        return False
    st.info(
        f"{what} is for operators. You are signed in as {shelf.principal.role.value}, who may look at everything.",
        icon=":material/visibility:",
    )
    return True
