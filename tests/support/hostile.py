"""A device that says of itself, and of what it measures, what a browser or a terminal might obey."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from agent.wire.conditions import ClockRate, Conditions, Counter, Doubt, DoubtReason, Temperature
from agent.wire.enrolment import DeviceDescription, Package
from agent.wire.jobs import Failure, FailureReason
from agent.wire.readings import Batch
from orchestrator.analysis.planning import Plan
from orchestrator.client import Client
from tests.support.filling import FakeDevice, begun
from tests.support.store import a_description

T = TypeVar("T")

FOREIGN = "//evil.example/"
"""Whoever asks this host was made to by a device."""

MARKUP = (
    "<script>window.obeyed = true; alert(1)</script>",
    f"<img src='{FOREIGN}a.png' onerror='window.obeyed = true'>",
    f"![picture]({FOREIGN}b.png)",
    "[press me](javascript:window.obeyed=true)",
    f"<iframe src='{FOREIGN}c'></iframe><style>body {{ display: none }}</style>",
    f"</div></body><svg onload=window.obeyed=true><image href='{FOREIGN}d.png'/></svg>",
    ":red[loud] :material/delete: $\\href{javascript:alert(1)}{x}$ `code` ```` &lt;b&gt;",
    "\x1b[2J\x1b]0;obeyed\x07\u202e\b\b\b",
)


def _of(number: int, longest: int = 200) -> str:
    return f"{number}: {MARKUP[number % len(MARKUP)]}"[:longest]


DESCRIPTION: DeviceDescription = replace(
    a_description(),
    hardware=_of(1),
    processor=_of(0),
    architecture=_of(2),
    system=_of(4),
    python=_of(3),
    agent_version=_of(6),
    packages=tuple(Package(name=_of(number), version=_of(number + 1)) for number in range(8)),
    gaps=tuple(_of(number) for number in range(8)),
)

CONDITIONS = Conditions(
    temperatures=tuple(Temperature(sensor=_of(number), celsius=50) for number in range(8)),
    clocks=tuple(ClockRate(domain=_of(number), mhz=1_000, min_mhz=None, max_mhz=None) for number in range(8)),
    governor=_of(1),
    power_mode=_of(2),
    throttled=(_of(0), _of(4)),
    counters=(Counter(name=_of(5), count=1),),
    group=_of(7),
    gaps=tuple(_of(number) for number in range(8)),
)

DOUBTS = tuple(Doubt(reason=DoubtReason.UNSTEADY, evidence=" ".join(MARKUP)[:200]) for _ in range(2))

FAILURE = Failure(reason=FailureReason.CRASHED, message=" ".join(MARKUP), advice=" ".join(reversed(MARKUP)))


def measured_by(device: FakeDevice, operator: Client) -> tuple[int, int]:
    """The numbers of a curve that the device measured, and of a sweep at which it failed."""
    device.client.describe(DESCRIPTION)
    job = begun(device, operator, plan=Plan(exhaustive=True, confirm=False, passes=3, min_tokens=150, stride=4))
    for number in range(3):
        batch: Batch = replace(job.batch(number), before=CONDITIONS, after=CONDITIONS, doubts=DOUBTS)
        device.client.post_batch(job.job_id, batch)
    curve_id = job.finish().summary.id
    for _ in range(3):
        failing = begun(device, operator, batch_size=2)
        failing.fail(FAILURE)
    return curve_id, operator.sweeps()[0].id


def parts_that_obey(page: Any) -> list[str]:
    """What on a page of the dashboard came of the markup: elements that ask a foreign host or run a script."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('[src*="evil.example"], image[href*="evil.example"], '
            + 'a[href^="javascript"], iframe[src*="evil"], svg[onload], img[onerror]')].map(one => one.outerHTML)
            .concat(window.obeyed ? ['a script ran'] : [])"""
    )
    return found
