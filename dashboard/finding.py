"""Which devices of the fleet a person means: by name, label, kind and state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from agent.wire.codec import WireError
from agent.wire.enrolment import DeviceKind
from orchestrator.views import DeviceState, DeviceView, Label, LabelChange


def labels_of(devices: Iterable[DeviceView]) -> tuple[Label, ...]:
    """The labels that find at least one of ``devices``, by name: each with its value, and each name alone."""
    whole = {label for device in devices for label in device.labels}
    alone = {Label(name=label.name) for label in whole}
    return tuple(sorted(whole | alone, key=str))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to show of a fleet. An empty part leaves nothing out; a device meets one value of each other part."""

    states: Collection[DeviceState] = ()
    kinds: Collection[DeviceKind] = ()
    labels: Collection[Label] = ()

    def shows(self, device: DeviceView) -> bool:
        """Whether ``device`` is among what is asked for."""
        return (
            (not self.states or device.state in self.states)
            and (not self.kinds or device.kind in self.kinds)
            and (not self.labels or any(label.met_by(device.labels) for label in self.labels))
        )


def working(devices: Iterable[DeviceView]) -> tuple[DeviceView, ...]:
    """Those that can be asked to measure: all but the revoked."""
    return tuple(device for device in devices if device.state is not DeviceState.REVOKED)


def meant(devices: Iterable[DeviceView], names: Collection[str], labels: Collection[Label]) -> tuple[DeviceView, ...]:
    """The devices that a sweep for ``names`` and ``labels`` goes to, each once."""
    return tuple(
        device
        for device in working(devices)
        if device.name in names or any(label.met_by(device.labels) for label in labels)
    )


def label_change(now: Sequence[Label], wanted: str) -> LabelChange:
    """What turns the labels ``now`` into those that ``wanted`` lists: "board=orin, lab".

    Raises:
        WireError: something in ``wanted`` is no label, or a name stands there twice.
    """
    labels = [Label.parse(word) for word in wanted.replace(",", " ").split()]
    names = [label.name for label in labels]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise WireError(twice, "stands there twice: a device has one value for a label")
    return LabelChange(
        put=tuple(label for label in labels if label not in now),
        remove=tuple(label.name for label in now if label.name not in names),
    )
