"""What a simulated device reads from names is what timm makes of them."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from agent.errors import MeasurementFailed
from agent.measure.simulated.models import model_named
from agent.vit.models import all_tokens, not_plain


def is_read(name: str) -> bool:
    try:
        model_named(name)
    except MeasurementFailed:
        return False
    return True


NAMES = [name for name in timm.list_models() if is_read(name)]


def test_most_of_the_plain_models_are_read() -> None:
    assert len(NAMES) > 100


@pytest.mark.parametrize("name", [*NAMES[::13], "test_vit", "deit_base_distilled_patch16_384"])
def test_a_model_that_is_read_is_plain_and_has_the_tokens_that_its_name_says(name: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(name)
    assert not_plain(model) is None
    assert isinstance(model, VisionTransformer)
    described = model_named(name)
    assert (described.tokens, described.prefix_tokens, described.blocks, described.image_size) == (
        all_tokens(model),
        model.num_prefix_tokens,
        len(model.blocks),
        model.patch_embed.img_size[0],
    )
