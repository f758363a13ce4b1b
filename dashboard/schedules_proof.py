"""The part of the Schedules page that leads from a curve to a proof: what the device said, the button, and the code."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from agent.errors import StepfarmError
from agent.wire.codec import to_plain
from agent.wire.schedule_files import Latency, Ratio
from dashboard import trouble
from dashboard.schedules_data import ORIGINS, Chosen
from dashboard.shelf import Shelf
from dashboard.wording import interval, milliseconds, plain
from orchestrator.analysis.schedules import Option
from orchestrator.proofs import latest, schedule_file, verdict, worth_verifying

CODE = """import timm
from stepfarm import apply_schedule

model = timm.create_model("{model}", pretrained=True).eval()
model = apply_schedule(model, "{file}")"""


def proofs(shelf: Shelf, chosen: Sequence[Chosen]) -> None:
    """Of each curve: predicted beside measured, whether that is a proof, the way to one, and the code to use it."""
    for one in chosen:
        able = [option for option in one.found.options if option.schedule.prunes]
        if not able:
            continue
        st.markdown(f"##### {plain(one.name)}: proof and use")
        st.dataframe(proof_table(one), hide_index=True, width="stretch")
        _verify(shelf, one)
        _use(one, able)


def proof_table(one: Chosen) -> pd.DataFrame:
    """One row a schedule that removes tokens: predicted beside measured, and whether it is proved."""
    return pd.DataFrame(_row(one, option) for option in one.found.options if option.schedule.prunes)


def _row(one: Chosen, option: Option) -> dict[str, object]:
    entry = latest(option.schedule, one.verifications)
    proof = None if entry is None else entry.proof
    predicted = option.predicted
    return {
        "Schedule": ORIGINS[option.origin],
        "Proof": verdict(proof),
        "Predicted": "—"
        if predicted is None
        else f"{milliseconds(predicted.latency_ns)} ({interval(predicted.low_ns, predicted.high_ns)})",
        "Measured": "—" if proof is None else _latency(proof.measured),
        "Of the plain model": "—" if proof is None else _ratio(proof.against_plain),
        "Of uniform pruning": "—" if proof is None else _ratio(proof.against_uniform),
        "Tokens that leave each block": ", ".join(map(str, option.leaving)),
    }


def _latency(latency: Latency) -> str:
    return f"{milliseconds(latency.latency_ns)} ({interval(latency.low_ns, latency.high_ns)})"


def _ratio(ratio: Ratio | None) -> str:
    return "—" if ratio is None else f"{ratio.ratio:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"


def _verify(shelf: Shelf, one: Chosen) -> None:
    number = one.view.summary.id
    running = next((each for each in one.verifications if not each.job.state.final), None)
    if running is not None:
        st.caption(f"Verification {running.job.id} is {running.job.state.value} on {plain(running.job.device)}.")
    if one.view.summary.imported or not shelf.operates:
        return
    schedules = [option.schedule for option in worth_verifying(one.found)]
    if schedules and st.button(
        "Verify on the device", key=f"verify-{number}", icon=":material/verified:", disabled=running is not None
    ):
        try:
            asked = shelf.once(("verify", number, tuple(schedules)), lambda: shelf.client.verify(number, schedules))
        except StepfarmError as error:
            trouble.tell(error, again=False)
        else:
            st.success(
                f"Verification {asked.job.id} is queued for {plain(asked.job.device)}. Look at this page again once "
                "the device has done it.",
                icon=":material/schedule:",
            )


def _use(one: Chosen, able: Sequence[Option]) -> None:
    number = one.view.summary.id
    with st.expander("Use one of them", icon=":material/code:"):
        names = {ORIGINS[option.origin]: option for option in able}
        name = st.selectbox("Schedule", list(names), key=f"use-{number}")
        file = schedule_file(one.view, names[name], one.verifications)
        if not file.proved or file.simulated:
            st.warning(plain(file.note), icon=":material/warning:")
        path = f"schedule-{number}-{names[name].origin.value}.json"
        st.download_button(
            "Download the schedule",
            json.dumps(to_plain(file), indent=2, ensure_ascii=False),
            file_name=path,
            mime="application/json",
            key=f"download-{number}",
        )
        st.code(CODE.format(model=file.model, file=path), language="python")
