"""The part of the Schedules page with one schedule for all devices chosen: what each loses by it, and the file."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from agent.errors import StepfarmError
from agent.wire.codec import to_plain
from dashboard import schedules_controls
from dashboard.schedules_data import Chosen
from dashboard.schedules_selection import SchedulesSelection
from dashboard.wording import milliseconds, percent, plain
from orchestrator.analysis.fleet import FleetSchedule
from orchestrator.analysis.shapes import in_blocks
from orchestrator.common_schedule import common_schedule


def common(selection: SchedulesSelection, chosen: Sequence[Chosen]) -> None:
    """One schedule for all of ``chosen``, or why there is none; nothing where one device is chosen."""
    if len(chosen) < 2:
        return
    st.markdown("##### One schedule for all of them")
    try:
        found = common_schedule([one.view for one in chosen], kept=selection.kept, accuracy=selection.accuracy)
    except StepfarmError as error:
        if selection.kept is not None:
            schedules_controls.kept(selection, selection.kept)
        st.info(f"{plain(error.message)} {plain(error.advice)}", icon=":material/info:")
        return
    schedules_controls.kept(selection, found.kept)
    st.markdown(
        f"**{in_blocks(found.schedule.leaving)}** keeps {percent(100 * found.kept)}. The device that loses most by it "
        f"takes {percent(100 * found.largest_regret)} more than with its own best."
    )
    if found.spared:
        names = plain(", ".join(found.spared))
        st.info(f"It saves nothing on {names}: there the untouched model is as fast.", icon=":material/info:")
    st.dataframe(losses_table(found), hide_index=True, width="stretch")
    st.caption(
        "Predicted from blocks timed in place, at the upper end of their intervals; **not proved** before each device "
        "has timed it. **If all took its best**: the largest loss among them if every device had that one's own best "
        f"schedule. No schedule of these {len(found.counts)} counts has a largest loss below "
        f"{percent(100 * found.at_least)}."
    )
    st.download_button(
        "Download this schedule",
        json.dumps(to_plain(found.schedule), indent=2, ensure_ascii=False),
        file_name="schedule-fleet.json",
        mime="application/json",
        key="download-fleet",
    )


def losses_table(found: FleetSchedule) -> pd.DataFrame:
    """One row a device."""
    return pd.DataFrame(
        {
            "Curve": loss.name,
            "Its own best": in_blocks(loss.own),
            "Takes": milliseconds(loss.own_ns),
            "This one takes": milliseconds(loss.common_ns),
            "Untouched": milliseconds(loss.plain_ns),
            "Loss": percent(100 * loss.regret),
            "If all took its best": percent(100 * loss.largest_regret_of_own),
        }
        for loss in found.losses
    )
