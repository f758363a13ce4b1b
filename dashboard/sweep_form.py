"""The fields of a new sweep. They keep what is typed until the person leaves the page."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypedDict, TypeVar

import streamlit as st

from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import MOST_BUDGET_READINGS, DataType, Processor, Runtime, Workload
from dashboard import address
from dashboard.finding import labels_of
from dashboard.sweep_wish import SUGGESTED, Wish
from dashboard.wording import plain
from orchestrator.analysis.planning import Plan
from orchestrator.views import DeviceView, Label

E = TypeVar("E", bound=Enum)

EXHAUSTIVE = (
    "Off, a search looks for steps, with a half to a seventh of the readings, and most counts get few or none. On, "
    "every count gets all passes: for a whole curve, and steps that nobody thought of"
)
CONFIRM = (
    "Times the two counts of each step in turn, 10 to 30 pairs a step. Without, steps stay candidates, "
    "and a job of many steps takes perhaps a third less"
)
NARROWEST = "Steps nearer to one another than this may be missed. Half as narrow costs the search about twice as much"
BUDGET = "The job ends there with what it has, and says what it is not sure of"


def sweep_form(devices: Sequence[DeviceView], measured: Sequence[str]) -> Wish:
    """The form as it stands.

    Args:
        devices: those that could measure.
        measured: models that somebody has measured, to suggest beside the usual ones.
    """
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### What to measure")
        models = st.multiselect(
            "Models",
            list(dict.fromkeys((*SUGGESTED, *measured))),
            accept_new_options=True,
            placeholder="Choose, or type any name that timm knows",
            help="timm's plain Vision Transformers. A device refuses others by name, and the sweep shows why.",
            key="new-models",
        )
        batches = st.text_input("Batch sizes", "1", help="One job each: 1, 4, 8", key="new-batches")
        workload = _workload()
    with right:
        st.markdown("##### Where")
        names = _names(devices)
        labels = _labels(devices)
        plan = _plan()
    return Wish(models=models, batches=batches, devices=names, labels=labels, workload=workload, **plan)


def _names(devices: Sequence[DeviceView]) -> list[str]:
    kinds = {device.name: device.kind for device in devices}
    known = list(kinds)
    asked = st.query_params.get(address.DEVICE)
    if asked is not None and asked not in known:
        notice = f"There is no device {address.shown(asked)} that could measure. Choose from the list."
        st.warning(plain(notice), icon=":material/link_off:")
    chosen: list[str] = st.multiselect(
        "Devices",
        known,
        [asked] if asked in known else [],
        format_func=lambda name: f"{name} (simulated)" if kinds.get(name) is DeviceKind.SIMULATED else name,
        placeholder="By name",
        # With another device in the address the choice begins anew.
        key=f"new-devices-{asked or ''}",
    )
    return chosen


def _labels(devices: Sequence[DeviceView]) -> list[Label]:
    known = labels_of(devices)
    if not known:
        st.caption("Devices can be chosen by label too, once they carry some: see their details on the fleet's page.")
        return []
    chosen: list[Label] = st.multiselect(
        "Labels",
        known,
        format_func=str,
        placeholder="By label",
        help="Every device that carries one of them is added. A name without a value is met by any value.",
        key="new-labels",
    )
    return chosen


def _workload() -> Workload:
    with st.expander("The rest of the workload", icon=":material/tune:"):
        left, right = st.columns(2)
        return Workload(
            image_size=left.number_input(
                "Image size", 8, 4_096, None, placeholder="the model's own", help="Pixels", key="new-image-size"
            ),
            data_type=_one_of(DataType, right, "Data type", key="new-data-type"),
            runtime=_one_of(Runtime, left, "Runtime", key="new-runtime"),
            processor=_one_of(Processor, right, "Processor", key="new-processor"),
            threads=left.number_input(
                "Threads", 1, 1_024, None, placeholder="all cores", help="1 is the steadiest", key="new-threads"
            ),
        )


def _one_of(kind: type[E], place: st.delta_generator.DeltaGenerator, label: str, *, key: str) -> E:
    """A member of ``kind``, the first until somebody chooses."""
    chosen = place.selectbox(label, [str(member.value) for member in kind], key=key)
    return kind(chosen)


class _PlanFields(TypedDict):
    passes: int
    stride: int
    min_tokens: int | None
    max_tokens: int | None
    blocks: bool
    priority: int
    exhaustive: bool
    narrowest: int
    confirm: bool
    budget_s: float | None
    budget_readings: int | None


def _plan() -> _PlanFields:
    default = Plan()
    with st.expander("Plan and priority", icon=":material/route:"):
        exhaustive = st.checkbox("Measure every count", help=EXHAUSTIVE, key="new-exhaustive")
        confirm = st.checkbox("Confirm the steps found", default.confirm, help=CONFIRM, key="new-confirm")
        left, right = st.columns(2)
        return _PlanFields(
            exhaustive=exhaustive,
            confirm=confirm,
            narrowest=right.number_input(
                "Narrowest plateau",
                1,
                4_096,
                default.narrowest,
                help=NARROWEST,
                disabled=exhaustive,
                key="new-narrowest",
            ),
            budget_s=left.number_input(
                "At most seconds a job", 1.0, 86_400.0, None, placeholder="no limit", help=BUDGET, key="new-budget-s"
            ),
            budget_readings=right.number_input(
                "At most readings a job",
                10,
                MOST_BUDGET_READINGS,
                None,
                placeholder="no limit",
                help=BUDGET,
                key="new-budget-readings",
            ),
            passes=left.number_input(
                "Passes", 1, 100, default.passes, help="More: narrower intervals, and more time", key="new-passes"
            ),
            stride=right.number_input(
                "Every Nth count", 1, 4_096, default.stride, help="1 finds every step", key="new-stride"
            ),
            min_tokens=left.number_input(
                "Fewest tokens", 1, 4_096, None, placeholder="as few as can be", key="new-min-tokens"
            ),
            max_tokens=right.number_input(
                "Most tokens",
                1,
                4_096,
                None,
                placeholder="all",
                help="The untouched model is measured in any case",
                key="new-max-tokens",
            ),
            priority=left.number_input(
                "Priority", -100, 100, 0, help="Higher goes first, then first come", key="new-priority"
            ),
            blocks=st.checkbox(
                "Time the blocks in place",
                help="What schedules are predicted from. Takes as long again; the runtime must be eager",
                key="new-blocks",
            ),
        )
