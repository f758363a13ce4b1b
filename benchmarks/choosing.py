"""What choosing tokens costs: a token a block goes by each method, beside a model that drops as many unseen.

    python benchmarks/choosing.py [--model NAME] [--threads N] [--pairs N]

The share is of the latency of the blocks that choose; `orchestrator.analysis.prediction.CHOOSING_SHARE` rests on it.
About 5 minutes for DeiT-S on one thread. The machine must be quiet.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.measure.stamps import Stamps
from agent.vit.applying import apply_schedule
from agent.vit.blocks import BlocksInPlace
from agent.vit.models import all_tokens, load_model
from agent.wire.schedules import Method, Schedule
from benchmarks.paired import Ratio, compare
from benchmarks.reduction import ideal, run

ENTERING = (1.0, 0.6, 0.3)
"""Of all tokens, what enters the first block that prunes one more."""


def main() -> None:
    """Print one table row a method, batch size and number of tokens."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="deit_small_patch16_224")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--pairs", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load_model(options.model)
    print(f"{options.model}, {options.threads} thread(s), torch {torch.__version__}")
    print("| method | batch | tokens | pruned / the same counts unchosen | share of a block |")
    print("| --- | --- | --- | --- | --- |")
    for batch in options.batches:
        images = torch.rand((batch, *model.pretrained_cfg["input_size"]), generator=torch.Generator().manual_seed(0))
        for method in Method:
            for part in ENTERING:
                schedule = one_a_block(model, method, part)
                pruned, unchosen = apply_schedule(model, schedule), ideal(model, schedule)
                pairs = max(10, options.pairs // batch)
                ratio = compare(run(pruned, images), run(unchosen, images), pairs=pairs)
                tokens = schedule.leaving[0]
                low, middle, high = shares(ratio, model, images, tokens)
                print(
                    f"| {method.value} | {batch} | {tokens} | {ratio} | {middle:.3f} ({low:.3f} to {high:.3f}) |",
                    flush=True,
                )


def one_a_block(model: VisionTransformer, method: Method, part: float) -> Schedule:
    """Down to ``part`` of the tokens in the first block, and one token less in each block from there."""
    tokens, prefix = all_tokens(model), int(model.num_prefix_tokens)
    # Merging halves the patches at most.
    first = max(int(part * tokens), tokens - (tokens - prefix) // 2 if method is Method.TOKEN_MERGING else 0)
    leaving = tuple(min(first, tokens - 1) - block for block in range(len(model.blocks)))
    return Schedule(method=method, tokens=tokens, prefix_tokens=prefix, leaving=leaving)


def shares(ratio: Ratio, model: VisionTransformer, images: torch.Tensor, tokens: int) -> tuple[float, float, float]:
    """What the ratio and its interval say of one block: low, middle and high, over its latency at ``tokens``."""
    stamps = Stamps(time.perf_counter_ns)
    blocks = BlocksInPlace(model, images, torch.arange(tokens), stamps)
    taken = []
    for _ in range(10):
        blocks()
        taken.append(sum(blocks.blocks_ns()))
    of_blocks_ms = float(np.median(taken)) / 1e6
    low, middle, high = ((value - 1) * ratio.second_ms / of_blocks_ms for value in (ratio.low, ratio.ratio, ratio.high))
    return low, middle, high


if __name__ == "__main__":
    main()
