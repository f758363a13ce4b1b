"""Which of timm's architectures can be cut to n tokens, and why the others are refused.

python benchmarks/catalogue.py              every architecture, built without weights; a few minutes
python benchmarks/catalogue.py --check      and those that can be cut, with one block and random weights, compared
                                            with timm's own forward; some twenty minutes more
"""

from __future__ import annotations

import argparse
import collections
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers.hybrid_embed import HybridEmbed
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.vit.cut import CuttableVit, forward_cut
from agent.vit.kept import kept_tokens
from agent.vit.models import all_tokens, not_cuttable
from tests.support.vits import logits_with_patches_dropped

FAMILIES = (VisionTransformer, Eva)
NAMES = [family.__name__ for family in FAMILIES]

TRAITS: dict[str, Callable[[Any], bool]] = {
    "class token alone": lambda model: model.cls_token is not None and model.num_prefix_tokens == 1,
    "class token and registers, or a distillation token": lambda model: (
        model.num_prefix_tokens > 1 and model.cls_token is not None
    ),
    "registers without a class token": lambda model: model.cls_token is None and model.num_prefix_tokens > 0,
    "no prefix at all": lambda model: model.num_prefix_tokens == 0,
    "attention pooling": lambda model: model.attn_pool is not None,
    "norm before the blocks": lambda model: not isinstance(model.norm_pre, torch.nn.Identity),
    "layer scale": lambda model: any("ls1.gamma" in name or "gamma_1" in name for name, _ in model.named_parameters()),
    "convolutions before the patches": lambda model: isinstance(model.patch_embed, HybridEmbed),
    "any image size": lambda model: bool(model.dynamic_img_size),
    "images that are not square": lambda model: len(set(model.patch_embed.img_size)) > 1,
    "rotary embedding": lambda model: getattr(model, "rope", None) is not None,
    "rotary embedding of each block and head": lambda model: getattr(model, "rope_mixed", False),
}


@dataclass(frozen=True)
class Architecture:
    """One name that timm knows: of what class it is, what it has, and why it is refused if it is."""

    name: str
    family: str
    traits: frozenset[str]
    refused: str | None


def main() -> None:
    """Print the tables of docs/models.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="compare with timm's own forward; exit with 1 if one differs"
    )
    options = parser.parse_args()
    architectures = [described(name) for name in timm.list_models()]
    print(f"timm {timm.__version__}: {len(architectures)} architectures\n")
    print(table_of_cuttable(architectures), "\n")
    print(table_of_refused(architectures))
    if options.check:
        cuttable = [architecture.name for architecture in architectures if architecture.refused is None]
        differing = [complaint for name in cuttable if (complaint := difference(name)) is not None]
        print(f"\n{len(cuttable) - len(differing)} of {len(cuttable)} compute what timm computes", *differing, sep="\n")
        sys.exit(bool(differing))


def described(name: str) -> Architecture:
    """What the named architecture is, from its layers alone."""
    with torch.device("meta"):
        model = timm.create_model(name)
    refused = not_cuttable(model)
    traits = frozenset(trait for trait, has in TRAITS.items() if refused is None and has(model))
    family = next((base for base in FAMILIES if isinstance(model, base)), type(model)).__name__
    return Architecture(name, family, traits, refused)


def table_of_cuttable(architectures: Iterable[Architecture]) -> str:
    """How many of each family have each trait."""
    cuttable = [architecture for architecture in architectures if architecture.refused is None]

    def row(what: str, having: list[Architecture]) -> str:
        families = collections.Counter(architecture.family for architecture in having)
        return f"| {what} | {' | '.join(str(families[name]) for name in NAMES)} |"

    rows = [row("**can be cut**", cuttable)]
    rows += [row(trait, [one for one in cuttable if trait in one.traits]) for trait in TRAITS]
    return "\n".join([f"| | {' | '.join(NAMES)} |", "| --- | --- | --- |", *rows])


def table_of_refused(architectures: Iterable[Architecture]) -> str:
    """Why members of the families are refused, and of what classes all others are."""
    refused = [architecture for architecture in architectures if architecture.refused is not None]
    others = [one.family for one in refused if one.family not in NAMES]
    near = [one for one in refused if one.family in NAMES]
    rows = []
    for reason in sorted({str(one.refused) for one in near}):
        names = [f"`{one.name}`" for one in near if one.refused == reason]
        rows.append(f"| {reason} | {len(names)} | {', '.join(names)} |")
    classes = ", ".join(f"{name} {count}" for name, count in collections.Counter(others).most_common())
    rows.append(f"| its class is another | {len(others)} | {classes} |")
    return "\n".join(["| refused because | architectures | which |", "| --- | --- | --- |", *rows])


def difference(name: str) -> str | None:
    """Where the cut forward pass of the named architecture, with one block, differs from timm's; None if nowhere."""
    torch.manual_seed(0)
    model = one_block(name)
    height, width = model.patch_embed.img_size
    images = torch.rand(1, 3, height, width)
    tokens, prefix = all_tokens(model), int(model.num_prefix_tokens)
    half = torch.tensor(kept_tokens((tokens + prefix + 1) // 2, all_tokens=tokens, prefix_tokens=prefix))
    with torch.inference_mode():
        if not torch.equal(forward_cut(model, images, torch.arange(tokens)), model(images)):
            return f"{name}: with all tokens"
        ours, timms = forward_cut(model, images, half), logits_with_patches_dropped(model, images, half)
        if not torch.allclose(ours, timms, rtol=1e-4, atol=1e-5 * float(timms.abs().max())):
            return f"{name}: with half of the patches"
    return None


def one_block(name: str) -> CuttableVit:
    """The architecture with its width and all its traits, but one block."""
    try:
        model = timm.create_model(name, depth=1, num_classes=10)
    except AssertionError:
        # Sapiens2 shares keys and values between heads, in each block as that block likes; here, between all of them.
        model = timm.create_model(name, depth=1, num_classes=10, num_kv_heads=1)
    model = model.eval()
    assert isinstance(model, VisionTransformer | Eva)
    return model


if __name__ == "__main__":
    main()
