"""The page of the sweeps: all of them, newest first, or the one that the address names."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from dashboard import address, places, sweep_view, trouble
from dashboard.address import SWEEP
from dashboard.device_card import SIMULATED
from dashboard.job_words import left_words, queued_words, sweep_share, sweep_words, tally
from dashboard.long_lists import how_many, offer_rest
from dashboard.shelf import Shelf
from dashboard.wording import plain
from orchestrator.views import SweepView

REFRESH_S = 4.0
MOST_SHOWN = 20
LIST = "sweeps-list"


def show() -> None:
    """The page, or what is wrong."""
    trouble.told(_page)


def _page(shelf: Shelf) -> None:
    asked = address.number_in(st.query_params.to_dict(), SWEEP)
    notice = asked.notice
    if asked.number is not None:
        sweep = shelf.sweep(asked.number)
        if sweep is not None:
            sweep_view.show(shelf, sweep)
            return
        notice = f"There is no sweep {asked.number}."
    if notice is not None:
        st.warning(plain(f"{notice} All sweeps are shown instead."), icon=":material/link_off:")
    if shelf.operates and st.button(places.NEW_SWEEP.title, type="primary", icon=places.NEW_SWEEP.icon, key="new"):
        places.go(places.NEW_SWEEP)
    trouble.kept_fresh(lambda: _list(shelf), every_s=REFRESH_S)


def _list(shelf: Shelf) -> None:
    sweeps, simulated, now_ms = shelf.client.sweeps(), shelf.simulated(), shelf.clock.epoch_ms()
    if not sweeps:
        st.markdown("#### No sweep yet")
        st.markdown("A sweep is what the farm is asked to measure: models x batch sizes x devices, one job each.")
        return
    drawn = sweeps[: how_many(LIST, MOST_SHOWN)]
    for sweep in drawn:
        _row(sweep, simulated, now_ms)
    offer_rest(LIST, "older sweep", left=len(sweeps) - len(drawn))


def _row(sweep: SweepView, simulated: Collection[str], now_ms: int) -> None:
    mark = f" {SIMULATED}" if any(job.device in simulated for job in sweep.jobs) else ""
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**Sweep {sweep.id}** {plain(sweep_words(sweep))}{mark}", width="content")
            places.link(places.SWEEPS, f"Look at sweep {sweep.id}", {SWEEP: sweep.id}, icon=":material/chevron_right:")
        if not sweep.ended:
            st.progress(sweep_share(sweep))
        st.caption(f"{tally(sweep.jobs)} · {left_words(sweep, now_ms)} · {queued_words(sweep, now_ms)}")
