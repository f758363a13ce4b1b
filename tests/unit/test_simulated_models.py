from __future__ import annotations

import pytest

from agent.errors import MeasurementFailed
from agent.measure.simulated.models import EXAMPLES, model_named
from agent.wire.jobs import FailureReason


@pytest.mark.parametrize(
    ("name", "tokens", "prefix_tokens", "blocks", "image_size"),
    [
        ("deit_tiny_patch16_224", 197, 1, 12, 224),
        ("deit_tiny_patch16_224.fb_in1k", 197, 1, 12, 224),
        ("deit_base_distilled_patch16_384", 578, 2, 12, 384),
        ("deit3_huge_patch14_224", 257, 1, 32, 224),
        ("vit_small_patch14_dinov2", 1370, 1, 12, 518),
        ("vit_small_patch14_reg4_dinov2", 1374, 5, 12, 518),
        ("vit_base_patch16_gap_224", 196, 0, 12, 224),
        ("vit_medium_patch16_reg4_gap_256", 260, 4, 12, 256),
        ("vit_base_patch16_siglip_gap_256", 256, 0, 12, 256),
        ("vit_so400m_patch14_siglip_384", 729, 0, 27, 384),
        ("vit_large_patch14_clip_quickgelu_336", 577, 1, 24, 336),
        ("test_vit", 101, 1, 6, 160),
    ],
)
def test_a_name_tells_tokens_prefix_blocks_and_image_size(
    name: str, tokens: int, prefix_tokens: int, blocks: int, image_size: int
) -> None:
    model = model_named(name)
    assert (model.tokens, model.prefix_tokens, model.blocks, model.image_size) == (
        tokens,
        prefix_tokens,
        blocks,
        image_size,
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_names_that_are_advised_are_read(name: str) -> None:
    assert model_named(name).tokens > 1


def test_an_image_size_of_the_workload_takes_the_place_of_the_models_own() -> None:
    model = model_named("deit_tiny_patch16_224", 384)
    assert (model.tokens, model.image_size) == (577, 384)


def test_pixels_that_fill_no_patch_make_no_token() -> None:
    assert model_named("deit_tiny_patch16_224", 239).tokens == 197


@pytest.mark.parametrize(
    "name",
    [
        "resnet50",
        "deit",
        "deit_tinny_patch16_224",
        "vit_base_patch16_rope_224",
        "vit_relpos_base_patch16_224",
        "vit_base_patch0_224",
        "vit_base_patch16",
        "vit_base_patch16_224_",
        "naflexvit_base_patch16_gap",
        "vit_base_patch\uff11\uff16_224",
    ],
)
def test_a_name_with_a_word_that_is_not_understood_is_refused_like_an_unknown_model(name: str) -> None:
    with pytest.raises(MeasurementFailed, match="cannot read") as failed:
        model_named(name)
    assert failed.value.reason is FailureReason.MODEL_UNKNOWN
    assert "It reads names such as test_vit, deit_tiny_patch16_224" in failed.value.advice


def test_a_misspelt_name_is_told_with_the_one_that_is_close() -> None:
    with pytest.raises(MeasurementFailed) as failed:
        model_named("deit_tinny_patch16_224")
    assert failed.value.advice.startswith("Did you mean deit_tiny_patch16_224?")


@pytest.mark.parametrize(
    ("pixels", "complaint"), [(15, "smaller than one patch"), (1_025, "4097 tokens at 1025 pixels; 4096 are the most")]
)
def test_an_image_too_small_or_too_large_is_refused(pixels: int, complaint: str) -> None:
    with pytest.raises(MeasurementFailed, match=complaint) as failed:
        model_named("deit_tiny_patch16_224", pixels)
    assert failed.value.reason is FailureReason.WORKLOAD_UNSUPPORTED


def test_the_operations_are_those_of_deit_tiny() -> None:
    """timm's figure is 1.26 billion, the patch embedding and the head among them."""
    assert model_named("deit_tiny_patch16_224").operations(197) == pytest.approx(1.26e9, rel=0.05)
