"""Which timm models can be cut, and how they are made: by name, with random weights, without any download."""

from __future__ import annotations

import difflib
from typing import Any

import timm
import torch
from timm.layers.attention import Attention, AttentionRope
from timm.layers.pos_embed_sincos import RotaryEmbeddingCat, RotaryEmbeddingDinoV3, RotaryEmbeddingMixed
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva, EvaAttention, EvaBlock, EvaBlockPostNorm
from timm.models.vision_transformer import Block, VisionTransformer

from agent.errors import MeasurementFailed
from agent.vit.cut import CuttableVit
from agent.wire.fields import MOST_TOKENS
from agent.wire.jobs import FailureReason

WEIGHTS_SEED = 0
"""Latency does not depend on the weights; a fixed seed makes the same model every time."""

_ROTARY = (RotaryEmbeddingCat, RotaryEmbeddingMixed, RotaryEmbeddingDinoV3)
"""Those whose last axis but one holds the patches, as `agent.vit.cut.Embedded` says."""


def load_model(name: str, *, image_size: int | None = None, classes: int | None = None) -> CuttableVit:
    """The ViT of this name, in float32 on the CPU, for inference, with random weights.

    Args:
        name: a name that timm knows, with or without a tag for weights (``deit_tiny_patch16_224.fb_in1k``), which
            changes nothing here.
        image_size: height and width in pixels; the model's own where it is None.
        classes: how many classes it tells apart; as many as the model's own where it is None.

    Raises:
        MeasurementFailed: no such model, none that can be cut, or it does not take this image size.
    """
    # is_model knows neither "hf-hub:" nor "local-dir:", which would load what somebody else wrote.
    if not timm.is_model(name):
        raise _unknown(name)
    model = _created(name, image_size, {} if classes is None else {"num_classes": classes})
    complaint = not_cuttable(model)
    if complaint is not None:
        raise MeasurementFailed(
            FailureReason.MODEL_UNSUPPORTED,
            f"{name} cannot be cut to fewer tokens: {complaint}",
            "Choose a plain Vision Transformer, EVA-02 or DINOv3, such as deit_tiny_patch16_224, "
            "vit_base_patch16_224 or vit_small_patch16_dinov3.",
        )
    assert isinstance(model, VisionTransformer | Eva)
    _refuse_image_size(name, model, image_size)
    return model.eval()


def _created(name: str, image_size: int | None, options: dict[str, Any]) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(WEIGHTS_SEED)
        try:
            if image_size is not None:
                try:
                    return timm.create_model(name, pretrained=False, img_size=image_size, **options)
                except TypeError:
                    # A model that does not take the argument is made without it, to be refused for what it is.
                    pass
            return timm.create_model(name, pretrained=False, **options)
        except RuntimeError as error:
            if "pretrained tag" in str(error):
                raise _unknown(name) from None
            raise


def _unknown(name: str) -> MeasurementFailed:
    architecture = name.partition(".")[0]
    close = [architecture] if timm.is_model(architecture) else difflib.get_close_matches(name, timm.list_models(), n=3)
    advice = f"Did you mean {' or '.join(close)}? " if close else ""
    return MeasurementFailed(
        FailureReason.MODEL_UNKNOWN,
        f"timm {timm.__version__} knows no model {name}",
        f"{advice}timm.list_models() shows all names.",
    )


def not_cuttable(model: torch.nn.Module) -> str | None:
    """What keeps `agent.vit.cut.forward_cut` from being this model's forward; None where nothing does.

    Classes are compared exactly, for a subclass may do anything.
    """
    return _not_plain_eva(model) if type(model) is Eva else not_plain(model)


def not_plain(model: torch.nn.Module) -> str | None:
    """What this model has that a plain `VisionTransformer` has not; None for a plain one.

    The distilled one differs from its base in the two methods that the cut calls, and in nothing else.
    """
    if type(model) not in (VisionTransformer, VisionTransformerDistilled):
        return f"its class is {type(model).__name__}, not the plain VisionTransformer"
    assert isinstance(model, VisionTransformer)
    for block in model.blocks:
        if type(block) is not Block:
            return f"its blocks are {type(block).__name__}, not the plain Block"
        if type(block.attn) is not Attention:
            return f"its attention is {type(block.attn).__name__}, not the plain Attention"
    if not isinstance(model.patch_drop, torch.nn.Identity):
        return "it drops patches by itself"
    return None


def _not_plain_eva(model: Eva) -> str | None:
    for block in model.blocks:
        if type(block) not in (EvaBlock, EvaBlockPostNorm):
            return f"its blocks are {type(block).__name__}, not Eva's own"
        if type(block.attn) not in (EvaAttention, AttentionRope):
            return f"its attention is {type(block.attn).__name__}, not Eva's own"
    if model.rope is not None and type(model.rope) not in _ROTARY:
        return f"its rotary embedding is {type(model.rope).__name__}, not one of those that are known"
    if model.patch_drop is not None:
        return "it drops patches by itself"
    return None


def _refuse_image_size(name: str, model: CuttableVit, wanted: int | None) -> None:
    height, width = model.patch_embed.img_size
    complaint, advice = None, "Leave the image size out to use the model's own."
    if height != width:
        complaint = f"{name} takes images of {height} x {width} pixels"
        advice = "Ask for an image size, the side of square images, or choose a model for square images."
    elif wanted is not None and height != wanted:
        complaint = f"{name} does not take images of {wanted} pixels, only of {height}"
    elif model.patch_embed.num_patches < 1:
        complaint = f"an image of {height} pixels is smaller than one patch of {name}"
    elif all_tokens(model) > MOST_TOKENS:
        complaint = f"{name} has {all_tokens(model)} tokens at {height} pixels; {MOST_TOKENS} are the most"
        advice = "Choose a smaller image size."
    if complaint is not None:
        raise MeasurementFailed(FailureReason.WORKLOAD_UNSUPPORTED, complaint, advice)


def all_tokens(model: CuttableVit) -> int:
    """The transformer tokens that the first block sees, prefix included."""
    return int(model.patch_embed.num_patches) + int(model.num_prefix_tokens)
