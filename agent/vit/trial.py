"""A trial: the unpruned model and pruned twins of it, over the same images, tallied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import timm
import torch
from PIL import Image
from timm.data.config import resolve_data_config
from timm.data.transforms_factory import create_transform
from timm.models.vision_transformer import VisionTransformer

from agent.errors import MeasurementFailed, ScheduleRefused, StateError
from agent.holdings.image_folder import ImageFolder, read_image_folder
from agent.measure.spread import spread
from agent.vit.failures import memory_explained
from agent.vit.fitting import as_failure
from agent.vit.models import all_tokens, load_model
from agent.vit.refusals import first_line, not_finite
from agent.vit.scheduled import with_schedule
from agent.vit.subject import DTYPES, channels_of, refuse_missing_processor, set_threads
from agent.vit.weights import load_weights
from agent.wire.accuracy import Tally, Trial
from agent.wire.holdings import Material, WeightsHeld
from agent.wire.jobs import FailureReason, ModelFacts, Runtime, Workload
from agent.wire.schedules import Schedule

MODES = {1: "L", 3: "RGB"}
"""Pillow's names for images of so many channels."""

FIRST_ANSWERS = 5


def load_trial_model(
    weights: WeightsHeld, weights_file: Path, material: Material, folder: Path, workload: Workload
) -> TrialModel:
    """The model with its weights, and the images that it will look at.

    Raises:
        MeasurementFailed: weights or images are not there, not those of ``material``, or do not fit each other; or the
            workload does not run here.
    """
    if workload.runtime is not Runtime.EAGER:
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"accuracy is measured with the runtime eager, not {workload.runtime.value}",
            "Leave the runtime out: what a model answers does not depend on it.",
        )
    refuse_missing_processor(workload.processor)
    threads = set_threads(workload.threads)
    images = _images(folder, material)
    if images.labelled and len(images.classes) != weights.classes:
        raise MeasurementFailed(
            FailureReason.DATA_UNUSABLE,
            f"the dataset {material.dataset} has {len(images.classes)} classes, and the weights of {weights.model} "
            f"tell {weights.classes} apart",
            f"Name a dataset of {weights.classes} class folders, or add weights for {len(images.classes)} classes.",
        )
    with memory_explained():
        model = load_model(weights.model, image_size=workload.image_size, classes=weights.classes)
        assert isinstance(model, VisionTransformer)  # the register takes no other
        load_weights(model, weights.model, weights_file, weights.sha256)
        model = model.to(device=workload.processor.value, dtype=DTYPES[workload.data_type])
    return TrialModel(weights.model, model, images, workload, threads)


def _images(folder: Path, material: Material) -> ImageFolder:
    try:
        images = read_image_folder(folder)
    except StateError as error:
        raise MeasurementFailed(FailureReason.DATA_UNUSABLE, error.message, error.advice) from None
    if images.held(material.dataset).listing_sha256 != material.listing_sha256:
        raise MeasurementFailed(
            FailureReason.DATA_UNUSABLE,
            f"the images in {folder} are others than when the dataset {material.dataset} was added",
            f"Add it again: stepfarm-agent dataset add {material.dataset} {folder}; then ask for its accuracy again.",
        )
    return images


@dataclass(frozen=True)
class _Answers:
    """What the unpruned model makes of a batch, which every schedule is held against."""

    logarithms: torch.Tensor
    first: torch.Tensor
    right: torch.Tensor | None


class TrialModel:
    """A loaded model, its pruned twins as they are asked for, and the images."""

    def __init__(
        self, name: str, model: VisionTransformer, images: ImageFolder, workload: Workload, threads: int
    ) -> None:
        self._name = name
        self._model = model
        self._folder = images
        self._workload = workload
        self._mode, self._transform = _preprocessing(name, model)
        self._twin = lru_cache(maxsize=None)(self._applied)
        self._order = lru_cache(maxsize=1)(self._spread)
        self._facts = ModelFacts(
            tokens=all_tokens(model),
            prefix_tokens=int(model.num_prefix_tokens),
            blocks=len(model.blocks),
            image_size=int(model.patch_embed.img_size[0]),
            threads=threads,
            runtime_version=f"torch {torch.__version__}, timm {timm.__version__}",
        )

    @property
    def facts(self) -> ModelFacts:
        """What was found when the model was loaded."""
        return self._facts

    def tally(self, trial: Trial, number: int) -> tuple[Tally, ...]:
        """What batch ``number`` of the trial came to: the unpruned model first, then each schedule.

        Raises:
            MeasurementFailed: a schedule does not fit the model, an image cannot be read, an answer is no number, or
                memory is short.
        """
        images, labels = self._batch(trial, number)
        with torch.inference_mode(), memory_explained():
            plain = self._answers(self._model(images), labels)
            pruned = (self._answers(self._twin(schedule)(images), labels) for schedule in trial.schedules)
            return tuple(_tally(plain, answers, labels) for answers in (plain, *pruned))

    def _applied(self, schedule: Schedule) -> VisionTransformer:
        try:
            return with_schedule(self._model, schedule)
        except ScheduleRefused as refused:
            raise as_failure(refused) from None

    def _spread(self, count: int, seed: int) -> list[tuple[int, int]]:
        return spread([len(theirs) for theirs in self._folder.files], count, seed)

    def _batch(self, trial: Trial, number: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The images of a batch, (B, channels, height, width), and their classes, (B,), where they are known."""
        order = self._order(trial.images, trial.seed)
        which = [order[place] for place in trial.images_in(number)]
        images = torch.stack([self._image(self._folder.files[index][place].name) for index, place in which])
        labels = torch.tensor([index for index, _ in which], device=self._workload.processor.value)
        images = images.to(device=self._workload.processor.value, dtype=DTYPES[self._workload.data_type])
        return images, labels if self._folder.labelled else None

    def _image(self, name: str) -> torch.Tensor:
        try:
            with Image.open(self._folder.root / name) as image:
                return self._transform(image.convert(self._mode))
        except Exception as error:  # noqa: BLE001  # each format's reader fails in ways of its own
            raise MeasurementFailed(
                FailureReason.DATA_UNUSABLE,
                f"the image {name} of {self._folder.root} cannot be read: {first_line(error)}",
                "Copy it again or take it away, then add the dataset again.",
            ) from None

    def _answers(self, logits: torch.Tensor, labels: torch.Tensor | None) -> _Answers:
        if not logits.isfinite().all():
            raise not_finite(self._name, self._workload.data_type)
        logarithms = logits.double().log_softmax(dim=-1)
        right = None
        if labels is not None:
            first = logarithms.topk(min(FIRST_ANSWERS, logarithms.shape[-1]), dim=-1).indices
            right = first == labels.unsqueeze(-1)
        return _Answers(logarithms, logarithms.argmax(dim=-1), right)


def _tally(plain: _Answers, pruned: _Answers, labels: torch.Tensor | None) -> Tally:
    divergence = (plain.logarithms.exp() * (plain.logarithms - pruned.logarithms)).sum(dim=-1).clamp(min=0)
    shown = Tally(
        images=len(pruned.first),
        agreeing=int((plain.first == pruned.first).sum()),
        divergence=float(divergence.sum()),
        divergence_squares=float(divergence.square().sum()),
    )
    if labels is None or plain.right is None or pruned.right is None:
        return shown
    before, after = plain.first == labels, pruned.first == labels
    return Tally(
        images=shown.images,
        agreeing=shown.agreeing,
        divergence=shown.divergence,
        divergence_squares=shown.divergence_squares,
        top_1=int(after.sum()),
        # The first answer counts among the first five, whichever of two equal ones topk puts first.
        top_5=int((pruned.right.any(dim=-1) | after).sum()),
        lost=int((before & ~after).sum()),
        gained=int((after & ~before).sum()),
    )


def _preprocessing(name: str, model: VisionTransformer) -> tuple[str, Callable[[Image.Image], torch.Tensor]]:
    """How Pillow is to read images, and what timm makes of one for this model: its own scale, cut and normalisation.

    Raises:
        MeasurementFailed: the model takes images of other channels than grey or red, green and blue.
    """
    channels, size = channels_of(model), int(model.patch_embed.img_size[0])
    if channels not in MODES:
        raise MeasurementFailed(
            FailureReason.MODEL_UNSUPPORTED,
            f"{name} takes images of {channels} channels",
            "Choose a model for images of 1 or 3 channels.",
        )
    config = resolve_data_config({"input_size": (channels, size, size)}, model=model)  # type: ignore[no-untyped-call]
    transform: Any = create_transform(**config, is_training=False)
    return MODES[channels], cast("Callable[[Image.Image], torch.Tensor]", transform)
