"""A model that was trained for seconds, with images to try it on, as a device is given them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.vit import digits

IMAGES = 60
DATASET = "digits"
MODEL = digits.MODEL


@dataclass(frozen=True)
class Trained:
    """Weights as a safetensors file, and images in folders, one a class."""

    weights: Path
    images: Path


def trained(folder: Path, *, epochs: int = 4) -> Trained:
    """A model that tells some digits apart, and `IMAGES` that it never saw."""
    learned, held_back = digits.split(0, IMAGES)
    model = digits.train(learned, epochs=epochs, seed=0, threads=1, tell=lambda _line: None)
    return Trained(*digits.write(folder, model, held_back))


def give_weights(home: Path, weights: Path) -> None:
    """Give weights of `MODEL` to the device whose state is in ``home``, by its own command."""
    _tell(home, "weights", "add", MODEL, str(weights))


def give_images(home: Path, name: str, images: Path) -> None:
    """Give images to the device whose state is in ``home``, as the dataset ``name``, by its own command."""
    _tell(home, "dataset", "add", name, str(images))


def _tell(home: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "agent.cli", *arguments]
    subprocess.run(command, env={**os.environ, "STEPFARM_HOME": str(home)}, check=True, capture_output=True)
