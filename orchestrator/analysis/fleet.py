"""One schedule for several devices: the least worst-case regret.

The regret of a device is what the common schedule costs it above the best of its own that keeps as much. What is sought
is the schedule whose largest regret is smallest. Costs add up over the blocks of one device but the largest of several
does not, so no dynamic program finds it directly. Instead the devices are weighed against each other (a cutting-plane
method on the weights): for given weights the best schedule is found exactly, and its weighted regret is a bound that no
schedule beats. The best schedule met on the way is given, with that bound beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.errors import StepfarmError
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.accuracy import AccuracyCurve
from orchestrator.analysis.frontier import Choices, choices_of, levels_of
from orchestrator.analysis.passes import Floats
from orchestrator.analysis.prediction import BlocksMeasured
from orchestrator.analysis.programming import cheapest, front, most_counts
from orchestrator.analysis.sweet_spots import SweetSpot

ROUNDS = 12
"""Weights that are tried at most."""

FINE_ENOUGH = 1e-4
"""The search ends once no schedule can have a regret smaller by more than this."""

NEIGHBOURS = 64
"""So many paths of each front, the cheapest that keep enough, are looked at for their largest regret."""

GAME_TURNS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A device of the fleet: its name, its blocks as timed in place, and the sweet spots of its curve."""

    name: str
    blocks: BlocksMeasured
    spots: tuple[SweetSpot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What the common schedule means to one device, in ns at their worst, and shares.

    ``own`` are the tokens that leave each block in its own best schedule, ``plain_ns`` is the untouched model.
    ``regret`` is 0 where the common one is as good. ``largest_regret_of_own`` is the largest regret in the fleet if all
    took this device's own best.
    """

    name: str
    own: tuple[int, ...]
    own_ns: float
    common_ns: float
    plain_ns: float
    regret: float
    largest_regret_of_own: float

    @property
    def saves_nothing(self) -> bool:
        """Whether the untouched model would be as fast on this device."""
        return self.common_ns >= self.plain_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSchedule:
    """The common schedule, what it keeps (0 to 1, of tokens or accuracy), and each device's loss.

    No schedule over the same counts has a largest regret below ``at_least``.
    """

    schedule: Schedule
    kept: float
    counts: tuple[int, ...]
    at_least: float
    losses: tuple[Loss, ...]

    @property
    def largest_regret(self) -> float:
        """That of the device which loses most."""
        return max(loss.regret for loss in self.losses)

    @property
    def spared(self) -> tuple[str, ...]:
        """The names of the devices on which it saves nothing."""
        return tuple(loss.name for loss in self.losses if loss.saves_nothing)


def fleet_schedule(
    members: Sequence[Member],
    *,
    kept: float,
    method: Method,
    full_tokens: int,
    prefix_tokens: int,
    accuracy: AccuracyCurve | None = None,
) -> FleetSchedule:
    """The schedule with the least worst-case regret of all that keep at least so much, over all sweet spots together.

    Args:
        members: two devices or more, with as many blocks each.
        kept: the mean over the blocks of the tokens that leave one, or of the accuracy stated at so many, over that of
            the untouched model, 0 to 1.
        method: how blocks choose the tokens that go.
        full_tokens: tokens of the untouched model.
        prefix_tokens: class and register tokens among them.
        accuracy: the stated accuracy curve; None for the token density.

    Raises:
        StepfarmError: the devices' blocks were not timed at common counts, or no schedule keeps so much.
    """
    blocks = _blocks_of(members)
    choices = choices_of(
        [spot for member in members for spot in member.spots],
        timed=set.intersection(*(set(member.blocks.tokens.tolist()) for member in members)),
        most=most_counts(blocks, levels_of(full_tokens, accuracy)),
        method=method,
        full_tokens=full_tokens,
        prefix_tokens=prefix_tokens,
        accuracy=accuracy,
    )
    if choices is None:
        raise StepfarmError(
            f"The blocks of these devices were not all timed at all {full_tokens} tokens.",
            "Time them: stepfarm sweep create MODEL --device NAME --blocks",
        )
    return _Search(members, choices, blocks, kept, prefix_tokens).found()


def _blocks_of(members: Sequence[Member]) -> int:
    if len(members) < 2:
        raise StepfarmError("One schedule for a fleet needs two devices or more.", "Name another curve.")
    depths = {len(member.blocks.shares) for member in members}
    if len(depths) > 1:
        raise StepfarmError(
            f"The curves are of models with {' and '.join(map(str, sorted(depths)))} blocks.",
            "One schedule is for one model: choose curves of it.",
        )
    return depths.pop()


class _Search:
    """The weights, the paths that were met, and their regrets."""

    def __init__(
        self, members: Sequence[Member], choices: Choices, blocks: int, kept: float, prefix_tokens: int
    ) -> None:
        self._members = members
        self._choices = choices
        self._blocks = blocks
        self._prefix_tokens = prefix_tokens
        self._worth = choices.worth(blocks)
        self._least = kept * choices.whole * blocks
        each = [choices.costs(member.blocks) for member in members]
        self._costs = np.stack([costs for costs, _ in each])  # (devices, blocks, counts, counts)
        self._last = np.stack([last for _, last in each])  # (devices, counts)
        self._own_ns = np.ones(len(members))
        self._paths: dict[tuple[int, ...], Floats] = {}

    def found(self) -> FleetSchedule:
        """Search, and say what was found."""
        own = []
        for device in range(len(self._members)):
            weights = np.zeros(len(self._members))
            weights[device] = 1.0
            own.append(self._cheapest(weights))
        self._own_ns = np.array([self._ns(places)[device] for device, places in enumerate(own)])
        for places in [*own, *self._paths]:
            self._paths[places] = self._ns(places) / self._own_ns - 1
        at_least = self._weighed()
        best = min(self._paths, key=lambda places: (float(self._paths[places].max()), float(self._paths[places].sum())))
        return self._told(best, own, max(at_least, 0.0))

    def _weighed(self) -> float:
        """Try weights until none can give a better bound; the best bound."""
        at_least = 0.0
        for _ in range(ROUNDS):
            known = len(self._paths)
            weights = _worst_weights(np.stack(list(self._paths.values())))
            regret = float(weights @ self._paths[self._cheapest(weights)])
            at_least = max(at_least, regret)
            if min(float(regrets.max()) for regrets in self._paths.values()) <= at_least + FINE_ENOUGH:
                break
            if len(self._paths) == known:  # the same weights would come next, and the same path
                break
        return at_least

    def _cheapest(self, weights: Floats) -> tuple[int, ...]:
        """The path of the least weighted regret that keeps enough; it and others like it are remembered."""
        scaled = weights / self._own_ns
        # A weight of nothing times an infinite cost is no number.
        closed = ~np.isfinite(self._costs[0])
        costs = np.tensordot(scaled, np.where(closed, 0.0, self._costs), axes=1)
        costs[closed] = np.inf
        paths = front(costs, scaled @ self._last, self._worth, 0)
        best = cheapest(paths, worth=self._least)
        if best is None:
            raise StepfarmError("No schedule keeps that much: the untouched model keeps the most.", "Ask for less.")
        start = paths.index(best)
        for path in paths[start : start + NEIGHBOURS]:
            self._paths[path.places] = self._ns(path.places) / self._own_ns - 1
        return best.places

    def _ns(self, places: tuple[int, ...]) -> Floats:
        """What a path costs each device at its worst, (devices,)."""
        into = np.array((0, *places[:-1]))
        here = np.array(places)
        total: Floats = self._costs[:, np.arange(self._blocks), into, here].sum(axis=1) + self._last[:, here[-1]]
        return total

    def _leaving(self, places: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(int(self._choices.counts[place]) for place in places)

    def _told(self, best: tuple[int, ...], own: Sequence[tuple[int, ...]], at_least: float) -> FleetSchedule:
        common_ns, plain_ns = self._ns(best), self._ns((0,) * self._blocks)
        return FleetSchedule(
            schedule=Schedule(
                method=self._choices.method,
                tokens=int(self._choices.counts[0]),
                prefix_tokens=self._prefix_tokens,
                leaving=self._leaving(best),
            ),
            kept=float(self._choices.kept[list(best)].mean()) / self._choices.whole,
            counts=tuple(self._choices.counts.tolist()),
            at_least=min(at_least, float(self._paths[best].max())),
            losses=tuple(
                Loss(
                    name=member.name,
                    own=self._leaving(own[device]),
                    own_ns=float(self._own_ns[device]),
                    common_ns=float(common_ns[device]),
                    plain_ns=float(plain_ns[device]),
                    regret=float(self._paths[best][device]),
                    largest_regret_of_own=float(self._paths[own[device]].max()),
                )
                for device, member in enumerate(self._members)
            ),
        )


def _worst_weights(regrets: Floats) -> Floats:
    """The weights of devices that make the least weighted regret of the paths largest, nearly; (paths, devices).

    Multiplicative weights (Freund and Schapire 1999, "Adaptive game playing using multiplicative weights"): the mean of
    the weights over the turns tends to those of the game's value. Any weights give a true bound, so nearly is enough.
    """
    scale = float(np.ptp(regrets))
    devices = regrets.shape[1]
    total, mean = np.zeros(devices), np.zeros(devices)
    if scale <= 0:
        return np.full(devices, 1 / devices)
    rate = np.sqrt(8 * np.log(devices) / GAME_TURNS) / scale
    for _ in range(GAME_TURNS):
        weights = np.exp(rate * (total - total.max()))
        weights /= weights.sum()
        mean += weights
        total += regrets[int(np.argmin(regrets @ weights))]
    weighed: Floats = mean / GAME_TURNS
    return weighed
