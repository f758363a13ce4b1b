"""Whether every image of a folder can be read to its end. Needs Pillow, which comes with the extra torch."""

from __future__ import annotations

from collections.abc import Callable

from agent.errors import StateError
from agent.holdings.image_folder import SHOWN, ImageFolder


def refuse_unreadable(folder: ImageFolder, *, told: Callable[[int, int], None]) -> None:
    """Read every image to its last pixel.

    Args:
        told: called with how many were read, of how many.

    Raises:
        StateError: Pillow is missing, or some images are truncated or no images; they are named.
    """
    try:
        from PIL import Image
    except ImportError:
        raise StateError(
            "Images cannot be read without Pillow.",
            "Install it with: pip install stepfarm[torch] (or from the device's own packages).",
        ) from None
    files = [file for theirs in folder.files for file in theirs]
    bad: list[str] = []
    for number, file in enumerate(files, start=1):
        try:
            with Image.open(folder.root / file.name) as image:
                image.load()
        except Exception as error:  # noqa: BLE001  # each format's reader fails in ways of its own
            bad.append(f"{file.name} ({str(error).splitlines()[0] if str(error) else type(error).__name__})")
        told(number, len(files))
    if bad:
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise StateError(
            f"{len(bad)} of {len(files)} images of {folder.root} cannot be read: {'; '.join(bad[:SHOWN])}{more}.",
            "Copy them again or take them away, then add the dataset again.",
        )
