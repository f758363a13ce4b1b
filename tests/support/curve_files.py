"""Curves as files: a test says what matters to it."""

from __future__ import annotations

from typing import Any

from agent.wire.conditions import Conditions, Doubt, DoubtReason, Temperature
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import ModelFacts, Workload
from orchestrator.curves.file import CurveFile
from orchestrator.views import PassView
from tests.support.store import a_description

THROTTLED = Doubt(reason=DoubtReason.THROTTLED, evidence="the throttle flag was set")


def a_pass(number: int = 0, *, fence: int = 1, round_: int = 0, doubts: tuple[Doubt, ...] = ()) -> PassView:
    """One pass over 5, 2 and 9 tokens, the second of its readings rejected."""
    return PassView(
        fence=fence,
        round=round_,
        number=number,
        complete=True,
        started_ms=1_760_000_000_000 + number,
        before=Conditions(temperatures=(Temperature(sensor="cpu", celsius=50.5),)),
        after=Conditions(gaps=("no clock can be read",)),
        doubts=doubts,
        tokens=(5, 2, 9),
        start_ns=(10**9, 2 * 10**9, 3 * 10**9),
        latency_ns=(5_000_000 + number, 2_000_000, 9_000_001),
        rejected=("", "waited", ""),
    )


def a_curve_file(**other: Any) -> CurveFile:
    """A curve of four passes in two rounds and two attempts, but for ``other``."""
    kind = other.get("device_kind", DeviceKind.JETSON)
    said: dict[str, Any] = {
        "source": "stepfarm 0.1.0, measured alone",
        "origin": None,
        "device": "orin",
        "device_kind": kind,
        "description": a_description(kind),
        "model": "deit_tiny_patch16_224",
        "workload": Workload(batch_size=4),
        "facts": ModelFacts(
            tokens=17, prefix_tokens=1, blocks=2, image_size=64, threads=1, runtime_version="torch 2.9.0, timm 1.0.22"
        ),
        "created_ms": 1_760_000_000_000,
        "passes": (a_pass(0, doubts=(THROTTLED,)), a_pass(1), a_pass(2, fence=2), a_pass(0, fence=2, round_=1)),
    }
    return CurveFile(**{**said, **other})
