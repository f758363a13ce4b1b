"""Which devices a sweep is for, and whether they can do what it asks: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.wire.enrolment import NOTHING_HELD
from agent.wire.holdings import Holdings
from agent.wire.jobs import Workload
from orchestrator.errors import BadRequest, Conflict, NotFound
from orchestrator.views import Label

SHOWN = 20
"""So many names stand in a refusal that lists what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A device as a sweep sees it."""

    id: int
    name: str
    labels: tuple[Label, ...]
    revoked: bool
    cores: int
    holdings: Holdings = NOTHING_HELD


def chosen(fleet: Sequence[Candidate], names: Sequence[str], labels: Sequence[Label]) -> list[Candidate]:
    """The devices of ``fleet`` with these names, in this order, then those that carry one of ``labels``; each once.

    Revoked devices are left out where a label finds them.

    Raises:
        NotFound: no device has one of the names, or carries one of the labels.
        Conflict: a device that is named was revoked.
    """
    by_name = {one.name: one for one in fleet}
    at_work = [one for one in fleet if not one.revoked]
    found = [_named(by_name, name) for name in names]
    for wanted in labels:
        found += _carriers(at_work, wanted)
    return list({one.id: one for one in found}.values())


def _named(by_name: Mapping[str, Candidate], name: str) -> Candidate:
    if name not in by_name:
        raise NotFound(f"There is no device called {name}.", f"The devices are: {_listed(by_name)}.")
    if by_name[name].revoked:
        raise Conflict(f"The device {name} was revoked: it measures no more.", "Enrol it anew, under another name.")
    return by_name[name]


def _carriers(fleet: Sequence[Candidate], wanted: Label) -> list[Candidate]:
    carriers = [one for one in fleet if wanted.met_by(one.labels)]
    if not carriers:
        known = {str(label) for one in fleet for label in one.labels}
        raise NotFound(
            f"No device carries the label {wanted}.",
            f"The labels are: {_listed(known)}. Put it on one: stepfarm devices label NAME {wanted}",
        )
    return carriers


def _listed(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more or "none yet"


def refuse_too_many_threads(devices: Sequence[Candidate], workloads: Sequence[Workload]) -> None:
    """Refuse workloads with more threads than a device has cores: they would wait for each other, not work.

    Raises:
        BadRequest: naming the device and its cores.
    """
    threads = max(workload.threads or 0 for workload in workloads)
    for device in devices:
        if threads > device.cores:
            raise BadRequest(
                f"{device.name} has {device.cores} core{'' if device.cores == 1 else 's'}, and {threads} threads are "
                "asked for.",
                f"Ask for at most {device.cores}, or for none: the device then uses all cores that it may use.",
            )
