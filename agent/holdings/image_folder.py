"""A folder of images laid out as ImageNet's, a folder a class; or images alone, of which nothing tells the classes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import StateError
from agent.wire.holdings import DatasetHeld

ENDINGS = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
LAYOUT = "A dataset is a folder a class with its images in it, or images alone where nothing tells the classes."
SHOWN = 3
"""So many names stand in a refusal."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image: its path below the dataset's folder, with ``/``, and its size."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images of a dataset, ``files[c]`` those of class c, by name. Without classes all are in ``files[0]``."""

    root: Path
    classes: tuple[str, ...]
    files: tuple[tuple[ImageFile, ...], ...]

    @property
    def labelled(self) -> bool:
        """Whether the folders say what the images show."""
        return bool(self.classes)

    def held(self, name: str) -> DatasetHeld:
        """What is told of it, under ``name``."""
        files = [file for theirs in self.files for file in theirs]
        return DatasetHeld(
            name=name,
            images=len(files),
            classes=len(self.classes) or None,
            listing_sha256=_listing_sha256(files),
        )


def read_image_folder(root: Path) -> ImageFolder:
    """The images below ``root``, none of them opened. Classes are numbered by their folders' names, in order.

    Raises:
        StateError: there is no such folder, no image in it, a class without one, or images beside the classes.
    """
    try:
        loose = _images_in(root, root)
        folders = sorted(one.name for one in os.scandir(root) if one.is_dir() and not one.name.startswith("."))
        files = tuple(_images_in(root, root / folder) for folder in folders)
    except OSError as error:
        raise StateError(f"The dataset's folder {root} cannot be read: {error.strerror}.", LAYOUT) from None
    if not loose and not any(files):
        raise StateError(f"There is no image in {root}.", f"{LAYOUT} Images end in {', '.join(sorted(ENDINGS))}.")
    if loose and any(files):
        raise StateError(
            f"{root} has images beside its folders: {_some([file.name for file in loose])}.",
            f"Move them into the folders of their classes. {LAYOUT}",
        )
    empty = [folder for folder, theirs in zip(folders, files, strict=True) if not theirs]
    if empty and not loose:
        raise StateError(
            f"No image is in {len(empty)} of the {len(folders)} class folders of {root}: {_some(empty)}.",
            "Put their images there, or take the folders away: every folder is a class.",
        )
    return ImageFolder(root, (), (loose,)) if loose else ImageFolder(root, tuple(folders), files)


def _images_in(root: Path, folder: Path) -> tuple[ImageFile, ...]:
    found = [
        ImageFile((folder / one.name).relative_to(root).as_posix(), one.stat().st_size)
        for one in os.scandir(folder)
        if one.is_file() and Path(one.name).suffix.lower() in ENDINGS and not one.name.startswith(".")
    ]
    return tuple(sorted(found, key=lambda file: file.name))


def _listing_sha256(files: Sequence[ImageFile]) -> str:
    listing = hashlib.sha256()
    for file in files:
        listing.update(f"{file.name}\0{file.size_bytes}\n".encode(errors="surrogateescape"))
    return listing.hexdigest()


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
