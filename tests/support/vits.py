"""Small Vision Transformers of the families that can be cut, one a trait that timm's models differ by."""

from __future__ import annotations

from typing import Any

import numpy as np
import timm
import torch
from timm.layers.norm import RmsNorm
from timm.models.eva import Eva
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

EVA: dict[str, dict[str, Any]] = {
    "EVA: no rotary embedding": {"use_rot_pos_emb": False},
    "EVA-02": {"swiglu_mlp": True, "scale_mlp": True, "qkv_fused": False, "scale_attn_inner": True},
    "EVA-02 CLIP: norm after each branch": {"use_rot_pos_emb": False, "use_post_norm": True, "global_pool": "token"},
    "DINOv3": {
        "rope_type": "dinov3",
        "rope_rotate_half": True,
        "use_abs_pos_emb": False,
        "num_reg_tokens": 4,
        "dynamic_img_size": True,
        "init_values": 0.1,
    },
    "rotary embedding of each block and head": {"rope_type": "mixed", "attn_type": "rope", "global_pool": "token"},
    "the same at any image size": {"rope_type": "mixed", "attn_type": "rope", "dynamic_img_size": True},
    "registers, no position added": {"num_reg_tokens": 4, "no_embed_class": True, "use_abs_pos_emb": False},
    "no prefix, norm before the blocks": {
        "class_token": False,
        "attn_type": "rope",
        "use_pre_transformer_norm": True,
        "ref_feat_shape": (2, 2),
    },
    "attention pooling of rotated tokens": {"attn_type": "rope", "global_pool": "map"},
    "shared keys and values": {
        "attn_type": "rope",
        "qkv_fused": False,
        "num_kv_heads": 1,
        "qk_norm": True,
        "norm_layer": RmsNorm,
        "init_values": 0.1,
        "attn_only_layer_scale": True,
    },
}
"""Eva's families: EVA, EVA-02, DINOv3, RoPE-ViT, Perception Encoder, Sapiens2."""


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


def an_eva(**traits: Any) -> Eva:
    torch.manual_seed(3)
    size: dict[str, Any] = {
        "img_size": 48,
        "patch_size": 16,
        "embed_dim": 32,
        "depth": 2,
        "num_heads": 2,
        "num_classes": 10,
        "use_rot_pos_emb": True,
        # Eva makes its head all but zero, and every output would be close to every other.
        "head_init_scale": 1.0,
    }
    return Eva(**{**size, **traits}).eval()


def logits_with_patches_dropped(model: Any, images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """What timm's own forward makes of the ``kept`` tokens: chosen where, in training, it drops patches by chance."""
    before, model.patch_drop = model.patch_drop, _Drops(kept, model)
    logits: torch.Tensor = model(images)
    model.patch_drop = before
    return logits


class _Drops(torch.nn.Module):
    def __init__(self, kept: torch.Tensor, model: Any) -> None:
        super().__init__()
        self.kept, self.prefix = kept, int(model.num_prefix_tokens)
        self.tells_which = isinstance(model, Eva)

    def forward(self, x: torch.Tensor) -> Any:
        if not self.tells_which:
            return x[:, self.kept]
        return x[:, self.kept], (self.kept[self.prefix :] - self.prefix).expand(x.shape[0], -1)


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
