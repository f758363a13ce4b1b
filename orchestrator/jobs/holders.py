"""Which device measures the accuracy of a model: once a model, by one that has weights and images. A pure decision."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from agent.wire.holdings import DatasetHeld, WeightsHeld
from orchestrator.errors import Conflict
from orchestrator.jobs.matching import Candidate

SHOWN = 10
"""So many devices stand in a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A device with the weights and the dataset that it has."""

    device: Candidate
    weights: WeightsHeld
    dataset: DatasetHeld


def holder_of(
    model: str,
    dataset: str,
    fleet: Sequence[Candidate],
    *,
    waiting: Mapping[int, int],
    quiet: Collection[int],
) -> Holder:
    """The device to measure on: one that is heard of before one that is quiet, then that with the least to do.

    Args:
        fleet: the devices that may be chosen.
        waiting: how many jobs each device has before it, by its number.
        quiet: the numbers of devices that have not been heard of lately.

    Raises:
        Conflict: none has both, saying what each lacks; or weights or images differ from device to device; or they do
            not fit each other.
    """
    found = [
        Holder(device=one, weights=weights, dataset=images)
        for one in fleet
        if (weights := one.holdings.weights_of(model)) and (images := one.holdings.dataset(dataset))
    ]
    if not found:
        raise Conflict(
            f"No device has both weights of {model} and a dataset {dataset}. {_lacking(model, dataset, fleet)}",
            f"On a device: stepfarm-agent weights add {model} FILE; stepfarm-agent dataset add {dataset} PATH",
        )
    _refuse_different(model, dataset, found)
    holder = min(found, key=lambda one: (one.device.id in quiet, waiting.get(one.device.id, 0), one.device.name))
    if holder.dataset.classes not in (None, holder.weights.classes):
        raise Conflict(
            f"The dataset {dataset} has {holder.dataset.classes} classes, and the weights of {model} on "
            f"{holder.device.name} tell {holder.weights.classes} apart.",
            f"Name a dataset of {holder.weights.classes} class folders, or add weights for "
            f"{holder.dataset.classes} classes.",
        )
    return holder


def _lacking(model: str, dataset: str, fleet: Sequence[Candidate]) -> str:
    lacks = []
    for one in fleet[:SHOWN]:
        missing = [
            what
            for what, held in (
                (f"weights of {model}", one.holdings.weights_of(model)),
                (f"dataset {dataset}", one.holdings.dataset(dataset)),
            )
            if held is None
        ]
        lacks.append(f"{one.name} has no {' and no '.join(missing)}")
    more = f"; and {len(fleet) - SHOWN} more" if len(fleet) > SHOWN else ""
    return f"{'; '.join(lacks)}{more}." if lacks else "There is no device."


def _refuse_different(model: str, dataset: str, found: Sequence[Holder]) -> None:
    first = found[0]
    for other in found[1:]:
        what = None
        if other.weights.sha256 != first.weights.sha256:
            what = f"other weights of {model}"
        elif other.dataset.listing_sha256 != first.dataset.listing_sha256:
            what = f"other images in the dataset {dataset}"
        if what is not None:
            raise Conflict(
                f"{other.device.name} has {what} than {first.device.name}.",
                f"Name the device that you mean: --device {first.device.name}",
            )
