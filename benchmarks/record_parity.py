"""Records what other people's code computes, for tests/integration/test_vit_parity.py to compare with.

    python benchmarks/record_parity.py --paper CHECKOUT --tome CHECKOUT

CHECKOUT is a clone of nickjeliopoulos/PruneOneMoreToken, and one of facebookresearch/ToMe; neither is a part of
Stepfarm. What is kept are small arrays of numbers with where they come from, in tests/data/parity.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import timm
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.vits import a_recorded_image, a_recorded_vit  # noqa: E402

MODEL = "deit_tiny_patch16_224"
BLOCK, REMOVED, REMOVED_A_BLOCK = 3, 56, 8
DATA = ROOT / "tests" / "data" / "parity"


def main() -> None:
    """Record all three methods."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--paper", type=Path, required=True, metavar="CHECKOUT")
    parser.add_argument("--tome", type=Path, required=True, metavar="CHECKOUT")
    options = parser.parse_args()
    DATA.mkdir(parents=True, exist_ok=True)
    paper = module(options.paper / "pomt" / "timm_patch.py", "timm_patch")
    with torch.inference_mode():
        model = a_recorded_vit(MODEL)
        paper.timm_apply_pomt_patch(SimpleNamespace(pomt_prune_layer_index=BLOCK, pomt_R=REMOVED), model)
        logits = model(a_recorded_image())
        gone = np.sort(model.blocks[BLOCK].pomt_discard_indices.numpy().reshape(-1))
        keep("one-more-token", options.paper, {"block": BLOCK, "removed": REMOVED}, logits=logits, gone=gone)

        model = a_recorded_vit(MODEL)
        paper.timm_apply_topk_patch(SimpleNamespace(topk_R=REMOVED_A_BLOCK), model)
        keep("top-k", options.paper, {"removed_a_block": REMOVED_A_BLOCK}, logits=model(a_recorded_image()))

        sys.path.insert(0, str(options.tome))
        import tome

        model = a_recorded_vit(MODEL)
        tome.patch.timm(model)
        model.r = REMOVED_A_BLOCK
        keep("token-merging", options.tome, {"removed_a_block": REMOVED_A_BLOCK}, logits=model(a_recorded_image()))


def module(path: Path, name: str) -> ModuleType:
    """The module in a file: the package around it wants more than is installed."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def keep(method: str, checkout: Path, settings: dict[str, int], **arrays: Any) -> None:
    """Write the arrays, and where they come from beside them."""
    np.savez_compressed(DATA / f"{method}.npz", **{name: np.asarray(array) for name, array in arrays.items()})
    provenance = {
        "code": {"one-more-token": "github.com/nickjeliopoulos/PruneOneMoreToken", "top-k": "the same"}.get(
            method, "github.com/facebookresearch/ToMe"
        ),
        "commit": commit_of(checkout),
        "model": f"{MODEL}, weights and image as tests/support/vits.py draws them, batch 1, float32, CPU",
        "settings": settings,
        "made_with": {"torch": torch.__version__, "timm": timm.__version__, "numpy": np.__version__},
        "made_by": "benchmarks/record_parity.py",
    }
    (DATA / f"{method}.json").write_text(json.dumps(provenance, indent=2) + "\n")


def commit_of(checkout: Path) -> str:
    """The commit of a checkout."""
    asked = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
