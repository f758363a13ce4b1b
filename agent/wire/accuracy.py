"""Accuracy on the wire: a trial of images under schedules, and the tallies that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import EpochMs, Fence, Items, Ordinal, Range
from agent.wire.holdings import Images
from agent.wire.jobs import ModelFacts
from agent.wire.schedules import Schedule

MOST_TRIED = 64
MOST_BATCH = 4_096
Count = Annotated[int, Range(0, MOST_BATCH)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(Message):
    """So many images, spread over classes by ``seed``, through the unpruned model and through each schedule.

    Batch k holds the images from k x ``batch_images`` on, in the order that the seed gives.
    """

    images: Images
    batch_images: Annotated[int, Range(1, MOST_BATCH)]
    seed: Annotated[int, Range(0, 2**32 - 1)]
    schedules: Annotated[tuple[Schedule, ...], Items(MOST_TRIED)]

    @property
    def batches(self) -> int:
        """How many batches hold the images."""
        return -(-self.images // self.batch_images)

    def images_in(self, batch: int) -> range:
        """The places, in the seed's order, of the images of that batch."""
        return range(batch * self.batch_images, min((batch + 1) * self.batch_images, self.images))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally(Message):
    """What a batch of images came to under one schedule, beside the unpruned model.

    ``top_1`` and ``top_5`` count images whose label is the model's first answer, or among its first five. ``lost``
    counts those that the unpruned model gets right and this does not, ``gained`` the opposite. All four are None where
    the images have no labels. ``agreeing`` counts images with the same first answer, and ``divergence`` is the sum over
    images of the Kullback-Leibler divergence from the unpruned model's probabilities, in nats, ``divergence_squares``
    that of its squares.
    """

    images: Annotated[int, Range(1, MOST_BATCH)]
    agreeing: Count
    divergence: Annotated[float, Range(0, 1e9)]
    divergence_squares: Annotated[float, Range(0, 1e15)]
    top_1: Count | None = None
    top_5: Count | None = None
    lost: Count | None = None
    gained: Count | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        told = (self.top_1, self.top_5, self.lost, self.gained)
        if any(count is None for count in told) != all(count is None for count in told):
            raise WireError("top_1", "must be given with top_5, lost and gained, or none of them")
        for name in ("agreeing", "top_1", "top_5", "lost", "gained"):
            if (getattr(self, name) or 0) > self.images:
                raise WireError(name, f"must not be above the {self.images} images")
        if self.top_1 is not None and self.top_5 is not None and self.top_1 > self.top_5:
            raise WireError("top_1", f"must not be above top_5, {self.top_5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyBatch(Message):
    """The tallies of one batch of images: of the unpruned model first, then of each schedule of the trial.

    The same (job, number) with the same content may come any number of times; with other content it is an error.
    """

    fence: Fence
    number: Ordinal
    started_ms: EpochMs
    tallies: Annotated[tuple[Tally, ...], Items(MOST_TRIED + 1, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest(Message):
    """The model is loaded with its weights, and everything that was tallied is posted."""

    fence: Fence
    facts: ModelFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAnswer(Message):
    """The trial, of which the first ``batches_done`` are stored; none means that there is nothing more to do."""

    trial: Trial | None
    batches_done: Ordinal
