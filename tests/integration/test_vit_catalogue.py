"""Real architectures, one or two of each trait: what can be cut is known by its layers, never by its name."""

from __future__ import annotations

import pytest

pytest.importorskip("timm")

import timm
import torch
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

from agent.vit.models import all_tokens, not_cuttable

CUT = {
    "deit_tiny_patch16_224": (197, 1),
    "deit_tiny_distilled_patch16_224": (198, 2),
    "deit3_small_patch16_224": (197, 1),
    "vit_base_patch16_clip_224": (197, 1),
    "vit_base_patch16_siglip_224": (196, 0),
    "vit_small_patch14_reg4_dinov2": (1374, 5),
    "vit_medium_patch16_reg4_gap_256": (260, 4),
    "vit_small_r26_s32_224": (50, 1),
    "eva_giant_patch14_clip_224": (257, 1),
    "eva02_tiny_patch14_336": (577, 1),
    "eva02_enormous_patch14_clip_224": (257, 1),
    "vit_small_patch16_dinov3": (261, 5),
    "vit_small_patch16_rope_mixed_ape_224": (197, 1),
    "vit_pe_core_tiny_patch16_384": (577, 1),
    "vit_pe_lang_gigantic_patch14_448": (1024, 0),
}
"""How many tokens each has at its own image size, and how many of them are prefix."""

REFUSED = {
    "vit_base_patch16_xp_224": "blocks are ParallelScalingBlock",
    "vit_small_patch16_18x2_224": "blocks are ParallelThingsBlock",
    "vit_base_patch16_rpn_224": "blocks are ResPostBlock",
    "vit_dwee_patch16_reg1_gap_256": "attention is DiffAttention",
    "vit_relpos_small_patch16_224": "class is VisionTransformerRelPos",
    "samvit_base_patch16": "class is VisionTransformerSAM",
    "beit_base_patch16_224": "class is Beit",
    "naflexvit_base_patch16_gap": "class is NaFlexVit",
    "swin_tiny_patch4_window7_224": "class is SwinTransformer",
}


def made_without_weights(name: str, **fewer: int) -> torch.nn.Module:
    with torch.device("meta"):
        return timm.create_model(name, **fewer)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CUT)
def test_a_model_of_each_trait_can_be_cut(name: str) -> None:
    model = made_without_weights(name, depth=1)
    assert not_cuttable(model) is None
    assert isinstance(model, VisionTransformer | Eva)
    assert (all_tokens(model), model.num_prefix_tokens) == CUT[name]


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_of_another_make_is_refused_by_what_it_is_made_of(name: str) -> None:
    assert REFUSED[name] in (not_cuttable(made_without_weights(name)) or "")
