"""The dashboard: sign in, choose a page. ``python -m dashboard`` runs it (see `dashboard.launch`)."""

from __future__ import annotations

import streamlit as st

from dashboard import curve_page, sign_in
from dashboard.brand import MARK, NAME, WORDMARK


def main() -> None:
    """One run of the app: the sign-in form, or the page that the address names."""
    st.set_page_config(page_title=NAME, page_icon=MARK, layout="wide", initial_sidebar_state="collapsed")
    shelf = sign_in.current()
    st.logo(WORDMARK, size="large")
    # Functions, not files of a folder pages/: Streamlit would run those by themselves, past the sign-in.
    pages = [st.Page(curve_page.show, title="Curves", icon=":material/show_chart:", url_path="curve", default=True)]
    page = st.navigation(pages, position="hidden" if shelf is None else "top")
    if shelf is None:
        sign_in.form()
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"### {page.title}")
        sign_in.account(shelf)
    page.run()


main()
