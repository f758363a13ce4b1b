"""Labels: what a person says of a device, to find it by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import Items, Text

# A dash at the end takes a label away on the command line: no name ends in one.
LabelName = Annotated[str, Text(63, 1, r"[A-Za-z0-9]([A-Za-z0-9_.\-]*[A-Za-z0-9])?")]
LabelValue = Annotated[str, Text(63, 0, r"[A-Za-z0-9_.\-]*")]

MOST_LABELS = 50
"""The most labels of a device, and of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Message):
    """What a person says of a device, to find it by: ``board=orin``, or a name alone."""

    name: LabelName
    value: LabelValue = ""

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.value else self.name

    @classmethod
    def parse(cls, text: str) -> Label:
        """The label that ``text`` names.

        Raises:
            WireError: it is neither NAME nor NAME=VALUE.
        """
        name, _, value = text.partition("=")
        return cls(name=name, value=value)

    def met_by(self, labels: Iterable[Label]) -> bool:
        """Whether one of ``labels`` is the one looked for; without a value any of that name is."""
        return any(label.name == self.name and self.value in ("", label.value) for label in labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange(Message):
    """What to change of the labels of a device: put these, take those names away."""

    put: Annotated[tuple[Label, ...], Items(MOST_LABELS)] = ()
    remove: Annotated[tuple[LabelName, ...], Items(MOST_LABELS)] = ()

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        names = [label.name for label in self.put]
        if len(set(names)) != len(names):
            raise WireError("put", "must not name the same label twice")
        both = sorted(set(names) & set(self.remove))
        if both:
            raise WireError("remove", f"must not name {both[0]}, which is to be put on")
