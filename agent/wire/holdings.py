"""What a device has been given to measure accuracy with: weights of models, and images in classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message
from agent.wire.fields import Items, ModelName, Range, Sha256Hex, Text

DatasetName = Annotated[str, Text(63, 1, r"[A-Za-z0-9][A-Za-z0-9_.\-]*")]
Images = Annotated[int, Range(1, 100_000_000)]
Classes = Annotated[int, Range(1, 1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsHeld(Message):
    """Weights of a model, known by the SHA-256 of their file, that tell so many classes apart."""

    model: ModelName
    sha256: Sha256Hex
    classes: Classes


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetHeld(Message):
    """Images under a name; ``classes`` is None where nothing says what they show.

    ``listing_sha256`` is of the names and sizes of the files: two devices with the same have the same images.
    """

    name: DatasetName
    images: Images
    classes: Classes | None
    listing_sha256: Sha256Hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings(Message):
    """All that a device has been given: one file of weights a model, one dataset a name."""

    weights: Annotated[tuple[WeightsHeld, ...], Items(1_000)] = ()
    datasets: Annotated[tuple[DatasetHeld, ...], Items(1_000)] = ()

    def weights_of(self, model: str) -> WeightsHeld | None:
        """The weights of ``model``, None where there are none."""
        return next((one for one in self.weights if one.model == model), None)

    def dataset(self, name: str) -> DatasetHeld | None:
        """The dataset of that name, None where there is none."""
        return next((one for one in self.datasets if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material(Message):
    """What an accuracy job rests on: weights and a dataset that the device holds, exactly these."""

    weights_sha256: Sha256Hex
    dataset: DatasetName
    listing_sha256: Sha256Hex
