"""What a person typed into the form of a new sweep, and the sweep that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.errors import StepfarmError
from agent.wire.codec import WireError
from agent.wire.jobs import Workload
from orchestrator.analysis.planning import USUAL_NARROWEST, Plan
from orchestrator.views import Label, SweepRequest

SUGGESTED = (
    "deit_tiny_patch16_224",
    "deit_small_patch16_224",
    "deit_base_patch16_224",
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
    "vit_base_patch16_224",
    "vit_base_patch32_224",
    "deit3_small_patch16_224",
    "vit_small_patch14_dinov2",
)
"""Plain Vision Transformers of timm from small to large; the device judges any other name."""

FIELDS = {
    "models": "Models",
    "devices": "Devices",
    "labels": "Labels",
    "batch_size": "Batch sizes",
    "image_size": "Image size",
    "threads": "Threads",
    "passes": "Passes",
    "stride": "Every Nth count",
    "min_tokens": "Fewest tokens",
    "max_tokens": "Most tokens",
    "blocks": "Time the blocks in place",
    "exhaustive": "Measure every count",
    "confirm": "Confirm the steps found",
    "narrowest": "Narrowest plateau",
    "budget_s": "At most seconds a job",
    "budget_readings": "At most readings a job",
    "runtime": "Runtime",
    "priority": "Priority",
}
"""What the form calls the fields of a request."""


class WishUnclear(StepfarmError):
    """The form asks for nothing that could be queued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The form as it stands. ``batches`` is text: "1, 4, 8", each of which takes the place of ``workload``'s own."""

    models: Sequence[str]
    batches: str
    devices: Sequence[str]
    labels: Sequence[Label]
    workload: Workload
    passes: int
    stride: int
    min_tokens: int | None
    max_tokens: int | None
    blocks: bool
    priority: int
    exhaustive: bool = False
    narrowest: int = USUAL_NARROWEST
    confirm: bool = True
    budget_s: float | None = None
    budget_readings: int | None = None


def request(wish: Wish) -> SweepRequest:
    """The sweep that ``wish`` asks for.

    Raises:
        WishUnclear: a field is empty or makes no sense; the message names it as the form does.
    """
    _refuse_gaps(wish)
    try:
        return SweepRequest(
            models=tuple(model.strip() for model in wish.models),
            workloads=tuple(replace(wish.workload, batch_size=size) for size in batch_sizes(wish.batches)),
            devices=tuple(wish.devices),
            labels=tuple(wish.labels),
            plan=Plan(
                passes=wish.passes,
                stride=wish.stride,
                min_tokens=wish.min_tokens,
                max_tokens=wish.max_tokens,
                blocks=wish.blocks,
                exhaustive=wish.exhaustive,
                narrowest=wish.narrowest,
                confirm=wish.confirm,
                budget_s=wish.budget_s,
                budget_readings=wish.budget_readings,
            ),
            priority=wish.priority,
        )
    except WireError as error:
        raise _unclear(error) from None


def batch_sizes(text: str) -> tuple[int, ...]:
    """The sizes that ``text`` lists, each once: "1, 4, 8".

    Raises:
        WishUnclear: something in it is no whole number, or there is nothing.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    wrong = next((word for word in words if not (word.isascii() and word.isdigit() and len(word) < 10)), None)
    if wrong is not None:
        raise WishUnclear(f"Batch sizes: {wrong} is no whole number.", "List them like this: 1, 4, 8.")
    if not words:
        raise WishUnclear("No batch size is given.", "List one or more: 1, 4, 8.")
    return tuple(dict.fromkeys(int(word) for word in words))


def _refuse_gaps(wish: Wish) -> None:
    if not wish.models:
        raise WishUnclear("No model is chosen.", "Choose one, or type any name that timm knows and press Enter.")
    if not wish.devices and not wish.labels:
        raise WishUnclear("No device is chosen.", "Choose devices by name, by label, or both.")


def _unclear(error: WireError) -> WishUnclear:
    """The error in the words of the form: ``models[1]`` is "Models"."""
    field = error.path.rpartition(".")[2].partition("[")[0]
    advice = {
        "models": "A model is named as timm names it, such as deit_tiny_patch16_224.",
        "min_tokens": "Give fewer tokens at least than at most.",
    }.get(field, "Change it and queue again.")
    return WishUnclear(f"{FIELDS.get(field, field)}: it {error.complaint}.", advice)
