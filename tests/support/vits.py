"""Small plain Vision Transformers, one a trait that timm's models differ by."""

from __future__ import annotations

from typing import Any

import numpy as np
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

PLAIN: dict[str, dict[str, Any]] = {
    "class token": {},
    "no prefix": {"class_token": False, "global_pool": "avg"},
    "registers": {"reg_tokens": 4, "no_embed_class": True},
    "registers without a class token": {"class_token": False, "reg_tokens": 3, "global_pool": "avg"},
    "attention pooling": {"class_token": False, "global_pool": "map"},
    "no position embedding": {"pos_embed": "none"},
    "norm before the blocks": {"pre_norm": True},
    "norm after pooling": {"global_pool": "avg", "fc_norm": True},
    "any image size": {"dynamic_img_size": True},
    "layer scale": {"init_values": 0.1, "qk_norm": True},
}


def a_vit(**traits: Any) -> VisionTransformer:
    torch.manual_seed(3)
    size: dict[str, Any] = {
        "img_size": 48,
        "patch_size": 16,
        "embed_dim": 32,
        "depth": 2,
        "num_heads": 2,
        "num_classes": 10,
    }
    return VisionTransformer(**{**size, **traits}).eval()


def a_recorded_vit(name: str) -> VisionTransformer:
    """The timm model of that name with weights that no version of torch can change: drawn by numpy, in order."""
    model = timm.create_model(name)
    assert isinstance(model, VisionTransformer)
    generator = np.random.default_rng(11)
    with torch.no_grad():
        for parameter in model.parameters():
            drawn = generator.standard_normal(tuple(parameter.shape)).astype(np.float32)
            # Wide enough that attention tells tokens apart, narrow enough that twelve blocks stay tame.
            parameter.copy_(torch.from_numpy(drawn * 0.06 + (1.0 if parameter.ndim == 1 else 0.0)))
    return model.eval()


def a_recorded_image() -> torch.Tensor:
    """One image of 224 pixels, (1, 3, 224, 224), as drawn by numpy."""
    return torch.from_numpy(np.random.default_rng(12).standard_normal((1, 3, 224, 224)).astype(np.float32))
