"""EVA-02, DINOv3 and their like: the rotary embedding goes with the tokens that it belongs to."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("timm")

import torch
from timm.models.eva import EvaBlock

from agent.vit.cut import CuttableVit, forward_cut
from agent.vit.kept import kept_tokens
from agent.vit.loading import load_subject
from agent.vit.models import all_tokens, load_model, not_cuttable
from agent.wire.jobs import DataType, Workload
from tests.support.vits import EVA, an_eva, logits_with_patches_dropped

EACH_EVA = pytest.mark.parametrize("traits", EVA.values(), ids=EVA.keys())


def some_images(size: int = 48) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def kept_of(model: CuttableVit, tokens: int) -> torch.Tensor:
    return torch.tensor(kept_tokens(tokens, all_tokens=all_tokens(model), prefix_tokens=int(model.num_prefix_tokens)))


@EACH_EVA
def test_with_all_tokens_kept_the_logits_are_bit_for_bit_the_untouched_models(traits: dict[str, Any]) -> None:
    model, images = an_eva(**traits), some_images()
    assert not_cuttable(model) is None
    with torch.inference_mode():
        assert torch.equal(forward_cut(model, images, kept_of(model, all_tokens(model))), model(images))


@EACH_EVA
def test_with_fewer_tokens_each_keeps_the_place_that_timm_gives_it(traits: dict[str, Any]) -> None:
    model, images = an_eva(**traits), some_images()
    for tokens in (int(model.num_prefix_tokens) + 1, all_tokens(model) - 4):
        kept = kept_of(model, tokens)
        with torch.inference_mode():
            expected = logits_with_patches_dropped(model, images, kept)
            torch.testing.assert_close(forward_cut(model, images, kept), expected, atol=1e-6, rtol=1e-5)


def test_tokens_in_other_places_give_other_logits() -> None:
    model, images = an_eva(rope_type="dinov3", use_abs_pos_emb=False), some_images()
    near, far = torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1, 5, 9])
    # The same patch everywhere: what differs is where it is.
    same = images[:, :, :16, :16].repeat(1, 1, 3, 3)
    with torch.inference_mode():
        assert not torch.allclose(forward_cut(model, same, near), forward_cut(model, same, far), rtol=1e-4)


@pytest.mark.parametrize(("name", "image_size"), [("eva02_tiny_patch14_224", None), ("vit_small_patch16_dinov3", 64)])
def test_a_real_architecture_is_bit_equal_too(name: str, image_size: int | None) -> None:
    model = load_model(name, image_size=image_size)
    images = some_images(int(model.patch_embed.img_size[0]))[:1]
    with torch.inference_mode():
        assert torch.equal(forward_cut(model, images, kept_of(model, all_tokens(model))), model(images))


def test_a_model_with_rotary_embeddings_is_measured_in_every_data_type_from_its_fewest_tokens() -> None:
    for data_type in DataType:
        subject = load_subject("eva02_tiny_patch14_224", Workload(image_size=56, data_type=data_type, threads=1))
        assert (subject.facts.tokens, subject.facts.prefix_tokens, subject.facts.blocks) == (17, 1, 12)
        subject.prepare(2)()


class OtherBlock(EvaBlock):
    pass


def with_foreign_block(model: Any) -> None:
    model.blocks[1].__class__ = OtherBlock


def with_foreign_attention(model: Any) -> None:
    model.blocks[1].attn = torch.nn.Identity()


def with_foreign_rotation(model: Any) -> None:
    model.rope = torch.nn.Identity()


def with_dropped_patches(model: Any) -> None:
    model.patch_drop = torch.nn.Identity()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (with_foreign_block, "blocks are OtherBlock"),
        (with_foreign_attention, "attention is Identity"),
        (with_foreign_rotation, "rotary embedding is Identity"),
        (with_dropped_patches, "drops patches"),
    ],
)
def test_what_the_cut_does_not_know_is_refused_by_name(change: Any, why: str) -> None:
    model = an_eva()
    change(model)
    assert why in (not_cuttable(model) or "")


def test_a_rotary_embedding_of_three_axes_is_refused_by_name() -> None:
    assert "RotaryEmbeddingMRope" in (not_cuttable(an_eva(rope_type="mrope", embed_dim=128)) or "")
