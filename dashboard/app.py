"""The dashboard: sign in, choose a page. ``python -m dashboard`` runs it (see `dashboard.launch`)."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import (
    compare_page,
    curve_page,
    enrol_page,
    fleet_page,
    new_sweep_page,
    places,
    schedules_page,
    selection,
    sign_in,
    sweeps_page,
)
from dashboard.brand import MARK, NAME, WORDMARK
from dashboard.places import Place
from dashboard.shelf import Shelf

# Functions, not files of a folder pages/: Streamlit would run those by themselves, past the sign-in.
PAGES: dict[Place, Callable[[], None]] = {
    places.FLEET: fleet_page.show,
    places.ENROL: enrol_page.show,
    places.SWEEPS: sweeps_page.show,
    places.NEW_SWEEP: new_sweep_page.show,
    places.CURVES: curve_page.show,
    places.COMPARE: compare_page.show,
    places.SCHEDULES: schedules_page.show,
}
# A viewer's navigation leaves these out; who types their address is told why. (A string here would be shown.)
FOR_OPERATORS = {places.ENROL, places.NEW_SWEEP}


def main() -> None:
    """One run of the app: the sign-in form, or the page that the address names."""
    st.set_page_config(page_title=NAME, page_icon=MARK, layout="wide", initial_sidebar_state="collapsed")
    shelf = sign_in.current()
    st.logo(WORDMARK, size="large")
    pages = {place: _page(place, show, shelf) for place, show in PAGES.items()}
    home = st.Page(_home, title=NAME, url_path="", default=True, visibility="hidden")
    page = st.navigation([home, *pages.values()], position="hidden" if shelf is None else "top")
    if shelf is None:
        sign_in.form()
        return
    places.open_to_links(pages)
    # A link to the page where one is already brings its parameters, and would leave the address as it was.
    st.query_params.from_dict(st.query_params.to_dict())
    if page is not home:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"### {page.title}")
            sign_in.account(shelf)
    page.run()


def _page(place: Place, show: Callable[[], None], shelf: Shelf | None) -> st.Page:
    hidden = place in FOR_OPERATORS and shelf is not None and not shelf.operates
    return st.Page(
        show,
        title=place.title,
        icon=place.icon,
        url_path=place.path,
        visibility="hidden" if hidden else "visible",
    )


def _home() -> None:
    """The address without a path: the curve that it names, else the fleet."""
    query = st.query_params.to_dict()
    if selection.CURVE in query:
        places.go(places.CURVES, query)
    places.go(places.FLEET)


main()
