"""Accuracy: what is asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import DeviceName, EpochMs, Identifier, Items, ModelName, Range
from agent.wire.holdings import DatasetHeld, WeightsHeld
from agent.wire.jobs import ModelFacts, Workload
from agent.wire.schedules import Schedule
from orchestrator.analysis.shares import Share
from orchestrator.analysis.trials import AccuracyPlan
from orchestrator.jobs.states import JobState
from orchestrator.views.labels import MOST_LABELS, Label


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyRequest(Message):
    """What a person asks for: the accuracy of models, each measured once, on a device that has weights and images.

    ``workload`` says with what; its batch size is how many images go through the model at a time. Where neither a
    device nor a label is named, any device of the fleet may be chosen.
    """

    models: Annotated[tuple[ModelName, ...], Items(100, 1)]
    plan: AccuracyPlan
    workload: Workload
    devices: Annotated[tuple[DeviceName, ...], Items(1_000)] = ()
    labels: Annotated[tuple[Label, ...], Items(MOST_LABELS)] = ()
    priority: Annotated[int, Range(-100, 100)] = 0

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        for name, values in (("models", self.models), ("devices", self.devices)):
            if len(set(values)) != len(values):
                raise WireError(name, "must not name the same twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleAccuracy(Message):
    """What images came to under one schedule; None is the unpruned model.

    ``top_1`` and ``top_5`` are the shares of images whose label is the first answer, or among the first five, and
    ``change`` by how much top-1 differs from the unpruned model's on the same images; None where nothing says what the
    images show. ``agreement`` is the share of images with the unpruned model's first answer, ``divergence`` the mean
    Kullback-Leibler divergence from its probabilities, in nats. All have 95 % intervals.
    """

    schedule: Schedule | None
    images: Annotated[int, Range(1, 2**53)]
    agreement: Share
    divergence: Share
    top_1: Share | None
    top_5: Share | None
    change: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyView(Message):
    """What an accuracy job found so far, and what it rests on: weights and images by their hashes.

    ``images_planned`` and ``facts`` are None until the device has loaded the model; ``results`` is empty until the
    first batch of images is in.
    """

    job_id: Identifier
    sweep_id: Identifier
    job_state: JobState
    device: DeviceName
    model: ModelName
    workload: Workload
    weights: WeightsHeld
    dataset: DatasetHeld
    plan: AccuracyPlan
    facts: ModelFacts | None
    images_planned: Annotated[int, Range(1, 2**53)] | None
    results: tuple[ScheduleAccuracy, ...]
    created_ms: EpochMs

    @property
    def labelled(self) -> bool:
        """Whether there is an accuracy: the images have labels."""
        return self.dataset.classes is not None

    @property
    def unpruned(self) -> ScheduleAccuracy | None:
        """What the unpruned model came to; None before the first batch of images."""
        return self.results[0] if self.results else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyList(Message):
    """Accuracies, newest first."""

    accuracies: tuple[AccuracyView, ...]
