"""The methods compute what their authors' code computes, at batch 1, where that code is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from agent.vit.applying import apply_schedule
from agent.vit.models import all_tokens
from agent.vit.scheduled import PruningBlock
from agent.wire.schedules import Method, Schedule
from tests.support.vits import a_recorded_image, a_recorded_vit

DATA = Path(__file__).parents[1] / "data" / "parity"
BLOCK, REMOVED, REMOVED_A_BLOCK = 3, 56, 8


@pytest.fixture(scope="module")
def model() -> VisionTransformer:
    return a_recorded_vit("deit_tiny_patch16_224")


def recorded(method: Method) -> Any:
    return np.load(DATA / f"{method.value}.npz")


def assert_same_logits(model: VisionTransformer, method: Method) -> None:
    with torch.inference_mode():
        logits = model(a_recorded_image()).numpy()
    np.testing.assert_allclose(logits, recorded(method)["logits"], atol=1e-5)


def test_one_more_token_keeps_the_tokens_of_the_papers_code_and_gives_its_logits(model: VisionTransformer) -> None:
    schedule = Schedule.pruned_once(
        Method.ONE_MORE, tokens=197, prefix_tokens=1, blocks=12, block=BLOCK, keep=197 - REMOVED
    )
    pruned = apply_schedule(model, schedule)
    block, given = pruned.blocks[BLOCK], []
    assert isinstance(block, PruningBlock)
    hook = block.register_forward_pre_hook(lambda _block, arguments: given.append(arguments[0]))

    assert_same_logits(pruned, Method.ONE_MORE)

    hook.remove()
    with torch.inference_mode():
        kept = block.chosen(given[0]).reshape(-1).numpy() + 1
    assert sorted({*range(1, 197)} - set(kept.tolist())) == recorded(Method.ONE_MORE)["gone"].tolist()


@pytest.mark.parametrize("method", [Method.TOP_K, Method.TOKEN_MERGING])
def test_the_other_methods_give_the_logits_of_their_authors_code(model: VisionTransformer, method: Method) -> None:
    leaving = tuple(197 - REMOVED_A_BLOCK * (block + 1) for block in range(12))
    schedule = Schedule(method=method, tokens=all_tokens(model), prefix_tokens=1, leaving=leaving)

    assert_same_logits(apply_schedule(model, schedule), method)


def test_the_recordings_say_where_they_come_from() -> None:
    for method in (Method.ONE_MORE, Method.TOP_K, Method.TOKEN_MERGING):
        assert '"commit"' in (DATA / f"{method.value}.json").read_text()
