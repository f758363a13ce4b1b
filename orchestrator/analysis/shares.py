"""Shares of images with intervals, and what pruning changes of them.

The interval of a share is Wilson's score interval (E. B. Wilson, JASA 1927). It holds its 95 % closely from a few
images on, has a width where all or none are right, and needs no more than square roots; the interval of Clopper and
Pearson is wider than it need be (Brown, Cai and DasGupta, *Interval Estimation for a Binomial Proportion*, 2001).
Images are drawn evenly from the classes, which makes shares a little surer than either says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH_95 = 1.959963984540054
"""Standard errors to either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A value with the ends of its 95 % interval; of images, from 0 to 1."""

    value: float
    low: float
    high: float


def share_of(count: int, images: int) -> Share:
    """The share that ``count`` is of ``images``, at least one, with Wilson's interval."""
    share, square = count / images, WIDTH_95**2
    middle = (share + square / (2 * images)) / (1 + square / images)
    reach = WIDTH_95 / (1 + square / images) * math.sqrt(share * (1 - share) / images + square / (4 * images**2))
    # Rounding may leave an end a hair beyond the share where all or none are counted.
    return Share(value=share, low=max(0.0, min(share, middle - reach)), high=min(1.0, max(share, middle + reach)))


def change_of(lost: int, gained: int, images: int) -> Share:
    """By how much a share changed: ``lost`` images counted before and do not now, ``gained`` the opposite.

    The images are the same before and after, so the interval is that of a paired difference: Wald's, after half an
    image is added to each of the four cells of the table (Agresti and Min, *Statistics in Medicine* 2005). The value is
    what was counted.
    """
    more_lost, more_gained, of = lost + 0.5, gained + 0.5, images + 2
    middle = (more_gained - more_lost) / of
    reach = WIDTH_95 * math.sqrt(more_gained + more_lost - (more_gained - more_lost) ** 2 / of) / of
    value = (gained - lost) / images
    return Share(value=value, low=max(-1.0, min(value, middle - reach)), high=min(1.0, max(value, middle + reach)))


def mean_of(total: float, squares: float, images: int) -> Share:
    """The mean over ``images`` of values of which ``total`` is the sum and ``squares`` that of their squares."""
    mean = total / images
    if images == 1:
        return Share(value=mean, low=mean, high=mean)
    variance = max(0.0, squares / images - mean**2) * images / (images - 1)
    reach = WIDTH_95 * math.sqrt(variance / images)
    return Share(value=mean, low=mean - reach, high=mean + reach)
