"""Where the pages are, and links between them: a link that Streamlit does not know opens a new sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import streamlit as st

_PAGES = "stepfarm-pages"


@dataclass(frozen=True, slots=True)
class Place:
    """A page's name in the navigation, its icon there, and the path of its address."""

    title: str
    icon: str
    path: str


FLEET = Place("Fleet", ":material/devices:", "fleet")
ENROL = Place("Enrol a device", ":material/add_link:", "enrol")
SWEEPS = Place("Sweeps", ":material/playlist_play:", "sweeps")
NEW_SWEEP = Place("New sweep", ":material/playlist_add:", "new-sweep")
CURVES = Place("Curves", ":material/show_chart:", "curve")
COMPARE = Place("Compare", ":material/stacked_line_chart:", "compare")
SCHEDULES = Place("Schedules", ":material/content_cut:", "schedules")


def open_to_links(pages: Mapping[Place, st.Page]) -> None:
    """Let `link` and `go` lead to ``pages`` in this run."""
    st.session_state[_PAGES] = dict(pages)


Query = Mapping[str, str | int]
"""The parameters of an address."""


def link(place: Place, label: str, query: Query | None = None, *, icon: str | None = None) -> None:
    """A link to ``place``, with ``query`` in the address. The label is Markdown."""
    st.page_link(_page(place), label=label, icon=icon, query_params=_texts(query))


def go(place: Place, query: Query | None = None) -> NoReturn:
    """Leave this page for ``place``, with ``query`` in the address."""
    st.switch_page(_page(place), query_params=_texts(query))


def _page(place: Place) -> st.Page:
    page: st.Page = st.session_state[_PAGES][place]
    return page


def _texts(query: Query | None) -> dict[str, str]:
    return {name: str(value) for name, value in (query or {}).items()}
