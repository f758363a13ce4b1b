"""What this device was given: weights are copied into the state directory, datasets stay where they are."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from agent.durable import sync_directory, write_durably
from agent.errors import StateError
from agent.holdings.image_folder import ImageFolder
from agent.locking import alone_in
from agent.wire.codec import Message, WireError, decode, encode
from agent.wire.fields import Items, Text
from agent.wire.holdings import DatasetHeld, Holdings, WeightsHeld

FILE_NAME = "holdings.json"
CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetKept(Message):
    """A dataset and the folder that it lies in."""

    held: DatasetHeld
    folder: Annotated[str, Text(4_096, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Message):
    """What is written down of the holdings. Weights lie beside it, by their SHA-256."""

    weights: Annotated[tuple[WeightsHeld, ...], Items(1_000)] = ()
    datasets: Annotated[tuple[DatasetKept, ...], Items(1_000)] = ()


class Register:
    """The holdings of the device whose agent keeps its state in ``home``."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "holdings"

    def holdings(self) -> Holdings:
        """All that is held.

        Raises:
            StateError: what was written down cannot be read.
        """
        kept = self._read()
        return Holdings(weights=kept.weights, datasets=tuple(one.held for one in kept.datasets))

    def add_weights(self, model: str, file: Path, check: Callable[[Path], int]) -> WeightsHeld:
        """Copy ``file`` and hold it as the weights of ``model``, in the place of those held before.

        Args:
            check: refuses weights that do not fit, and counts their classes. It sees the copy, so that what was looked
                at is what is held.

        Raises:
            StateError: the file cannot be read, there is no room for it, or ``check`` refuses it; nothing has changed.
        """
        with self._changing():
            part = self._folder / "weights.part"
            try:
                sha256 = _copied(file, part)
                held = WeightsHeld(model=model, sha256=sha256, classes=check(part))
                with _disk(self._folder):
                    part.replace(self.weights_file(sha256))
                    sync_directory(self._folder)
            finally:
                part.unlink(missing_ok=True)
            kept = self._read()
            others = [one for one in kept.weights if one.model != model]
            self._write(replace(kept, weights=tuple(sorted([*others, held], key=lambda one: one.model))))
        return held

    def remove_weights(self, model: str) -> WeightsHeld:
        """Hold no weights of ``model`` any more; those that were held.

        Raises:
            StateError: there are none.
        """
        with self._changing():
            kept = self._read()
            gone = next((one for one in kept.weights if one.model == model), None)
            if gone is None:
                known = ", ".join(one.model for one in kept.weights) or "none"
                raise StateError(f"There are no weights of {model} here.", f"There are weights of: {known}.")
            self._write(replace(kept, weights=tuple(one for one in kept.weights if one is not gone)))
        return gone

    def add_dataset(self, name: str, folder: ImageFolder) -> DatasetHeld:
        """Hold the images in ``folder`` under ``name``, in the place of those held before under it."""
        held = folder.held(name)
        with self._changing():
            kept = self._read()
            others = [one for one in kept.datasets if one.held.name != name]
            new = DatasetKept(held=held, folder=str(folder.root.absolute()))
            self._write(replace(kept, datasets=tuple(sorted([*others, new], key=lambda one: one.held.name))))
        return held

    def remove_dataset(self, name: str) -> DatasetHeld:
        """Know no dataset of that ``name`` any more; its images stay where they are.

        Raises:
            StateError: there is none.
        """
        with self._changing():
            kept = self._read()
            gone = next((one for one in kept.datasets if one.held.name == name), None)
            if gone is None:
                known = ", ".join(one.held.name for one in kept.datasets) or "none"
                raise StateError(f"There is no dataset {name} here.", f"The datasets are: {known}.")
            self._write(replace(kept, datasets=tuple(one for one in kept.datasets if one is not gone)))
        return gone.held

    def weights_file(self, sha256: str) -> Path:
        """Where weights with that hash lie."""
        return self._folder / f"{sha256}.safetensors"

    def dataset_folder(self, name: str) -> Path | None:
        """Where the dataset of that name lies; None where there is none."""
        found = next((one for one in self._read().datasets if one.held.name == name), None)
        return None if found is None else Path(found.folder)

    def _read(self) -> Kept:
        path = self._folder / FILE_NAME
        try:
            return decode(Kept, path.read_bytes())
        except FileNotFoundError:
            return Kept()
        except (OSError, WireError) as error:
            raise StateError(
                f"What this device holds cannot be read from {path}: {error}.",
                "Remove that file, then add weights and datasets again.",
            ) from None

    def _write(self, kept: Kept) -> None:
        """Write down what is held, then remove the weights that nothing refers to any more."""
        with _disk(self._folder):
            write_durably(self._folder / FILE_NAME, encode(kept))
            wanted = {self.weights_file(one.sha256) for one in kept.weights}
            for file in self._folder.glob("*.safetensors"):
                if file not in wanted:
                    file.unlink()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        # A lock of its own: an agent at work holds the one on the state directory, and only ever reads here.
        with alone_in(self._folder, program="stepfarm-agent weights or dataset"):
            yield


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"{folder} cannot be written: {error.strerror}.", "Free space there, or make it writable."
        ) from None


def _copied(file: Path, target: Path) -> str:
    """The SHA-256 of ``file``, which has been copied to ``target``, there to stay after a power cut.

    Raises:
        StateError: it cannot be read, or there is no room.
    """
    sha256 = hashlib.sha256()
    try:
        source = file.open("rb")
    except OSError as error:
        raise StateError(
            f"The weights {file} cannot be read: {error.strerror}.", "Name a safetensors file of the model's weights."
        ) from None
    with source, _disk(target.parent), target.open("wb") as copy:
        while chunk := source.read(CHUNK_BYTES):
            sha256.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    return sha256.hexdigest()
