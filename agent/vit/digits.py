"""A small Vision Transformer that really tells digits apart, and the images to see by how much.

    python -m agent.vit.digits FOLDER

trains timm's test_vit (101 tokens) on scikit-learn's 8 x 8 digits, from nothing, in about a minute on two cores, and
writes ``FOLDER/test_vit.safetensors`` and the images that it never saw, ``FOLDER/images/0`` to ``9``: weights and a
dataset for an accuracy job (docs/accuracy.md), as ``stepfarm demo`` has them made. The same seed gives the same images
and, on the same machine and threads, the same weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.layers.pos_embed_sincos import build_sincos2d_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional

MODEL = "test_vit"
CLASSES = 10
HELD_BACK = 500
"""Images that are written and not learned from."""

STORED_PIXELS = 32
LEARNED_PIXELS = 168
"""What the model's own preprocessing scales to before it cuts 160 pixels out of the middle; here, out of anywhere."""

BATCH = 64
PEAK_RATE = 2e-3
WARM_UP = 0.1
"""The share of the steps in which the learning rate rises."""

KEPT_WHEN_LEARNING = 0.25
"""The share of patches that a step of learning sees: four times as fast, and it learns not to rest on any of them."""

Pictures = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Digits:
    """Pictures, (N, 32, 32) of grey, and what they show, (N,)."""

    pictures: Pictures
    labels: Labels


def split(seed: int, held_back: int = HELD_BACK) -> tuple[Digits, Digits]:
    """The digits to learn from, and those held back: as many of each class, to one."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    pictures = np.stack([_scaled(one, STORED_PIXELS) for one in grey])
    labels = bunch.target.astype(np.int64)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    # The first of each class, then the second of each, and so on.
    place = np.empty(len(labels), np.int64)
    for label in range(CLASSES):
        theirs = shuffled[labels[shuffled] == label]
        place[theirs] = np.arange(len(theirs))
    order = shuffled[np.argsort(place[shuffled], kind="stable")]
    return _some(pictures, labels, order[held_back:]), _some(pictures, labels, order[:held_back])


def _some(pictures: Pictures, labels: Labels, which: Labels) -> Digits:
    return Digits(pictures[which], labels[which])


def _scaled(picture: Pictures, pixels: int) -> Pictures:
    return np.asarray(Image.fromarray(picture).resize((pixels, pixels), Image.Resampling.BICUBIC))


def train(
    digits: Digits, *, epochs: int, seed: int, threads: int, tell: Callable[[str], None] = print
) -> VisionTransformer:
    """The model, trained on ``digits``."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    model = timm.create_model(MODEL, num_classes=CLASSES)
    assert isinstance(model, VisionTransformer)
    _begin(model)
    pictures = torch.from_numpy(np.stack([_scaled(one, LEARNED_PIXELS) for one in digits.pictures]))
    labels = torch.from_numpy(digits.labels)
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.05)
    steps = epochs * (len(labels) // BATCH)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps, pct_start=WARM_UP)
    size, patches = int(model.patch_embed.img_size[0]), int(model.patch_embed.num_patches)
    model.train()
    for epoch in range(epochs):
        lost = 0.0
        order = torch.randperm(len(labels))
        for first in range(0, len(labels) // BATCH * BATCH, BATCH):
            which = order[first : first + BATCH]
            seen = torch.randperm(patches)[: round(patches * KEPT_WHEN_LEARNING)].sort().values
            logits = logits_of_patches(model, _cut(pictures[which], size), seen)
            loss = functional.cross_entropy(logits, labels[which], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            rates.step()
            lost += float(loss.detach())
        tell(f"epoch {epoch + 1} of {epochs}: loss {lost / (len(labels) // BATCH):.3f}")
    return model.eval()


def _begin(model: VisionTransformer) -> None:
    """Begin where a narrow model learns at once: timm's first weights are as small as wide ones need them.

    Positions differ as places do from the start, for a patch is less than a pixel here: all depends on where it is.
    """
    assert model.pos_embed is not None
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
        places = build_sincos2d_pos_embed(model.patch_embed.grid_size, model.embed_dim, interleave_sin_cos=True)
        model.pos_embed[0, 1:] = places / 2


def _cut(pictures: torch.Tensor, size: int) -> torch.Tensor:
    """``pictures``, (B, 168, 168) of grey, as the model would get one of their channels: cut out of anywhere."""
    top, left = (int(torch.randint(pictures.shape[-1] - size + 1, ())) for _ in range(2))
    return (pictures[:, top : top + size, left : left + size].float() / 255 - 0.5) / 0.5


def logits_of_patches(model: VisionTransformer, grey: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """What the model answers to ``grey``, (B, size, size), of which it sees the patches ``seen``, ascending, alone.

    With all patches it is what the model answers to the same image in red, green and blue, which are alike; only the
    patches that are seen are embedded, and each of them once instead of once a colour.
    """
    layer = model.patch_embed.proj
    side = layer.weight.shape[-1]
    patches = grey.unfold(1, side, side).unfold(2, side, side).flatten(1, 2).flatten(2)[:, seen]
    x = functional.linear(patches, layer.weight.sum(dim=1).flatten(1), layer.bias)
    assert model.pos_embed is not None
    assert model.cls_token is not None
    first = model.cls_token + model.pos_embed[:, :1]
    x = torch.cat((first.expand(len(x), -1, -1), x + model.pos_embed[:, 1 + seen]), dim=1)
    logits: torch.Tensor = model.forward_head(model.norm(model.blocks(model.norm_pre(x))))
    return logits


def write(folder: Path, model: VisionTransformer, held_back: Digits) -> tuple[Path, Path]:
    """The weights as a safetensors file and the images in folders, one a class; where they are."""
    images = folder / "images"
    for index, (picture, label) in enumerate(zip(held_back.pictures, held_back.labels, strict=True)):
        there = images / str(label)
        there.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(there / f"{index:04}.png")
    weights = folder / f"{MODEL}.safetensors"
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, weights)
    return weights, images


def main() -> None:
    """Train, and write what was learned and what was held back."""
    parser = argparse.ArgumentParser(description="Train a small ViT on digits, for an accuracy job.")
    parser.add_argument("folder", type=Path, help="where to write; made where it is not there")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    learned, held_back = split(options.seed)
    model = train(learned, epochs=options.epochs, seed=options.seed, threads=options.threads)
    weights, images = write(options.folder, model, held_back)
    print(f"\nWeights: {weights}\nImages, {len(held_back.labels)} that it never saw: {images}\n")
    print("Where this machine is a device of a farm (docs/accuracy.md):")
    print(f"  stepfarm-agent weights add {MODEL} {weights}")
    print(f"  stepfarm-agent dataset add digits {images}")
    print(f"  stepfarm accuracy measure {MODEL} --dataset digits --watch")


if __name__ == "__main__":
    main()
