"""Schedules applied to a model, timed against plain timm, the paper's code, ToMe, and the ideal; paired, in one run.

    python benchmarks/reduction.py --paper CHECKOUT --tome CHECKOUT [--model NAME] [--threads N] [--pairs N]

CHECKOUT is a clone of nickjeliopoulos/PruneOneMoreToken, and one of facebookresearch/ToMe.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from timm.models.vision_transformer import VisionTransformer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.vit.applying import apply_schedule
from agent.vit.cut import embed, gather_tokens
from agent.vit.models import load_model
from agent.wire.schedules import Method, Schedule
from benchmarks.paired import compare

TOKENS, BLOCKS, BLOCK, REMOVED, MERGED_A_BLOCK = 197, 12, 3, 56, 8


def main() -> None:
    """Print one table row a comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--paper", type=Path, required=True, metavar="CHECKOUT")
    parser.add_argument("--tome", type=Path, required=True, metavar="CHECKOUT")
    parser.add_argument("--model", default="deit_small_patch16_224")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.model}, {options.threads} thread(s), torch {torch.__version__}; ratio (95 % interval)")
    print("| compared | batch | ratio |\n| --- | --- | --- |")
    for batch in (1, 4):
        images = torch.rand((batch, 3, 224, 224), generator=torch.Generator().manual_seed(0))
        for name, first, second in comparisons(options.model, options.paper, options.tome):
            pairs = max(10, options.pairs // batch)
            print(f"| {name} | {batch} | {compare(run(first, images), run(second, images), pairs=pairs)} |", flush=True)


Forward = Callable[[torch.Tensor], torch.Tensor]


def comparisons(model: str, paper: Path, tome: Path) -> list[tuple[str, Forward, Forward]]:
    """What is compared with what, by name."""
    plain = load_model(model)
    once = Schedule.pruned_once(
        Method.ONE_MORE, tokens=TOKENS, prefix_tokens=1, blocks=BLOCKS, block=BLOCK, keep=TOKENS - REMOVED
    )
    nothing = Schedule.pruned_once(
        Method.ONE_MORE, tokens=TOKENS, prefix_tokens=1, blocks=BLOCKS, block=BLOCK, keep=TOKENS
    )
    merging = Schedule(
        method=Method.TOKEN_MERGING,
        tokens=TOKENS,
        prefix_tokens=1,
        leaving=tuple(TOKENS - MERGED_A_BLOCK * (block + 1) for block in range(BLOCKS)),
    )
    pruned = apply_schedule(plain, once)
    return [
        ("nothing pruned / plain timm", apply_schedule(plain, nothing), plain),
        ("the paper's code, nothing pruned / plain timm", papers(model, paper, 0), plain),
        (f"R = {REMOVED} / the paper's code", pruned, papers(model, paper, REMOVED)),
        (f"R = {REMOVED} / ideal", pruned, ideal(plain, once)),
        (f"the paper's code, R = {REMOVED} / ideal", papers(model, paper, REMOVED), ideal(plain, once)),
        (f"merging {MERGED_A_BLOCK} a block / ToMe's code", apply_schedule(plain, merging), merged(model, tome)),
    ]


def run(forward: Forward, images: torch.Tensor) -> Callable[[], object]:
    """One inference."""

    def call() -> object:
        with torch.inference_mode():
            return forward(images)

    return call


def papers(model: str, checkout: Path, removed: int) -> Forward:
    """The paper's code with ``removed`` tokens gone in its block."""
    patch = module(checkout / "pomt" / "timm_patch.py", "timm_patch")
    patched = load_model(model)
    patch.timm_apply_pomt_patch(SimpleNamespace(pomt_prune_layer_index=BLOCK, pomt_R=removed), patched)
    return patched


def merged(model: str, checkout: Path) -> Forward:
    """ToMe's own code."""
    sys.path.insert(0, str(checkout))
    import tome

    patched = load_model(model)
    tome.patch.timm(patched)
    patched.r = MERGED_A_BLOCK
    return patched


def ideal(model: VisionTransformer, schedule: Schedule) -> Forward:
    """The plain model with as many tokens in each block, the first of those there: nothing scored, nothing chosen."""
    steps = list(zip(model.blocks, schedule.entering, schedule.leaving, strict=True))

    def forward(images: torch.Tensor) -> torch.Tensor:
        x = embed(model, images).tokens
        for block, entering, leaving in steps:
            if leaving == entering:
                x = block(x)
                continue
            x = x + block.drop_path1(block.ls1(block.attn(block.norm1(x))))
            x = gather_tokens(x, torch.arange(leaving))
            x = x + block.drop_path2(block.ls2(block.mlp(block.norm2(x))))
        logits: torch.Tensor = model.forward_head(model.norm(x))
        return logits

    return forward


def module(path: Path, name: str) -> ModuleType:
    """The module in a file: the package around it wants more than is installed."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


if __name__ == "__main__":
    main()
