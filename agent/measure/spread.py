"""Which images of a dataset are looked at, and in what order: spread over its classes by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence


def spread(sizes: Sequence[int], count: int, seed: int) -> list[tuple[int, int]]:
    """Class and place within it of ``count`` images, or of all where there are fewer, in an order that ``seed`` gives.

    Equally many of each class, to one, as far as the classes have them; and so has every beginning of the list. The
    paper's own code took the first 1,024 of ImageNet's validation images in the order of folders: 21 of 1,000 classes.

    Args:
        sizes: how many images each class has.
    """
    rng = random.Random(seed)  # noqa: S311  # a choice of images, no secret
    shuffled = [rng.sample(range(size), size) for size in sizes]
    order: list[tuple[int, int]] = []
    for turn in range(max(sizes, default=0)):
        having = [index for index, size in enumerate(sizes) if size > turn]
        rng.shuffle(having)
        order += [(index, shuffled[index][turn]) for index in having]
        if len(order) >= count:
            break
    return order[:count]
