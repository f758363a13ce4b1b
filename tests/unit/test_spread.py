from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agent.measure.spread import spread

SIZES = st.lists(st.integers(0, 9), max_size=8)


@given(SIZES, st.integers(0, 80), st.integers(0, 5))
def test_no_image_is_taken_twice_and_as_many_are_taken_as_there_are(sizes: list[int], count: int, seed: int) -> None:
    chosen = spread(sizes, count, seed)

    assert len(set(chosen)) == len(chosen) == min(count, sum(sizes))
    assert all(0 <= place < sizes[index] for index, place in chosen)


@given(SIZES, st.integers(0, 80), st.integers(0, 5))
def test_every_beginning_holds_equally_many_of_each_class_to_one(sizes: list[int], count: int, seed: int) -> None:
    taken: Counter[int] = Counter()
    for index, _ in spread(sizes, count, seed):
        taken[index] += 1
        assert all(taken[other] >= min(taken[index] - 1, size) for other, size in enumerate(sizes))


def test_a_seed_gives_the_same_images_again_and_another_seed_others() -> None:
    sizes = [50] * 10

    assert spread(sizes, 30, 1) == spread(sizes, 30, 1)
    assert spread(sizes, 30, 1) != spread(sizes, 30, 2)


def test_a_longer_choice_begins_with_the_shorter() -> None:
    assert spread([50] * 10, 60, 3)[:30] == spread([50] * 10, 30, 3)
