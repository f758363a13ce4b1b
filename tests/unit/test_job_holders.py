from __future__ import annotations

import pytest

from agent.wire.holdings import DatasetHeld, Holdings, WeightsHeld
from orchestrator.errors import Conflict
from orchestrator.jobs.holders import holder_of
from orchestrator.jobs.matching import Candidate

WEIGHTS = WeightsHeld(model="vit", sha256="a" * 64, classes=10)
IMAGES = DatasetHeld(name="val", images=500, classes=10, listing_sha256="b" * 64)


def a_device(
    number: int, name: str, *, weights: WeightsHeld | None = WEIGHTS, images: DatasetHeld | None = IMAGES
) -> Candidate:
    held = Holdings(weights=() if weights is None else (weights,), datasets=() if images is None else (images,))
    return Candidate(id=number, name=name, labels=(), revoked=False, cores=4, holdings=held)


def chosen(*fleet: Candidate, waiting: dict[int, int] | None = None, quiet: tuple[int, ...] = ()) -> str:
    return holder_of("vit", "val", fleet, waiting=waiting or {}, quiet=quiet).device.name


def refused(*fleet: Candidate) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        chosen(*fleet)
    return refusal.value


def test_the_device_that_has_both_is_chosen() -> None:
    assert chosen(a_device(1, "a", images=None), a_device(2, "b")) == "b"


def test_a_device_that_is_heard_of_goes_before_a_quiet_one_and_then_the_one_with_the_least_to_do() -> None:
    fleet = (a_device(1, "a"), a_device(2, "b"), a_device(3, "c"))

    assert chosen(*fleet) == "a"
    assert chosen(*fleet, waiting={1: 2, 2: 1, 3: 3}) == "b"
    assert chosen(*fleet, waiting={1: 2, 2: 1, 3: 3}, quiet=(1, 2)) == "c"


def test_where_no_device_has_both_each_is_named_with_what_it_lacks() -> None:
    refusal = refused(a_device(1, "a", images=None), a_device(2, "b", weights=None), a_device(3, "c", weights=None))

    assert "a has no dataset val; b has no weights of vit; c has no weights of vit." in refusal.message
    assert "stepfarm-agent weights add vit FILE" in refusal.advice
    assert "There is no device." in refused().message


def test_weights_or_images_that_differ_from_device_to_device_are_not_chosen_from() -> None:
    other_weights = WeightsHeld(model="vit", sha256="c" * 64, classes=10)
    other_images = DatasetHeld(name="val", images=500, classes=10, listing_sha256="d" * 64)

    assert (
        "b has other weights of vit than a"
        in refused(a_device(1, "a"), a_device(2, "b", weights=other_weights)).message
    )
    refusal = refused(a_device(1, "a"), a_device(2, "b", images=other_images))
    assert "b has other images in the dataset val than a" in refusal.message
    assert "--device a" in refusal.advice


def test_classes_of_weights_and_images_must_be_as_many() -> None:
    refusal = refused(a_device(1, "a", weights=WeightsHeld(model="vit", sha256="a" * 64, classes=1_000)))

    assert "val has 10 classes, and the weights of vit on a tell 1000 apart" in refusal.message
    assert "1000 class folders" in refusal.advice


def test_images_without_labels_fit_any_weights() -> None:
    unlabelled = DatasetHeld(name="val", images=5, classes=None, listing_sha256="b" * 64)

    assert chosen(a_device(1, "a", images=unlabelled)) == "a"
